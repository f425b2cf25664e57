"""Whether what is said in calls is kept, and the beginning of that. The rest is in `_content`, loaded only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanledger._call import reporting
from spanledger._guard import guarded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from spanledger._call import Call
    from spanledger._settings import Capture
    from spanledger.content import Format

__all__ = ["capturing", "keep_answer", "keep_content"]


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


def keep_answer(span: Span, said: Mapping[str, AttributeValue], said_in: Format | None, answer: object) -> None:
    """Keep the `answer` of a call that is over, if that is wanted and it has a known format. What was asked is not
    known any more. `said`: what `span` says of the call besides."""
    reports = reporting()
    capture = reports[1].capture if reports is not None else None
    if capture is not None and said_in is not None and span.is_recording():
        guarded("keep what is said", _keep_answer, span, said, capture, said_in, answer)


def _keep_answer(
    span: Span, said: Mapping[str, AttributeValue], capture: Capture, said_in: Format, answer: object
) -> None:
    from spanledger._content import Content  # noqa: PLC0415  # who does not want it does not load it

    content = Content(capture, said_in, {})
    content.response(answer)
    content.write(span, said)
