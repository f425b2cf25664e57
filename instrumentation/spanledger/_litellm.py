"""Driver for LiteLLM: its functions are layers (`_layers`), and its streams keep their type.

What is observed of a `CustomStreamWrapper` is the stream of the provider's chunks inside it, because LiteLLM fills in
counts of its own where the provider gave none.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, cast

from spanledger import semconv
from spanledger._call import run, run_async
from spanledger._capturing import capturing, keep_content
from spanledger._decoding import Decoding
from spanledger._guard import guarded
from spanledger._http import server_of
from spanledger._layers import current_layer, open_layer
from spanledger._litellm_raw import belongs
from spanledger._reading import Request, ending_of
from spanledger._streams import AsyncItems, Items
from spanledger._wrapping import argument
from spanledger.hosts import provider_of_host
from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable

    from spanledger._call import Call
    from spanledger._reading import Reader, Reading
    from spanledger._streams import Observer
    from spanledger.content import Format

__all__ = [
    "Function",
    "async_function",
    "note_async_end",
    "note_end",
    "note_server",
    "sync_function",
]

_PROVIDER_BY_NAME: Final = {
    "azure": "azure.ai.openai",
    "azure_text": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "anthropic_text": "anthropic",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "bedrock_mantle": "aws.bedrock",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "nvidia_nim": "nvidia",
    "ollama_chat": "ollama",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "voyage": "voyageai",
    "watsonx": "ibm.watsonx.ai",
    "watsonx_text": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""LiteLLM's names of providers and those of the conventions, where they differ."""

_BEDROCK_ROUTES: Final = ("converse/", "invoke/", "converse_like/")
"""What may stand before a Bedrock model, to say how it is called."""

_MOCKS: Final = ("mock_response", "mock_tool_calls", "mock_timeout")
_CACHED: Final = "cached_response"


@dataclass(frozen=True, slots=True)
class Function:
    """One function of LiteLLM and its asynchronous twin; `model_at`: the model's position among the arguments,
    `twin_at`: that in the twin, where it is another. `content`: how it says what was asked, which is the argument
    `asked_at`, and answered."""

    operation: str
    read_response: Reader
    read_chunk: Reader
    needs: tuple[str, ...] = ("input", "output")
    model_at: int = 0
    twin_at: int | None = None
    content: Format | None = None
    asked_at: tuple[int, str] = (1, "messages")


class StreamWrapper(Protocol):
    """LiteLLM's `CustomStreamWrapper`: either the provider's stream is there, or how to get it when it is read."""

    completion_stream: object
    make_call: Callable[..., object] | None


Args = tuple[object, ...]
Kwargs = Mapping[str, object]


def sync_function(function: Function) -> Callable[..., object]:
    def call_function(wrapped: Callable[..., object], _instance: object, args: Args, kwargs: Kwargs) -> object:
        call = guarded("open a call", _open, function, args, kwargs)
        if call is None:
            return wrapped(*args, **kwargs)
        return run(call, _observe, lambda: wrapped(*args, **kwargs))

    return call_function


def async_function(function: Function) -> Callable[..., Awaitable[object]]:
    if function.twin_at is not None:
        function = replace(function, model_at=function.twin_at)

    async def call_function(
        wrapped: Callable[..., Awaitable[object]], _instance: object, args: Args, kwargs: Kwargs
    ) -> object:
        call = guarded("open a call", _open, function, args, kwargs)
        if call is None:
            return await wrapped(*args, **kwargs)
        return await run_async(call, _observe_async, lambda: wrapped(*args, **kwargs))

    return call_function


def _open(function: Function, args: Args, kwargs: Kwargs) -> Call | None:
    if any(kwargs.get(name) is not None for name in _MOCKS):
        return None
    model = args[function.model_at] if len(args) > function.model_at else kwargs.get("model")
    region = kwargs.get("aws_region_name") or kwargs.get("vertex_location")
    request = Request(
        operation=function.operation,
        provider="",
        model=model if isinstance(model, str) else None,
        server_address=None,
        server_port=None,
        stream=kwargs.get("stream") is True,
        needs=function.needs,
        attributes={semconv.REGION: region} if isinstance(region, str) else {},
    )
    layer = open_layer(request, function.read_response, function.read_chunk, _describe)
    if function.content is not None and capturing():
        position, name = function.asked_at
        keep_content(layer, function.content, {**kwargs, name: argument(args, kwargs, position, name)})
    return layer


def _describe(request: Request, outcome: object) -> Request | None:
    """The request with its provider: what an exception says of it, or what LiteLLM made of the model's name."""
    hidden = getattr(outcome, "_hidden_params", None)
    answered_by = get(outcome, "custom_llm_provider") or get(hidden, "custom_llm_provider")
    if inspect.isawaitable(outcome) or get(hidden, "cache_hit") is True or answered_by == _CACHED:
        return None
    model = request.model or ""
    if isinstance(outcome, BaseException):
        name = get(outcome, "llm_provider") or model.partition("/")[0]
    else:
        name = guarded("ask for a provider", _provider_of_model, model, get(hidden, "api_base")) or answered_by
    name = name if isinstance(name, str) else ""
    for prefix in (f"{name}/", *_BEDROCK_ROUTES):
        model = model.removeprefix(prefix)
    return replace(request, provider=_PROVIDER_BY_NAME.get(name, name), model=model or None)


def _provider_of_model(model: str, api_base: object) -> str:
    """The provider that LiteLLM answered for. The wrappers of its streams have the name of one that answers alike."""
    module = cast("_LiteLlm", sys.modules["litellm"])
    return str(cast("tuple[object, ...]", module.get_llm_provider(model, api_base=api_base))[1])


