"""Whether what is said in calls is kept, and the beginning of that. The rest is in `_content`, loaded only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanledger._call import reporting
from spanledger._guard import guarded

if TYPE_CHECKING:
    from spanledger._call import Call
    from spanledger._settings import Capture
    from spanledger.content import Format

__all__ = ["capturing", "keep_content"]


def capturing() -> bool:
    """Whether prompts and completions are to be kept."""
    reports = reporting()
    return reports is not None and reports[1].capture is not None


def keep_content(call: Call | None, said_in: Format | None, asked: object) -> None:
    """Keep what is said in `call`, which starts with what is `asked`, if that is wanted and it has a known format."""
    if call is None or said_in is None or call.settings.capture is None:
        return
    if call.recording or not call.span.get_span_context().is_valid:  # not one that is not sampled
        guarded("keep what is said", _keep_content, call, call.settings.capture, said_in, asked)


def _keep_content(call: Call, capture: Capture, said_in: Format, asked: object) -> None:
    from spanledger._content import Content  # noqa: PLC0415  # who does not want it does not load it

    call.keep(Content(capture, said_in, asked))
