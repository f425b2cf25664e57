"""Amazon Bedrock through botocore and aiobotocore: Converse and InvokeModel, whole and streamed, for every model.

Bedrock's own counts are disjoint: `inputTokens` leaves out what was read from and written to the cache. Converse has
them in `usage`. InvokeModel answers in the format of the model's maker; what the body does not say is in the headers,
or in the metrics that Bedrock adds to the last event of a stream. An answer is known by the id in its body, as other
instrumentations have it; where the format has none, by the id of the request. The names of models in bodies are left
out: those with which Bedrock prices are in the request.

Sources: the service model of bedrock-runtime; "Inference request parameters and response fields for foundation models"
in the user guide of Amazon Bedrock.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from spanledger import semconv
from spanledger._botocore import ApiOperation, AwsService, async_api_call, sync_api_call
from spanledger._patching import PatchPoint, Sdk
from spanledger.content import BEDROCK_CONVERSE, BEDROCK_INVOKE
from spanledger.providers import anthropic, openai
from spanledger.usage import count, fields, get, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spanledger._reading import Reading

__all__ = ["AIOBOTOCORE", "BOTOCORE"]

_CACHE_METER_BY_FIELD: Final = {
    "cacheReadInputTokens": "cache_read",
    "cacheWriteInputTokens": "cache_write",
    "cacheReadInputTokenCount": "cache_read",
    "cacheWriteInputTokenCount": "cache_write",
}
_USAGE: Final = {"inputTokens": "uncached", "outputTokens": "output", **_CACHE_METER_BY_FIELD}
"""Converse, and the models of Amazon, which answer like Converse."""

_METRICS: Final = {"inputTokenCount": "uncached", "outputTokenCount": "output", **_CACHE_METER_BY_FIELD}
"""`amazon-bedrock-invocationMetrics` in the last event of a stream."""

_HEADERS: Final = {
    "x-amzn-bedrock-input-token-count": "uncached",
    "x-amzn-bedrock-output-token-count": "output",
    "x-amzn-bedrock-cache-read-input-token-count": "cache_read",
    "x-amzn-bedrock-cache-write-input-token-count": "cache_write",
}

_TIER: Final = "x-amzn-bedrock-service-tier"
_LATENCY: Final = "x-amzn-bedrock-performanceconfig-latency"

_METER_BY_TTL: Final = {"5m": "cache_write_5m", "1h": "cache_write_1h"}

_INCLUSIVE: Final = {
    "prompt_token_count": "input",
    "generation_token_count": "output",
    "inputTextTokenCount": "input",
    "totalOutputTextTokenCount": "output",
}
"""Counts at the top of a body or event: Meta's Llama, Amazon's Titan."""

_TEXTS: Final = ("outputText", "generation", "completion", "text")
"""Where an event of a maker without a format of its own below has its text."""

_REASONS: Final = ("stopReason", "stop_reason", "finish_reason", "completionReason")

_IDS: Final = ("id", "response_id")
"""Where a maker's format has the id of an answer, in the body, or in the event of a stream that begins or ends one."""

_KINDS: Final = (
    ("embed", ("embeddings", ("input",))),
    ("rerank", ("rerank", ("search_unit",))),
    ("canvas", ("image_generation", ("image",))),
    ("image-generator", ("image_generation", ("image",))),
    ("stability.", ("image_generation", ("image",))),
)
_CHAT: Final = ("chat", ("input", "output"))


def read_converse(answer: object, reading: Reading) -> None:
    """A whole answer of Converse."""
    _read_usage(get(answer, "usage"), reading)
    _read_reason(answer, reading)
    _read_conditions(answer, reading)


def read_converse_event(event: object, reading: Reading) -> None:
    """An event of Converse; usage comes after the message."""
    if (block := get(event, "contentBlockDelta")) is not None:
        delta = get(block, "delta")
        for text in (
            get(delta, "text"),
            get(get(delta, "toolUse"), "input"),
            get(get(delta, "reasoningContent"), "text"),
        ):
            reading.characters += len(text) if isinstance(text, str) else 0
    elif (stop := get(event, "messageStop")) is not None:
        _read_reason(stop, reading)
    elif (metadata := get(event, "metadata")) is not None:
        read_converse(metadata, reading)
        reading.complete = True


def read_converse_event_of_openai(event: object, reading: Reading) -> None:
    """The same of OpenAI's models, whose `inputTokens` in a stream contain what was read from and written to the cache,
    other than in a whole answer (measured with gpt-5.6: maximhq/bifrost#6942). The total adds both, and proves nothing.
    """
    read_converse_event(event, reading)
    counts = reading.raw
    cached = counts.get("cache_read", 0) + counts.get("cache_write", 0)
    if 0 < cached <= counts.get("uncached", 0):
        reading.usage["input"] = counts["uncached"]
        reading.evidence = f"inputTokens of a stream of OpenAI's taken to contain the {cached} cached ones"


def read_nothing(_answer: object, _reading: Reading) -> None:
    """An answer whose head says nothing."""


def read_headers(answer: object, reading: Reading) -> None:
    """The head of an answer of InvokeModel: its counts stand unless the body has them too."""
    headers = get(get(answer, "ResponseMetadata"), "HTTPHeaders")
    _read_disjoint(headers, _HEADERS, reading)
    _put_conditions(get(headers, _TIER), get(headers, _LATENCY), reading)


def read_body(body: object, reading: Reading) -> None:
    """The body of an answer of InvokeModel, in its maker's format, which shows in the body itself."""
    model = reading.response_model
    usage = get(body, "usage")
    if count(get(usage, "input_tokens")) is not None:
        anthropic.read_message(body, reading)
    elif isinstance(get(body, "choices"), list) or count(get(usage, "prompt_tokens")) is not None:
        openai.read_completion(body, reading)
    else:
        _read_usage(usage, reading)
        _read_inclusive(body, reading)
        _read_reason(body, reading)
    if isinstance(images := get(body, "images") or get(body, "artifacts"), list):
        reading.usage["image"] = len(cast("list[object]", images))
    _read_id(body, reading)
    reading.response_model = model


