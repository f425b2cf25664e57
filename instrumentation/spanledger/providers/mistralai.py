"""Mistral: chat, agents, conversations, fill-in-the-middle, embeddings, OCR, audio and moderation; on Azure and Google
Cloud too.

Usage is inclusive on the wire. What connectors (the provider's own tools) bring into a conversation is outside
`prompt_tokens` but inside `total_tokens`: it is input. Audio is counted in seconds besides tokens.

From version 2 the SDK makes a span for each request by itself when it is told to (`telemetry=`), from a hook before
each attempt. The span of the attempt that was answered is adopted, just before the SDK writes the answer to it; where
it makes none, or one that goes elsewhere, ours stands for the call.
"""

from __future__ import annotations

import re
import weakref
from typing import TYPE_CHECKING, cast

from spanledger import semconv
from spanledger._call import current_call
from spanledger._guard import guarded
from spanledger._http import Response, Route, observe_response
from spanledger._native import goes_where_ours_go
from spanledger._patching import PatchPoint, Sdk
from spanledger._skimming import skimming
from spanledger._speakeasy import SpeakeasySdk, request_points
from spanledger._wrapping import argument
from spanledger.content import MISTRAL_CONVERSATIONS, OPENAI_CHAT, OPENAI_COMPLETION, OPENAI_RESPONSES
from spanledger.usage import count, get, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.trace import Span

    from spanledger._call import Call
    from spanledger._http import Body
    from spanledger._reading import Reading

__all__ = ["SDK"]

_METER_BY_FIELD = (
    (("prompt_tokens",), "input"),
    (("input_tokens",), "input"),
    (("completion_tokens",), "output"),
    (("output_tokens",), "output"),
    (("prompt_tokens_details", "cached_tokens"), "cache_read"),
    (("prompt_token_details", "cached_tokens"), "cache_read"),
    (("input_tokens_details", "cached_tokens"), "cache_read"),
    (("completion_tokens_details", "reasoning_tokens"), "reasoning"),
    (("output_tokens_details", "reasoning_tokens"), "reasoning"),
    (("prompt_audio_seconds",), "second"),
    (("pages_processed",), "page"),
)
"""Path of a field in `usage` (`usage_info` of an OCR answer), and its meter. The Responses API has names of its own."""

_METER_BY_CONNECTOR = {
    "web_search": "web_search",
    "web_search_premium": "web_search_premium",
    "code_interpreter": "code_execution",
    "image_generation": "image_generation",
    "document_library": "file_search",
}


def read_completion(answer: object, reading: Reading) -> None:
    """An answer with choices, or one without: embeddings, a transcription, OCR, a moderation."""
    _read_identity(answer, reading)
    for choice in _items(get(answer, "choices")):
        if isinstance(reason := get(choice, "finish_reason"), str):
            reading.finish_reasons.append(reason)
    _read_usage(get(answer, "usage") or get(answer, "usage_info"), reading)


def read_completion_chunk(chunk: object, reading: Reading) -> None:
    """A chunk of a completion, or an event of a transcription. Usage comes with the last one."""
    read_completion(chunk, reading)
    for choice in _items(get(chunk, "choices")):
        reading.characters += _characters(get(get(choice, "delta"), "content"))
    reading.characters += _characters(get(chunk, "text"))
    reading.complete = reading.complete or get(chunk, "usage") is not None


def read_conversation(answer: object, reading: Reading) -> None:
    """An answer within a conversation. Its own id stands for the whole conversation: the message's is the answer's."""
    _read_conversation_id(answer, reading)
    for output in _items(get(answer, "outputs")):
        _read_output(output, reading)
    _read_usage(get(answer, "usage"), reading)


def read_conversation_event(event: object, reading: Reading) -> None:
    """An event of a conversation; the last one has the usage."""
    kind = get(event, "type")
    if kind == "conversation.response.started":
        _read_conversation_id(event, reading)
    elif kind == "message.output.delta":
        _read_output(event, reading)
        reading.characters += _characters(get(event, "content"))
    elif kind == "conversation.response.done":
        _read_usage(get(event, "usage"), reading)
        reading.complete = True
    elif kind == "conversation.response.error":
        reading.error_type = str(get(event, "code") or "error")


def read_response(answer: object, reading: Reading) -> None:
    """An answer of the Responses API."""
    _read_identity(answer, reading)
    if isinstance(status := get(answer, "status"), str):
        reading.finish_reasons = [status]
    _read_usage(get(answer, "usage"), reading)


def read_response_event(event: object, reading: Reading) -> None:
    """An event of the Responses API; the last one repeats the whole answer."""
    if isinstance(delta := get(event, "delta"), str):
        reading.characters += len(delta)
    response = get(event, "response")
    if response is not None:
        read_response(response, reading)
        reading.complete = get(response, "usage") is not None


def read_agent(body: Body) -> dict[str, str]:
    """Which agent is asked: the request names it instead of a model."""
    agent = body.get("agent_id")
    return {semconv.AGENT_ID: agent} if isinstance(agent, str) else {}


def _read_identity(answer: object, reading: Reading) -> None:
    if isinstance(response_id := get(answer, "id"), str) and response_id:
        reading.response_id = response_id
    if isinstance(model := get(answer, "model"), str) and model:
        reading.response_model = model


def _read_conversation_id(answer: object, reading: Reading) -> None:
    if isinstance(conversation := get(answer, "conversation_id"), str):
        reading.attributes[semconv.CONVERSATION_ID] = conversation


