"""Anthropic: messages, stable and beta, on its own API, Bedrock, Vertex and Foundry; results of message batches.

Usage is disjoint on the wire: `input_tokens` leaves out what was read from and written to the cache. In a stream,
`message_start` has the input side and placeholders for the output; each `message_delta` is cumulative and wins for
every field that it gives.

From version 2 the SDK makes a span for each call by itself. That span is adopted: we add what it lacks before it ends
(docs/decisions/0001-one-span-per-anthropic-call.md).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from spanledger import semconv
from spanledger._call import current_call
from spanledger._fetched import Found
from spanledger._guard import guarded
from spanledger._patching import PatchPoint, Sdk
from spanledger._reading import Reading, ending_of
from spanledger._stainless import (
    Client,
    Endpoint,
    Fetching,
    Options,
    Platform,
    StainlessSdk,
    observe_result,
    request_points,
)
from spanledger.content import ANTHROPIC_MESSAGES
from spanledger.providers.anthropic_agents import agent_fetchings
from spanledger.usage import count, fields, get, put

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Span

    from spanledger._http import Server
    from spanledger.usage import Fields, Usage

__all__ = ["SDK"]

_METER_BY_FIELD = (
    ("input_tokens", "uncached"),
    ("cache_read_input_tokens", "cache_read"),
    ("cache_creation_input_tokens", "cache_write"),
    ("output_tokens", "output"),
)
"""Field of `usage`, and where its count goes; `uncached` is the part of `input` that no cache had."""

_METERS_BY_PART = (
    (
        "cache_creation",
        (("ephemeral_5m_input_tokens", "cache_write_5m"), ("ephemeral_1h_input_tokens", "cache_write_1h")),
    ),
    ("output_tokens_details", (("thinking_tokens", "reasoning"),)),
    ("server_tool_use", (("web_search_requests", "web_search"), ("web_fetch_requests", "web_fetch"))),
)
"""The same for what lies deeper."""

_INPUT_FIELDS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")

_BILLED_BESIDE = {
    "compaction": ("compaction_input", "compaction_output"),
    "advisor_message": ("advisor_input", "advisor_output"),
}
"""The meters of iterations whose tokens the usage leaves out (Anthropic, references of `usage.iterations` and of the
advisor tool)."""

_FINAL = frozenset({"output", "reasoning"})
"""Meters for which `message_start` has placeholders only."""

_ATTRIBUTE_BY_FIELD = (
    ("service_tier", semconv.ANTHROPIC_SERVICE_TIER),
    ("speed", semconv.SPEED),
    ("inference_geo", semconv.INFERENCE_GEO),
)


def read_message(answer: object, reading: Reading) -> None:
    """A whole message."""
    message = fields(answer)
    _read_identity(message, reading)
    _read_stop_reason(message, reading)
    _read_usage(message.get("usage"), reading)


def read_event(event: object, reading: Reading) -> None:
    """An event of a streamed message."""
    said = fields(event)
    kind = said.get("type")
    if kind == "content_block_delta":
        delta = fields(said.get("delta"))
        for field in ("text", "partial_json", "thinking"):
            if isinstance(text := delta.get(field), str):
                reading.characters += len(text)
                break
    elif kind == "message_start":
        message = fields(said.get("message"))
        _read_identity(message, reading)
        _read_usage(message.get("usage"), reading, leave_out=_FINAL)
    elif kind == "message_delta":
        _read_stop_reason(fields(said.get("delta")), reading)
        _read_usage(said.get("usage"), reading)
        reading.complete = bool(reading.finish_reasons)


def _read_identity(message: Fields, reading: Reading) -> None:
    if isinstance(response_id := message.get("id"), str):
        reading.response_id = response_id
    if isinstance(model := message.get("model"), str):
        reading.response_model = model


def _read_stop_reason(holder: Fields, reading: Reading) -> None:
    if isinstance(reason := holder.get("stop_reason"), str):
        reading.finish_reasons = [reason]


def _read_usage(usage: object, reading: Reading, leave_out: frozenset[str] = frozenset()) -> None:
    if usage is None:
        return
    said, counts = fields(usage), reading.raw
    _read_counts(said, counts, leave_out)
    reading.usage.update({meter: quantity for meter, quantity in counts.items() if meter != "uncached"})
    if "uncached" in counts:
        reading.usage["input"] = counts["uncached"] + counts.get("cache_read", 0) + counts.get("cache_write", 0)
    for field, attribute in _ATTRIBUTE_BY_FIELD:
        if isinstance(value := said.get(field), str):
            reading.attributes[attribute] = value
    if (iterations := said.get("iterations")) is not None:
        _read_iterations(iterations, reading)


def _read_counts(usage: Fields, counts: dict[str, int], leave_out: frozenset[str]) -> None:
    for field, meter in _METER_BY_FIELD:
        if meter not in leave_out and (value := usage.get(field)) is not None:
            put(counts, meter, value)
    for field, meters in _METERS_BY_PART:
        if (value := usage.get(field)) is not None:
            part = fields(value)
            for name, meter in meters:
                if meter not in leave_out:
                    put(counts, meter, part.get(name))


def _read_iterations(iterations: object, reading: Reading) -> None:
    """Beta messages list what one answer took. Some of it is billed beside the usage: compactions of the context at the
    rates of the same model, advisors at those of another. The latter have no list price: a call is partly priced with
    them, rather than too cheap."""
    if not isinstance(iterations, list | tuple):
        return
    beside: Usage = {}
    for iteration in cast("list[object]", iterations):
        kind = get(iteration, "type")
        if isinstance(kind, str) and kind in _BILLED_BESIDE:
            input_meter, output_meter = _BILLED_BESIDE[kind]
            given = sum(count(get(iteration, field)) or 0 for field in _INPUT_FIELDS)
            beside[input_meter] = beside.get(input_meter, 0) + given
            beside[output_meter] = beside.get(output_meter, 0) + (count(get(iteration, "output_tokens")) or 0)
    reading.usage.update(beside)
    if beside:
        reading.evidence = "billed beside this usage: " + ", ".join(f"{meter}={beside[meter]}" for meter in beside)


def find_result(line: object) -> Found | None:
    """One result of a message batch: a message is a call, what failed or expired is not billed."""
    result = get(line, "result")
    message = get(result, "message")
    if get(result, "type") != "succeeded" or message is None:
        return None
    reading = Reading(attributes={semconv.PROCESSING: "batch"})
    read_message(message, reading)
    return Found("chat", reading, said=message, content=ANTHROPIC_MESSAGES)


_PLATFORMS = (
    ("BaseBedrockClient", "aws.bedrock", "aws_region"),
    ("BaseMantleClient", "aws.bedrock", "aws_region"),
    ("BaseVertexClient", "gcp.vertex_ai", "region"),
    ("BaseFoundryClient", "azure.ai.inference", ""),
)
"""Class of a client, who bills what it calls, and which of its attributes is the region, if it has one."""


def _platform(client: Client, _server: Server) -> Platform | None:
    """The cloud that a client is for, also where its base URL does not tell (a proxy, a private endpoint)."""
    known = _platform_of(type(client))
    if known is None:
        return None
    provider, attribute = known
    region = getattr(client, attribute, None) if attribute else None
    return _platform_in(provider, region if isinstance(region, str) else None)


@lru_cache(maxsize=64)
def _platform_in(provider: str, region: str | None) -> Platform:
    """One object for all calls there, so that requests made for it are found again."""
    named = {semconv.PROVIDER_NAME: provider}  # the SDK's own span may name the maker of the model instead
    return Platform(provider, named if region is None else {**named, semconv.REGION: region})


@lru_cache(maxsize=64)
def _platform_of(kind: type) -> tuple[str, str] | None:
    names = {base.__name__ for base in kind.__mro__}
    return next(((provider, attribute) for name, provider, attribute in _PLATFORMS if name in names), None)


def _traces_natively(client: Client, _options: Options) -> bool:
    """Whether this client is about to start a span of its own; `start_api_call_span` then tells us."""
    return getattr(client, "_tracer", None) is not None


def _native_start(
    wrapped: Callable[..., Span | None], _instance: object, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> Span | None:
    """The SDK starts its span, which stands for our call; ours starts when the SDK's tracer makes none."""
    span = wrapped(*args, **kwargs)
    call = current_call()
    if call is not None and call.awaits_span:
        if span is None or not span.get_span_context().is_valid:
            guarded("start a span", call.start)
        else:
            guarded("adopt the span of an SDK", call.adopt, span)
    return span


