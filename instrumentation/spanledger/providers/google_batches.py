"""Gemini's batches, whose answers come with the batch when it is fetched, unless they go to a file or to a bucket."""

from __future__ import annotations

import re
from typing import Final

from spanledger import semconv
from spanledger._fetched import Fetching, Found
from spanledger._reading import Reading
from spanledger.content import GEMINI_GENERATE
from spanledger.providers.google_answers import read_content
from spanledger.providers.google_usage import items
from spanledger.usage import get

__all__ = ["BATCHES", "answers_of_batch"]

_ANSWERS: Final = "inlinedResponses"


def answers_of_batch(batch: object) -> list[object]:
    """The answers in a batch, which is an operation: they are in its metadata or in its response."""
    for holder in (get(batch, "response"), get(get(batch, "metadata"), "output")):
        if found := [get(entry, "response") for entry in items(get(get(holder, _ANSWERS), _ANSWERS))]:
            return found
    return []


def find_answer(answer: object) -> Found | None:
    """One answer of a batch; what failed has none, and is not billed."""
    reading = Reading(attributes={semconv.PROCESSING: "batch"})
    read_content(answer, reading)
    return Found("generate_content", reading, said=answer, content=GEMINI_GENERATE) if reading.usage else None


BATCHES: Final = Fetching("get", re.compile(r"(^|/)batches/[^/]+$"), find_answer)
