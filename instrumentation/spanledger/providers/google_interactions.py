"""Gemini's interactions, which go through an SDK within the SDK: two generators have made it over time.

One that is made in the background is answered later. What is fetched does not say how it was made, so it counts only
where this process made it, and only if its usage did not come then (docs/decisions/0004-background-responses.md).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from typing import Final, cast

from spanledger._fetched import Fetching, Found, await_answer, count_once, is_awaited
from spanledger._http import Route
from spanledger._reading import Reading
from spanledger._skimming import skimming
from spanledger._speakeasy import SpeakeasySdk
from spanledger._speakeasy import request_points as speakeasy_points
from spanledger._stainless import Endpoint, StainlessSdk
from spanledger._stainless import request_points as stainless_points
from spanledger.content import GEMINI_INTERACTIONS
from spanledger.providers.google_usage import INTERACTION, items, read_tier, read_usage
from spanledger.usage import get, put

__all__ = ["INTERACTION_POINTS"]

_OPERATION: Final = "generate_content"
_UNDER_WAY: Final = ("in_progress", "queued")
_EARLIEST: Final = 2024


def read_answer(answer: object, reading: Reading) -> None:
    """The answer to a request that made an interaction: whole, or its usage comes later."""
    _read_made(answer, reading)
    if get(answer, "usage") is None and get(answer, "status") in _UNDER_WAY:
        reading.evidence = "made in the background: usage comes when it is retrieved"


def read_event(event: object, reading: Reading) -> None:
    """An event of a streamed interaction. The last one repeats it as a whole, with its usage."""
    interaction = get(event, "interaction")
    if interaction is not None:
        _read_made(interaction, reading)
        reading.complete = reading.complete or get(interaction, "usage") is not None
    text = get(get(event, "delta"), "text")
    reading.characters += len(text) if isinstance(text, str) else 0


def _read_made(interaction: object, reading: Reading) -> None:
    _read(interaction, reading)
    if reading.response_id is None:
        return
    if get(interaction, "usage") is None:
        await_answer(reading.response_id)
    else:
        count_once(reading.response_id)


def _read(interaction: object, reading: Reading) -> None:
    if isinstance(interaction_id := get(interaction, "id"), str):
        reading.response_id = interaction_id
    if isinstance(model := get(interaction, "model"), str):
        reading.response_model = model
    if isinstance(status := get(interaction, "status"), str):
        reading.finish_reasons = [status]
    usage = get(interaction, "usage")
    read_usage(usage, reading, INTERACTION)
    for tool in items(get(usage, "grounding_tool_count")):
        if get(tool, "type") == "google_search":
            put(reading.usage, "web_search", get(tool, "count"))
    read_tier(get(interaction, "service_tier"), reading)


def find_interaction(answer: object) -> Found | None:
    """A finished interaction: fetched whole, or as the last event of a stream that was taken up again."""
    answer = cast("object", json.loads(answer)) if isinstance(answer, bytes) else answer
    interaction = get(answer, "interaction") if get(answer, "event_type") is not None else answer
    usage, status = get(interaction, "usage"), get(interaction, "status")
    if usage is None or status in _UNDER_WAY or not is_awaited(get(interaction, "id")):
        return None
    reading = Reading()
    _read(interaction, reading)
    return Found(_OPERATION, reading, _created_ns(interaction), said=interaction, content=GEMINI_INTERACTIONS)


def _created_ns(interaction: object) -> int | None:
    """When the provider began, in nanoseconds; what is before there were such APIs is no time."""
    created = get(interaction, "created")
    try:
        began = created if isinstance(created, datetime) else datetime.fromisoformat(str(created))
    except ValueError:
        return None
    known = began.tzinfo is not None and began.year >= _EARLIEST
    return int(began.timestamp()) * 10**9 if known else None


_FETCHINGS: Final = (
    Fetching("get", re.compile(r"interactions/[^/]+$"), find_interaction),
    Fetching("post", re.compile(r"interactions/[^/]+/cancel$"), find_interaction),
)
_GENERATED_LATER: Final = SpeakeasySdk(
    "google.genai._gaos",
    "gcp.gemini",
    (
        Route(
            re.compile(r"/interactions$"),
            _OPERATION,
            read_answer,
            skimming(read_event, b'"interaction'),
            content=GEMINI_INTERACTIONS,
        ),
    ),
    async_apart=True,
    fetchings=_FETCHINGS,
)
_GENERATED_FIRST: Final = StainlessSdk(
    "gcp.gemini",
    (Endpoint("interactions", _OPERATION, read_answer, read_event, content=GEMINI_INTERACTIONS),),
    _FETCHINGS,
)

INTERACTION_POINTS: Final = tuple(
    replace(point, optional=True)  # a version has one of the two
    for point in (
        *speakeasy_points(_GENERATED_LATER),
        *stainless_points("google.genai._interactions", _GENERATED_FIRST),
    )
)
