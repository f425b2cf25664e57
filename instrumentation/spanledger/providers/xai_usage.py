"""What xAI's answers say: messages of protocol buffers, in which a count that is absent is a zero.

`completion_tokens` leaves out `reasoning_tokens`; `prompt_tokens` contains what was cached. In a stream every chunk is
cumulative. The provider says its own price, in ticks.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from spanledger import semconv
from spanledger.usage import get, put

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from spanledger._reading import Reading

__all__ = ["read_completion", "read_images", "read_video"]

_TICK_PLACES = 10
"""10^10 ticks are one USD (`usage.proto` of xai-proto, `cost_in_usd_ticks`)."""

_METER_BY_FIELD = {
    "prompt_tokens": "input",
    "cached_prompt_text_tokens": "cache_read",
    "prompt_image_tokens": "input_image",
    "reasoning_tokens": "reasoning",
}


def read_completion(answer: object, reading: Reading) -> None:
    """A chat completion, a chunk of one (the counts so far), or a compacted context."""
    message = cast("Message", answer)
    _read_identity(message, reading)
    for output in cast("Iterable[Message]", get(message, "outputs") or ()):
        if (reason := _enum_name(output, "finish_reason", "REASON_")) is not None:
            reading.finish_reasons = [reason]
        delta = get(output, "delta")
        for field in ("content", "reasoning_content"):
            text = get(delta, field)
            reading.characters += len(text) if isinstance(text, str) else 0
    if (tier := _enum_name(message, "service_tier", "SERVICE_TIER_")) is not None:
        reading.attributes[semconv.SERVICE_TIER] = tier
    _read_usage(message, reading)


def read_images(answer: object, reading: Reading) -> None:
    """Generated images."""
    message = cast("Message", answer)
    _read_identity(message, reading)
    reading.usage["image"] = len(cast("list[object]", get(message, "images") or ()))
    _read_usage(message, reading)


def read_video(answer: object, reading: Reading) -> None:
    """A generated video, billed by its seconds."""
    message = cast("Message", answer)
    _read_identity(message, reading)
    put(reading.usage, "second", get(get(message, "video"), "duration"))
    _read_usage(message, reading)


def _read_identity(message: Message, reading: Reading) -> None:
    if isinstance(response_id := get(message, "id"), str) and response_id:
        reading.response_id = response_id
    if isinstance(model := get(message, "model"), str) and model:
        reading.response_model = model


def _read_usage(message: Message, reading: Reading) -> None:
    given = {field.name: value for field, value in message.ListFields()}
    usage = cast("Message | None", given.get("usage"))
    if usage is None:
        return
    for field, meter in _METER_BY_FIELD.items():
        put(reading.usage, meter, get(usage, field))
    answered = cast("int", get(usage, "completion_tokens") or 0)
    reading.usage["output"] = answered + reading.usage.get("reasoning", 0)
    if sources := get(usage, "num_sources_used"):
        put(reading.usage, "search_source", sources)
    for tool, uses in Counter(_enum_names(usage, "server_side_tools_used", "SERVER_SIDE_TOOL_")).items():
        reading.usage[tool] = uses
    # Unlike the counts, the price is there or not: a free call is told from one without a price.
    ticks = {field.name: value for field, value in usage.ListFields()}.get("cost_in_usd_ticks")
    if isinstance(ticks, int):
        reading.attributes[semconv.REPORTED_COST_USD] = format(Decimal(ticks).scaleb(-_TICK_PLACES), "f")


def _enum_name(message: Message, field: str, prefix: str) -> str | None:
    """The name of an enum's value in lower case, without its prefix; `None` for the value 0, which says nothing."""
    names = list(_enum_names(message, field, prefix))
    return names[0] if names else None


def _enum_names(message: Message, field: str, prefix: str) -> Iterable[str]:
    descriptor = message.DESCRIPTOR.fields_by_name.get(field)
    if descriptor is None or descriptor.enum_type is None:
        return
    value = cast("int | Iterable[int]", getattr(message, field))
    for number in [value] if isinstance(value, int) else value:
        known = descriptor.enum_type.values_by_number.get(number)
        if number and known is not None:
            yield known.name.removeprefix(prefix).lower()