class _LiteLlm(Protocol):
    """The module `litellm`."""

    def get_llm_provider(self, model: str, *, api_base: object) -> object: ...


def note_server(wrapped: Callable[..., object], _instance: object, args: Args, kwargs: Kwargs) -> object:
    """`Logging.pre_call(input, api_key, model, additional_args)`: LiteLLM is about to send a request to this URL."""
    layer = current_layer()
    more = kwargs.get("additional_args") or (args[3] if len(args) > 3 else None)
    if layer is not None and isinstance(url := get(more, "api_base"), str) and "//" in url:
        guarded("note a server", _read_server, url, layer.reading)
    return wrapped(*args, **kwargs)


def _read_server(url: str, reading: Reading) -> None:
    server = server_of(url)
    reading.attributes[semconv.SERVER_ADDRESS] = server.host
    reading.attributes[semconv.SERVER_PORT] = server.port
    if provider := provider_of_host(server.host, ""):
        reading.attributes[semconv.PROVIDER_NAME] = provider


def _observe(call: Call, answer: object) -> None:
    _observe_answer(call, answer, Relay)


def _observe_async(call: Call, answer: object) -> None:
    _observe_answer(call, answer, AsyncRelay)


def _observe_answer(call: Call, answer: object, relay: type[Relay | AsyncRelay]) -> None:
    """A stream of chat, a stream of the Responses API (whose events are seen unparsed), or an answer."""
    inner = get(answer, "completion_stream")
    if hasattr(inner, "completion_stream"):
        answer = inner  # a stream of a legacy completion is around one of chat
    if hasattr(answer, "completion_stream"):
        _observe_stream(call, cast("StreamWrapper", answer), relay)
    elif (events := get(answer, "stream_iterator")) is not None:
        kind = AsyncItems if hasattr(events, "__anext__") else Items
        vars(answer)["stream_iterator"] = kind(events, Decoding(call, _decode))
    else:
        call.response(answer)
        call.finish("read")


def _observe_stream(call: Call, wrapper: StreamWrapper, relay: type[Relay | AsyncRelay]) -> None:
    stream, make_call = wrapper.completion_stream, wrapper.make_call
    belongs(stream, call)
    if stream is None and make_call is not None:
        wrapper.make_call = _relaying(make_call, relay(None, call), call)
    elif relay is AsyncRelay and hasattr(stream, "__aiter__"):
        wrapper.completion_stream = AsyncRelay(stream, call)
    elif hasattr(stream, "__next__"):  # also for an asynchronous reader, which asks for the items in a thread
        wrapper.completion_stream = Relay(stream, call)
    else:
        call.finish("read")  # a text that LiteLLM hands out in pieces


def _relaying(make_call: Callable[..., object], relay: Relay | AsyncRelay, call: Call) -> Callable[..., object]:
    """`make_call`, which sends the request when the stream is read for the first time."""

    def relaying(*args: object, **kwargs: object) -> object:
        with _at_work(call):
            stream = make_call(*args, **kwargs)
        return later(stream) if inspect.isawaitable(stream) else relay.over(belongs(stream, call))

    async def later(stream: Awaitable[object]) -> object:
        with _at_work(call):
            return relay.over(belongs(await stream, call))

    return relaying


@contextmanager
def _at_work(call: Call) -> Generator[None]:
    guarded("enter a call", call.enter)
    try:
        yield
    except BaseException as error:
        call.finish(ending_of(error), error)
        raise
    finally:
        guarded("leave a call", call.leave)


def _decode(call: Call, event: object) -> None:
    """A server-sent event of the Responses API: an object or, in older versions, a line."""
    data = event.removeprefix("data:") if isinstance(event, str) else get(event, "data")
    if isinstance(data, str) and data.lstrip().startswith("{"):
        call.chunk(json.loads(data))


def note_end(wrapped: Callable[..., object], wrapper: StreamWrapper, args: Args, kwargs: Kwargs) -> object:
    """`CustomStreamWrapper.__next__`: some versions end without reading the provider's stream to its end."""
    try:
        return wrapped(*args, **kwargs)
    except StopIteration:
        _end(wrapper.completion_stream)
        raise


async def note_async_end(
    wrapped: Callable[..., Awaitable[object]], wrapper: StreamWrapper, args: Args, kwargs: Kwargs
) -> object:
    """`CustomStreamWrapper.__anext__`."""
    try:
        return await wrapped(*args, **kwargs)
    except StopAsyncIteration:
        _end(wrapper.completion_stream)
        raise


def _end(stream: object) -> None:
    if isinstance(stream, Relay | AsyncRelay):
        stream.observer.finish("read")


class Relay(Items):
    """A provider's stream of chunks, set now or later. Some make their items only when they are asked to iterate."""

    __slots__ = ()

    @property
    def observer(self) -> Observer:
        return self._observer

    def over(self, stream: object) -> Relay:
        self._inner = stream
        return self

    def __iter__(self) -> Relay:
        return self.over(iter(cast("Iterable[object]", self._inner)))


class AsyncRelay(AsyncItems):
    """The same, asynchronously."""

    __slots__ = ()

    @property
    def observer(self) -> Observer:
        return self._observer

    def over(self, stream: object) -> AsyncRelay:
        self._inner = stream
        return self

    def __aiter__(self) -> AsyncRelay:
        return self.over(aiter(cast("AsyncIterable[object]", self._inner)))
