"""OpenAI: everything that its SDK calls, and whatever speaks the same wire format.

Chat, responses, legacy completions and embeddings are read here; images, audio and moderation in `openai_media`; what
is made now and fetched later (background responses, batches, runs of assistants) in `openai_fetched`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from spanledger import semconv
from spanledger._fetched import count_once
from spanledger._patching import Sdk
from spanledger._stainless import Client, Endpoint, Platform, StainlessSdk, request_points
from spanledger._stream_usage import is_usage_chunk
from spanledger.content import OPENAI_CHAT, OPENAI_COMPLETION, OPENAI_RESPONSES
from spanledger.providers.openai_fetched import FETCHINGS
from spanledger.providers.openai_media import MEDIA_ENDPOINTS
from spanledger.providers.openai_responses import LAST_EVENTS, read_whole_response
from spanledger.providers.openai_sessions import session_points
from spanledger.providers.openai_usage import first, items, read_identity, read_reported_cost, read_usage
from spanledger.providers.openai_videos import VIDEO_ENDPOINTS, VIDEO_FETCHINGS
from spanledger.usage import fields, get, put

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.util.types import AttributeValue

    from spanledger._http import Server
    from spanledger._reading import Reading
    from spanledger.usage import Fields

__all__ = ["SDK"]

_NOTHING: Final[Mapping[str, AttributeValue]] = {}


def read_request(body: Mapping[str, object]) -> Mapping[str, AttributeValue]:
    """What a price may depend on, from the request: how much context a web search may bring."""
    if "tools" not in body and "web_search_options" not in body:
        return _NOTHING
    size = get(body.get("web_search_options"), "search_context_size")
    for tool in items(body.get("tools")):
        size = size or get(tool, "search_context_size")
    return {semconv.SEARCH_CONTEXT_SIZE: size} if isinstance(size, str) else _NOTHING


def read_completion(answer: object, reading: Reading) -> None:
    """A chat completion or a legacy completion."""
    said = fields(answer)
    read_identity(said, reading)
    for choice in items(said.get("choices")):
        _read_finish_reason(fields(choice), reading)
    read_usage(said.get("usage"), reading)


def read_completion_chunk(chunk: object, reading: Reading) -> None:
    """A chunk of either. Usage comes with the last one, where it comes at all."""
    said = fields(chunk)
    if reading.response_id is None:
        read_identity(said, reading)
    for choice in items(said.get("choices")):
        _read_piece(fields(choice), reading)
    usage = said.get("usage")
    if usage is None and reading.finish_reasons:
        usage = get(said.get("x_groq"), "usage")
    if usage is not None:
        read_identity(said, reading)
        read_usage(usage, reading)
        reading.complete = bool(reading.finish_reasons)


def read_response(answer: object, reading: Reading) -> None:
    """A response as `create` or the last event of a stream brings it. One in the background is finished later, and
    counted where its usage comes first."""
    read_whole_response(answer, reading)
    if get(answer, "background") is True:
        if get(answer, "usage") is None:
            reading.evidence = "made in the background: usage comes when it is retrieved"
        elif reading.response_id is not None:
            count_once(reading.response_id)


def read_response_event(event: object, reading: Reading) -> None:
    """An event of a streamed response; the last one repeats the whole response with its usage."""
    said = fields(event)
    kind = said.get("type")
    if not isinstance(kind, str):
        return
    if kind.endswith(".delta"):
        delta = said.get("delta")
        reading.characters += len(delta) if isinstance(delta, str) else 0
    elif kind in LAST_EVENTS:
        reading.complete = True
        read_response(said.get("response"), reading)
    elif kind == "response.created":
        read_identity(fields(said.get("response")), reading)
    elif kind == "error":
        code = said.get("code")
        reading.error_type = code if isinstance(code, str) else "error"


def read_embeddings(answer: object, reading: Reading) -> None:
    """Embeddings: only input is counted, and some hosts give no more than the total."""
    said = fields(answer)
    read_identity(said, reading)
    usage = fields(said.get("usage"))
    put(reading.usage, "input", first(usage, "prompt_tokens", "input_tokens", "total_tokens"))
    read_reported_cost(usage, reading)


def _read_finish_reason(choice: Fields, reading: Reading) -> None:
    reason = choice.get("finish_reason")
    if isinstance(reason, str):
        reading.finish_reasons.append(reason)


def _read_piece(choice: Fields, reading: Reading) -> None:
    """A piece of a choice: how long it is, and at the end why it ended."""
    if choice.get("finish_reason") is not None:
        _read_finish_reason(choice, reading)
    delta = choice.get("delta")
    said = fields(delta)
    content = said.get("content") if delta is not None else choice.get("text")
    if isinstance(content, str):
        reading.characters += len(content)
        return
    for tool_call in items(said.get("tool_calls")):
        arguments = get(get(tool_call, "function"), "arguments")
        reading.characters += len(arguments) if isinstance(arguments, str) else 0


_AZURE = Platform("azure.ai.openai", {})
_OLLAMA = Platform("ollama", {})
_OLLAMA_PORT = 11434


def _platform(client: Client, server: Server) -> Platform | None:
    """Azure, for whose clients that is, also where the base URL does not tell (a gateway, a private endpoint); or an
    Ollama server, which has a port of its own (its FAQ)."""
    if _is_azure(type(client)):
        return _AZURE
    return _OLLAMA if server.port == _OLLAMA_PORT else None


@lru_cache(maxsize=64)
def _is_azure(kind: type) -> bool:
    return any(base.__name__ == "BaseAzureClient" for base in kind.__mro__)


_OPENAI = StainlessSdk(
    provider="openai",
    platform=_platform,
    endpoints=(
        Endpoint(
            "/chat/completions",
            "chat",
            read_completion,
            read_completion_chunk,
            read_request,
            usage_chunk=is_usage_chunk,
            content=OPENAI_CHAT,
        ),
        Endpoint("/responses", "chat", read_response, read_response_event, read_request, content=OPENAI_RESPONSES),
        Endpoint("/embeddings", "embeddings", read_embeddings, read_embeddings, needs=("input",)),
        Endpoint(
            "/completions",
            "text_completion",
            read_completion,
            read_completion_chunk,
            usage_chunk=is_usage_chunk,
            content=OPENAI_COMPLETION,
        ),
        Endpoint("/responses/compact", "chat", read_response, read_response_event),
        Endpoint("/decisions", "chat", read_whole_response, read_response_event),
        *MEDIA_ENDPOINTS,
        *VIDEO_ENDPOINTS,
    ),
    fetchings=(*FETCHINGS, *VIDEO_FETCHINGS),
)

SDK = Sdk(
    distribution="openai",
    supported=">=1.100,<4",
    points=(*request_points("openai", _OPENAI), *session_points(read_response_event)),
)
