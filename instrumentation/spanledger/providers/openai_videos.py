"""Videos as OpenAI writes them: made in the background, billed by the second when done (API reference: videos).

The request that makes one is a call without usage; whoever fetches the finished video in the same process counts its
seconds. Not those of an extension: what it tells is the length of the whole, most of which was billed before.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from spanledger._fetched import Found, await_answer, is_awaited
from spanledger._reading import Reading
from spanledger._stainless import Endpoint, Fetching
from spanledger.providers.openai_usage import read_identity
from spanledger.usage import fields, get, put_seconds

__all__ = ["VIDEO_ENDPOINTS", "VIDEO_FETCHINGS"]

_OPERATION: Final = "video_generation"
_NEEDS: Final = ("second",)
_LATER: Final = "made in the background: its seconds come when it is retrieved"
_TOGETHER: Final = "an extension: its seconds are told together with those of the video that it extends"


def read_made(answer: object, reading: Reading, *, evidence: str = _LATER) -> None:
    """A video that is queued."""
    read_identity(fields(answer), reading)
    reading.evidence = evidence
    if reading.response_id is not None and evidence == _LATER:
        await_answer(reading.response_id)


def find_video(answer: object) -> Found | None:
    """A finished video that this process had made; one that failed is not billed."""
    if get(answer, "status") != "completed" or not is_awaited(get(answer, "id")):
        return None
    reading = Reading()
    read_identity(fields(answer), reading)
    put_seconds(reading.usage, get(answer, "seconds"))
    if isinstance(size := get(answer, "size"), str):
        reading.evidence = f"size {size}"
    created = get(answer, "created_at")
    return Found(_OPERATION, reading, int(created) * 10**9 if isinstance(created, int | float) else None, _NEEDS)


def read_nothing(_chunk: object, _reading: Reading) -> None:
    """Videos are not streamed."""


_READERS: Final = (
    ("/videos", read_made),
    ("/videos/edits", read_made),
    ("/remix", read_made),
    ("/videos/extensions", partial(read_made, evidence=_TOGETHER)),
)

VIDEO_ENDPOINTS: Final = tuple(Endpoint(path, _OPERATION, read, read_nothing, needs=_NEEDS) for path, read in _READERS)
VIDEO_FETCHINGS: Final = (Fetching("get", re.compile(r"/videos/[^/]+$"), find_video),)
