"""OpenAI: what is made now and answered later. Background responses, batches, and runs of assistants.

Which answers count, and why those of foreground responses do not: docs/decisions/0004-background-responses.md.
"""

from __future__ import annotations

import re
from typing import Final

from spanledger import semconv
from spanledger._fetched import Found
from spanledger._reading import Reading
from spanledger._stainless import Fetching
from spanledger.content import OPENAI_RESPONSES
from spanledger.providers.openai_responses import LAST_EVENTS, read_whole_response
from spanledger.providers.openai_usage import read_identity, read_usage
from spanledger.usage import fields, get

__all__ = ["FETCHINGS"]

_ENDED: Final = frozenset({"completed", "incomplete", "failed", "cancelled", "expired"})
"""Status of a response, a batch or a run that will not change its usage any more."""

_OPERATION_BY_ENDPOINT: Final = {
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
    "/v1/moderations": "moderation",
    "/v1/images/generations": "image_generation",
    "/v1/images/edits": "image_generation",
}
"""What a batch did, by its `endpoint`; everything else is chat."""

_EARLIEST: Final = 1_400_000_000
"""Seconds since 1970 before which no time stamp of an API can lie."""


def find_response(answer: object) -> Found | None:
    """A finished background response: fetched whole, or as the last event of a stream that was taken up again."""
    response = get(answer, "response") if get(answer, "type") in LAST_EVENTS else answer
    if get(response, "background") is not True or not _has_ended(response):
        return None
    reading = Reading()
    read_whole_response(response, reading)
    return Found("chat", reading, _created_ns(response), said=response, content=OPENAI_RESPONSES)


def find_batch(answer: object) -> Found | None:
    """A finished batch: the usage of all its requests together, which batches since September 2025 say."""
    if get(answer, "object") != "batch" or not _has_ended(answer):
        return None
    reading = Reading(attributes={semconv.PROCESSING: "batch"})
    read_identity(fields(answer), reading)
    read_usage(get(answer, "usage"), reading)
    operation = _OPERATION_BY_ENDPOINT.get(str(get(answer, "endpoint")), "chat")
    return Found(operation, reading, _created_ns(answer)) if any(reading.usage.values()) else None


def find_run(answer: object) -> Found | None:
    """A finished run of an assistant: the sum over the model calls in it, made by an agent of the provider."""
    run = get(answer, "data") if get(answer, "event") is not None else answer
    if get(run, "object") != "thread.run" or not _has_ended(run):
        return None
    reading = Reading()
    read_identity(fields(run), reading)
    read_usage(get(run, "usage"), reading)
    return Found("invoke_agent", reading, _created_ns(run))


def _has_ended(answer: object) -> bool:
    return get(answer, "status") in _ENDED and get(answer, "usage") is not None


def _created_ns(answer: object) -> int | None:
    """When the provider began, in nanoseconds; time stamps are in seconds, rounded down."""
    created = get(answer, "created_at")
    return int(created) * 10**9 if isinstance(created, int | float) and created > _EARLIEST else None


_RUNS: Final = r"/threads(/[^/]+)?/runs"

FETCHINGS: Final = (
    Fetching("get", re.compile(r"/responses/[^/]+$"), find_response),
    Fetching("post", re.compile(r"/responses/[^/]+/cancel$"), find_response),
    Fetching("get", re.compile(r"/batches/[^/]+$"), find_batch),
    Fetching("get", re.compile(_RUNS + r"/[^/]+$"), find_run),
    Fetching("post", re.compile(_RUNS + r"(/[^/]+/submit_tool_outputs)?$"), find_run),
)