def read_chunk(event: object, reading: Reading) -> None:
    """An event of a streamed InvokeModel: a part of the body in its maker's format, and in the last one the metrics."""
    model = reading.response_model
    encoded = get(get(event, "chunk"), "bytes")
    part: object = json.loads(base64.b64decode(encoded)) if isinstance(encoded, str) else {}
    if isinstance(get(part, "choices"), list):
        openai.read_completion_chunk(part, reading)
    elif isinstance(get(part, "type"), str):
        anthropic.read_event(part, reading)
    else:
        read_converse_event(part, reading)
        _read_inclusive(part, reading)
        _read_reason(part, reading)
    for name in _TEXTS:
        reading.characters += len(text) if isinstance(text := get(part, name), str) else 0
    if (metrics := get(part, "amazon-bedrock-invocationMetrics")) is not None:
        given = dict(reading.usage)
        _read_disjoint(metrics, _METRICS, reading)
        reading.usage.update(given)
        reading.complete = True
    _read_id(part, reading)
    reading.response_model = model


def _read_id(body: object, reading: Reading) -> None:
    """The maker's own id of an answer, by which others know the call too, in place of the id of the request."""
    said = fields(body)
    for holder in (said, fields(said.get("message")), fields(said.get("response"))):
        for name in _IDS:
            if isinstance(found := holder.get(name), str) and found:
                reading.response_id = found
                return


def _read_usage(usage: object, reading: Reading) -> None:
    _read_disjoint(usage, _USAGE, reading)
    for detail in _items(get(usage, "cacheDetails")):
        if meter := _METER_BY_TTL.get(str(get(detail, "ttl"))):
            put(reading.usage, meter, get(detail, "inputTokens"))


def _read_disjoint(usage: object, meter_by_field: Mapping[str, str], reading: Reading) -> None:
    counts = reading.raw
    for field, meter in meter_by_field.items():
        put(counts, meter, get(usage, field))
    reading.usage.update({meter: quantity for meter, quantity in counts.items() if meter != "uncached"})
    if "uncached" in counts:
        reading.usage["input"] = counts["uncached"] + counts.get("cache_read", 0) + counts.get("cache_write", 0)


def _read_inclusive(body: object, reading: Reading) -> None:
    for field, meter in _INCLUSIVE.items():
        put(reading.usage, meter, get(body, field))
    counts = [count(get(result, "tokenCount")) for result in _items(get(body, "results"))]
    if counts and None not in counts:
        reading.usage["output"] = sum(quantity or 0 for quantity in counts)


def _read_reason(answer: object, reading: Reading) -> None:
    for holder in (answer, *_items(get(answer, "results")), *_items(get(answer, "outputs"))):
        for name in _REASONS:
            if isinstance(reason := get(holder, name), str):
                reading.finish_reasons = [reason]


def _read_conditions(answer: object, reading: Reading) -> None:
    """What a price depends on: the tier and the latency that were served, and the model that a prompt router chose."""
    _put_conditions(get(get(answer, "serviceTier"), "type"), get(get(answer, "performanceConfig"), "latency"), reading)
    if isinstance(model := get(get(get(answer, "trace"), "promptRouter"), "invokedModelId"), str):
        reading.response_model = model


def _put_conditions(tier: object, latency: object, reading: Reading) -> None:
    for attribute, value in ((semconv.SERVICE_TIER, tier), (semconv.SPEED, latency)):
        if isinstance(value, str):
            reading.attributes[attribute] = value


def _items(value: object) -> Iterable[object]:
    return cast("list[object]", value) if isinstance(value, list) else ()


def _kind_of(model: str) -> tuple[str, tuple[str, ...]]:
    return next((kind for part, kind in _KINDS if part in model), _CHAT)


_CONVERSING: Final = ApiOperation(read_nothing, read_converse, read_converse_event, content=BEDROCK_CONVERSE)
_CONVERSE_STREAM: Final = replace(_CONVERSING, held_in="stream", stream=True)
_CONVERSE_STREAM_OF_OPENAI: Final = replace(_CONVERSE_STREAM, read_event=read_converse_event_of_openai)
_INVOKING: Final = ApiOperation(read_headers, read_body, read_chunk, "body", content=BEDROCK_INVOKE)
_OPERATIONS: Final = MappingProxyType(
    {
        "Converse": _CONVERSING,
        "ConverseStream": _CONVERSE_STREAM,
        "InvokeModel": _INVOKING,
        "InvokeModelWithResponseStream": replace(_INVOKING, stream=True),
    }
)


def _operation_of(name: str, model: str) -> ApiOperation | None:
    operation = _OPERATIONS.get(name)
    return _CONVERSE_STREAM_OF_OPENAI if operation is _CONVERSE_STREAM and "openai." in model else operation


_BEDROCK: Final = AwsService(
    name="bedrock-runtime", provider="aws.bedrock", operation_of=_operation_of, kind_of=_kind_of
)

BOTOCORE: Final = Sdk(
    distribution="botocore",
    supported=">=1.34.116,<2",
    points=(PatchPoint("botocore.client", "BaseClient._make_api_call", sync_api_call(_BEDROCK)),),
)
AIOBOTOCORE: Final = Sdk(
    distribution="aiobotocore",
    supported=">=2.13.1,<4",
    points=(PatchPoint("aiobotocore.client", "AioBaseClient._make_api_call", async_api_call(_BEDROCK)),),
)