def _read_output(output: object, reading: Reading) -> None:
    if get(output, "type") in ("message.output", "message.output.delta"):
        if reading.response_id is None and isinstance(message_id := get(output, "id"), str):
            reading.response_id = message_id
        if isinstance(model := get(output, "model"), str):
            reading.response_model = model


def _read_usage(usage: object, reading: Reading) -> None:
    if usage is None:
        return
    for path, meter in _METER_BY_FIELD:
        value = usage
        for name in path:
            value = get(value, name)
        put(reading.usage, meter, value)
    if brought := count(get(usage, "connector_tokens")):
        reading.usage["input"] = reading.usage.get("input", 0) + brought
        reading.attributes[semconv.TOOL_USE_PROMPT_TOKENS] = brought
    for connector, meter in _METER_BY_CONNECTOR.items():
        put(reading.usage, meter, get(get(usage, "connectors"), connector))
    if isinstance(tier := get(usage, "service_tier"), str):
        reading.attributes[semconv.SERVICE_TIER] = tier


def _characters(content: object) -> int:
    """Characters of a message: text, or a list of parts of which some have text."""
    if isinstance(content, str):
        return len(content)
    return sum(len(text) for part in _items(content) if isinstance(text := get(part, "text"), str))


def _items(value: object) -> Iterable[object]:
    return cast("list[object]", value) if isinstance(value, list | tuple) else ()


def _native_request(
    wrapped: Callable[..., tuple[object, Span | None]],
    _instance: object,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> tuple[object, Span | None]:
    """The SDK starts its span for an attempt, if it does; ours starts when the SDK makes none that we would see."""
    request, span = wrapped(*args, **kwargs)
    call = current_call()
    if call is not None and call.awaits_span:
        if span is not None and goes_where_ours_go(span):
            # This attempt may fail, and another follow: adopted is the one that is answered.
            guarded("attribute the span of an SDK", span.set_attributes, call.attribution())
        else:
            guarded("start a span", call.start)
    return request, span


def _native_answer(
    wrapped: Callable[..., object], _instance: object, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    """The SDK is about to write an answer, or an error of the provider, to its span and to end it (at once, or when the
    stream is read): what we add comes before."""
    call = current_call()
    span = cast("Span | None", argument(args, kwargs, 2, "span"))
    if call is None or span is None or not call.awaits_span:
        return wrapped(*args, **kwargs)
    guarded("complete the span of an SDK", _adopt, call, span, cast("Response", argument(args, kwargs, 4, "response")))
    answer = wrapped(*args, **kwargs)
    guarded("watch for an answer that nobody reads", _end_with, answer, span)
    return answer


def _adopt(call: Call, span: Span, response: Response) -> None:
    call.adopt(span)
    if response.is_closed or response.status_code >= 400:
        call.returned(observe_response, response)


def _end_with(answer: object, span: Span) -> None:
    """The SDK ends its span when the response is closed, which one that is dropped unread never is."""
    if span.is_recording() and not get(answer, "is_closed"):
        weakref.finalize(answer, span.end).atexit = False


_CHAT = (read_completion, skimming(read_completion_chunk, b'"usage"'))
_COUNTED = (read_completion, read_completion)
_ROUTES = (
    Route(re.compile(r"/chat/completions$|[/:]rawPredict$|[/:]streamRawPredict$"), "chat", *_CHAT, content=OPENAI_CHAT),
    Route(re.compile(r"/agents/completions$"), "invoke_agent", *_CHAT, read_request=read_agent, content=OPENAI_CHAT),
    Route(
        re.compile(r"/conversations(/[^/]+(/restart)?)?$"),
        "invoke_agent",
        read_conversation,
        skimming(read_conversation_event, b"conversation.response"),
        read_request=read_agent,
        content=MISTRAL_CONVERSATIONS,
    ),
    Route(
        re.compile(r"/responses$"),
        "chat",
        read_response,
        skimming(read_response_event, b'"response"'),
        content=OPENAI_RESPONSES,
    ),
    Route(re.compile(r"/fim/completions$"), "text_completion", *_CHAT, content=OPENAI_COMPLETION),
    Route(re.compile(r"/embeddings$"), "embeddings", *_COUNTED, needs=("input",)),
    Route(re.compile(r"/ocr$"), "ocr", *_COUNTED, needs=("page",)),
    Route(re.compile(r"/audio/transcriptions$"), "transcription", *_CHAT, needs=("second",)),
    Route(re.compile(r"/audio/speech$"), "speech", *_CHAT, needs=("input",)),
    Route(re.compile(r"/(chat/)?(moderations|classifications)$"), "moderation", *_COUNTED, needs=("input",)),
)

_SDKS = (
    SpeakeasySdk("mistralai.client", "mistral_ai", _ROUTES, adopts=True),
    SpeakeasySdk("mistralai.azure.client", "azure.ai.inference", _ROUTES),
    SpeakeasySdk("mistralai.gcp.client", "gcp.vertex_ai", _ROUTES),
)
_TRACING = "mistralai.client._hooks.tracing"

SDK = Sdk(
    distribution="mistralai",
    supported=">=2.9.4,<4",
    points=(
        *(point for sdk in _SDKS for point in request_points(sdk)),
        PatchPoint(_TRACING, "get_traced_request_and_span", _native_request),
        PatchPoint(_TRACING, "get_traced_response", _native_answer),
        PatchPoint(_TRACING, "get_response_and_error", _native_answer),
    ),
    native_since="2.9.4",
    native_scope="mistralai_sdk_tracer",
)