def _native_finish(
    wrapped: Callable[..., None], _instance: object, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> None:
    """The SDK is about to end its span, or to leave that to the stream that it returns: what we add comes first."""
    guarded("complete the span of an SDK", _complete, *args[1:3])
    wrapped(*args, **kwargs)


def _complete(span: object, result: object) -> None:
    """`result` is the SDK's `ApiCallResult`: the answer in `data`, or the `error`."""
    call = current_call()
    if call is None or call.span is not span:
        return
    error = get(result, "error")
    if isinstance(error, BaseException):
        call.finish(ending_of(error), error)
    else:
        call.returned(observe_result, get(result, "data"))


_ANTHROPIC = StainlessSdk(
    provider="anthropic",
    endpoints=(Endpoint("/v1/messages", "chat", read_message, read_event, content=ANTHROPIC_MESSAGES),),
    fetchings=(
        Fetching("get", re.compile(r"/v1/messages/batches/[^/]+/results$"), find_result),
        *agent_fetchings(read_message),
    ),
    traces_natively=_traces_natively,
    platform=_platform,
)

SDK = Sdk(
    distribution="anthropic",
    supported=">=0.50,<3",
    points=(
        *request_points("anthropic", _ANTHROPIC),
        PatchPoint("anthropic._base_client", "start_api_call_span", _native_start, since="2.0"),
        PatchPoint("anthropic._base_client", "finish_api_call_span", _native_finish, since="2.0"),
    ),
    native_since="2.0",
    native_scope="com.anthropic.sdk.python",
)
