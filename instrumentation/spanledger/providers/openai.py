"""OpenAI: chat completions, responses, legacy completions and embeddings, and whatever speaks the same wire format.

Usage is inclusive on the wire: `prompt_tokens` contains cached tokens, `completion_tokens` contains reasoning. What
other hosts do differently is in `_read_token_counts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from spanledger import semconv
from spanledger._patching import Sdk
from spanledger._stainless import Endpoint, StainlessSdk, request_points
from spanledger._stream_usage import is_usage_chunk
from spanledger.usage import count, decimal_text, get, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.util.types import AttributeValue

    from spanledger._reading import Reading

__all__ = ["SDK"]

_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "prompt_token_details", "input_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "completion_token_details")

_METER_BY_INPUT_DETAIL = {
    "cached_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "audio_tokens": "input_audio",
    "image_tokens": "input_image",
}
_METER_BY_OUTPUT_DETAIL = {
    "reasoning_tokens": "reasoning",
    "audio_tokens": "output_audio",
    "image_tokens": "output_image",
}
_METER_BY_TOOL_CALL = {"web_search_call": "web_search", "file_search_call": "file_search"}

_LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def read_request(body: Mapping[str, object]) -> dict[str, AttributeValue]:
    """What a price may depend on, from the request: how much context a web search may bring."""
    size = get(body.get("web_search_options"), "search_context_size")
    for tool in _items(body.get("tools")):
        size = size or get(tool, "search_context_size")
    return {semconv.SEARCH_CONTEXT_SIZE: size} if isinstance(size, str) else {}


def read_completion(answer: object, reading: Reading) -> None:
    """A chat completion or a legacy completion."""
    _read_identity(answer, reading)
    for choice in _items(get(answer, "choices")):
        _read_finish_reason(choice, reading)
    _read_usage(get(answer, "usage"), reading)


def read_completion_chunk(chunk: object, reading: Reading) -> None:
    """A chunk of either. Usage comes with the last one, where it comes at all."""
    if reading.response_id is None:
        _read_identity(chunk, reading)
    for choice in _items(get(chunk, "choices")):
        _read_finish_reason(choice, reading)
        reading.characters += _characters(choice)
    usage = get(chunk, "usage")
    if usage is None and reading.finish_reasons:
        usage = get(get(chunk, "x_groq"), "usage")
    if usage is not None:
        _read_identity(chunk, reading)
        _read_usage(usage, reading)
        reading.complete = bool(reading.finish_reasons)


def read_response(answer: object, reading: Reading) -> None:
    """A response of the Responses API, whole or as the last event of a stream brings it."""
    _read_identity(answer, reading)
    if isinstance(status := get(answer, "status"), str):
        reading.finish_reasons = [status]
    if isinstance(code := get(get(answer, "error"), "code"), str):
        reading.error_type = code
    _read_usage(get(answer, "usage"), reading)
    for item in _items(get(answer, "output")):
        meter = _METER_BY_TOOL_CALL.get(str(get(item, "type")))
        # Opening or searching within a page that was found is not billed as another search.
        if meter and get(get(item, "action"), "type") in (None, "search"):
            reading.usage[meter] = reading.usage.get(meter, 0) + 1


def read_response_event(event: object, reading: Reading) -> None:
    """An event of a streamed response; the last one repeats the whole response with its usage."""
    kind = get(event, "type")
    if not isinstance(kind, str):
        return
    if kind.endswith(".delta"):
        delta = get(event, "delta")
        reading.characters += len(delta) if isinstance(delta, str) else 0
    elif kind in _LAST_EVENTS:
        reading.complete = True
        read_response(get(event, "response"), reading)
    elif kind == "response.created":
        _read_identity(get(event, "response"), reading)
    elif kind == "error":
        code = get(event, "code")
        reading.error_type = code if isinstance(code, str) else "error"


def read_embeddings(answer: object, reading: Reading) -> None:
    """Embeddings: only input is counted, and some hosts give no more than the total."""
    _read_identity(answer, reading)
    usage = get(answer, "usage")
    put(reading.usage, "input", _first(usage, "prompt_tokens", "input_tokens", "total_tokens"))
    _read_reported_cost(usage, reading)


def _read_identity(answer: object, reading: Reading) -> None:
    if isinstance(response_id := get(answer, "id"), str) and response_id:
        reading.response_id = response_id
    if isinstance(model := get(answer, "model"), str) and model:
        reading.response_model = model
    if isinstance(tier := get(answer, "service_tier"), str):
        reading.attributes[semconv.OPENAI_SERVICE_TIER] = tier


def _read_finish_reason(choice: object, reading: Reading) -> None:
    reason = get(choice, "finish_reason")
    if isinstance(reason, str):
        reading.finish_reasons.append(reason)


def _characters(choice: object) -> int:
    delta = get(choice, "delta")
    content = get(delta, "content") if delta is not None else get(choice, "text")
    if isinstance(content, str):
        return len(content)
    length = 0
    for tool_call in _items(get(delta, "tool_calls")):
        arguments = get(get(tool_call, "function"), "arguments")
        length += len(arguments) if isinstance(arguments, str) else 0
    return length


def _read_usage(usage: object, reading: Reading) -> None:
    if usage is None:
        return
    _read_details(usage, _INPUT_DETAILS, _METER_BY_INPUT_DETAIL, reading)
    _read_details(usage, _OUTPUT_DETAILS, _METER_BY_OUTPUT_DETAIL, reading)
    if "cache_read" not in reading.usage:
        # DeepSeek and Together name it outside the details.
        put(reading.usage, "cache_read", get(usage, "prompt_cache_hit_tokens") or get(usage, "cached_tokens"))
    _read_token_counts(usage, reading)
    _read_reported_cost(usage, reading)


def _read_reported_cost(usage: object, reading: Reading) -> None:
    if (cost := decimal_text(get(usage, "cost"))) is not None:
        reading.attributes[semconv.REPORTED_COST_USD] = cost


def _read_details(usage: object, names: tuple[str, ...], meters: Mapping[str, str], reading: Reading) -> None:
    for name in names:
        if (details := get(usage, name)) is not None:
            for field, meter in meters.items():
                put(reading.usage, meter, get(details, field))
            return


def _read_token_counts(usage: object, reading: Reading) -> None:
    """Input and output. Some hosts leave reasoning out of the output but not out of the total (xAI, Gemini): what the
    total has beyond the two is output, and when no reasoning is given, it is the reasoning. An output of nothing is
    left out by some, and is what the total does not have beyond the input."""
    given_input = _first(usage, "prompt_tokens", "input_tokens")
    given_output = _first(usage, "completion_tokens", "output_tokens")
    total = count(get(usage, "total_tokens"))
    if given_output is None and given_input is not None and given_input == total:
        given_output = 0
    put(reading.usage, "input", given_input)
    put(reading.usage, "output", given_output)
    if given_input is None or given_output is None or total is None:
        return
    hidden = total - given_input - given_output
    if hidden > 0 and reading.usage.get("reasoning") in (None, hidden):
        if "reasoning" not in reading.usage:
            reading.evidence = f"{hidden} tokens are in the total only; taken for reasoning"
        reading.usage["output"] = given_output + hidden
        reading.usage["reasoning"] = hidden


def _first(usage: object, *names: str) -> int | None:
    for name in names:
        if (value := count(get(usage, name))) is not None:
            return value
    return None


def _items(value: object) -> Iterable[object]:
    return cast("list[object]", value) if isinstance(value, list | tuple) else ()


_OPENAI = StainlessSdk(
    provider="openai",
    endpoints=(
        Endpoint(
            "/chat/completions",
            "chat",
            read_completion,
            read_completion_chunk,
            read_request,
            usage_chunk=is_usage_chunk,
        ),
        Endpoint("/responses", "chat", read_response, read_response_event, read_request),
        Endpoint("/embeddings", "embeddings", read_embeddings, read_embeddings, needs=("input",)),
        Endpoint("/completions", "text_completion", read_completion, read_completion_chunk, usage_chunk=is_usage_chunk),
    ),
)

SDK = Sdk(distribution="openai", supported=">=1.100,<4", points=request_points("openai", _OPENAI))
