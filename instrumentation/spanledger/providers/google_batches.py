"""Gemini's batches, whose answers come with the batch when it is fetched, in a file, or (Vertex AI) in a bucket.

A file is known for one of answers when the batch that names it was fetched by this process; its lines are counted when
the application downloads it into memory. What goes to a disk is not read by us: the batch is then one unmetered call.
"""

from __future__ import annotations

import json
import re
from typing import Final

from spanledger import semconv
from spanledger._fetched import Fetching, Found, await_answer, is_awaited
from spanledger._reading import Reading
from spanledger.content import GEMINI_GENERATE
from spanledger.providers.google_answers import read_content
from spanledger.providers.google_usage import items
from spanledger.usage import get

__all__ = ["BATCHES", "answers_in_file", "answers_of_batch", "file_of_answers", "find_answer"]

_ANSWERS: Final = "inlinedResponses"
_UNREAD: Final = "unreadFile"
"""The field of what stands for a file of answers that went to a disk."""


def answers_of_batch(batch: object) -> list[object]:
    """The answers in a batch, which is an operation: they are in its metadata or in its response."""
    for holder in (get(batch, "response"), get(get(batch, "metadata"), "output")):
        if found := [get(entry, "response") for entry in items(get(get(holder, _ANSWERS), _ANSWERS))]:
            return found
    return []


def find_answer(answer: object) -> Found | None:
    """One answer of a batch; what failed has none, and is not billed. A batch may tell the file of its answers."""
    reading = Reading(attributes={semconv.PROCESSING: "batch"})
    if isinstance(name := get(answer, _UNREAD), str):
        reading.response_id, reading.evidence = name, "answers of a batch that were downloaded to a disk"
        return Found("generate_content", reading)
    for holder in (get(answer, "response"), get(get(answer, "metadata"), "output")):
        if isinstance(name := get(holder, "responsesFile"), str):
            await_answer(name)
    read_content(answer, reading)
    return Found("generate_content", reading, said=answer, content=GEMINI_GENERATE) if reading.usage else None


_DOWNLOAD: Final = re.compile(r"(?:^|/)(files/[^/:]+):download$")


def file_of_answers(path: str) -> str | None:
    """The file that a request with this path downloads, if it is known to be one of answers."""
    found = _DOWNLOAD.search(path)
    return found[1] if found is not None and is_awaited(found[1]) else None


def answers_in_file(name: str, downloaded: object) -> list[object]:
    """The answers in a file, one to a line; in their place, where it went to a disk, what says so."""
    if not isinstance(downloaded, bytes):
        return [{_UNREAD: name}]
    return [get(json.loads(line), "response") for line in downloaded.splitlines() if b'"response"' in line]


BATCHES: Final = Fetching("get", re.compile(r"(^|/)batches/[^/]+$"), find_answer)
