"""Reading a stream at the price of its telling chunks: most bring a few characters and nothing that is counted."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from spanledger._reading import Reader, Reading

__all__ = ["characters", "skimming"]

_TEXT = r'"(?:text|content)":\s*"((?:[^"\\]|\\.)*)"'
"""A piece of an answer in a chunk; its length is how many characters have been seen, give or take an escape."""

_TEXT_IN_STR, _TEXT_IN_BYTES = re.compile(_TEXT), re.compile(_TEXT.encode())


def characters(data: str) -> int:
    """How many characters of an answer a chunk brings."""
    text = _TEXT_IN_STR.search(data)
    return len(text[1]) if text is not None else 0


def skimming(read: Reader, *telling: bytes) -> Reader:
    """A reader of chunks that come as bytes of JSON. It parses, for `read`, those with any of the `telling` words in it
    (all, if there are no such words), and the first ones until the answer's id is known. Of the others it takes the
    number of characters."""

    def read_chunk(chunk: object, reading: Reading) -> None:
        data = cast("bytes", chunk)
        if telling and reading.response_id is not None and not any(word in data for word in telling):
            if (text := _TEXT_IN_BYTES.search(data)) is not None:
                reading.characters += len(text[1])
        else:
            read(json.loads(data), reading)

    return read_chunk
