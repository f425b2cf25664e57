"""xAI over gRPC: chat (sampled, streamed, deferred, compacted), images and videos.

Every request passes the SDK's own interceptors, and there it is observed: nothing that the application gets is touched.
Usage: `completion_tokens` leaves out `reasoning_tokens`, `prompt_tokens` contains what was cached; in a stream every
chunk is cumulative. The provider says its own price, in ticks.

The SDK makes a span for most calls by itself and sends within it. That one is adopted, and completed when the SDK ends
it, as the SDK writes its own (exclusive) counts last. Where there is none, ours stands for the call.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, cast

from opentelemetry import trace

from spanledger import semconv
from spanledger._call import open_call, run, run_async
from spanledger._guard import guarded
from spanledger._native import goes_where_ours_go
from spanledger._patching import PatchPoint, Sdk
from spanledger._reading import Request, ending_of
from spanledger._speakeasy import argument
from spanledger._streams import AsyncItems, Items
from spanledger.usage import get, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping

    from google.protobuf.message import Message
    from opentelemetry.trace import Span

    from spanledger._call import Call
    from spanledger._reading import Ending, Reader, Reading

__all__ = ["SDK"]

Args = tuple[object, ...]

_TICK_PLACES = 10
"""10^10 ticks are one USD (`usage.proto` of xai-proto, `cost_in_usd_ticks`)."""

_DONE = 1
"""`DeferredStatus.DONE` of `deferred.proto`."""

_METER_BY_FIELD = {
    "prompt_tokens": "input",
    "cached_prompt_text_tokens": "cache_read",
    "prompt_image_tokens": "input_image",
    "reasoning_tokens": "reasoning",
}


class Outcome(Protocol):
    """What a synchronous interceptor returns: a call that has been made."""

    def exception(self) -> BaseException | None: ...
    def result(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Rpc:
    """A method of the API that is billed. `native` is how the names of the SDK's own spans for it begin. `deferred`: it
    asks for an answer that may not be there yet, and has it in `response`."""

    operation: str
    read: Reader
    needs: tuple[str, ...] = ("input", "output")
    native: str | None = None
    deferred: bool = False
    stream: bool = False


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


_RPCS = {
    "/xai_api.Chat/GetCompletion": Rpc("chat", read_completion, native="chat."),
    "/xai_api.Chat/GetCompletionChunk": Rpc("chat", read_completion, native="chat.", stream=True),
    "/xai_api.Chat/GetDeferredCompletion": Rpc("chat", read_completion, native="chat.", deferred=True),
    "/xai_api.Chat/CompactContext": Rpc("chat", read_completion),
    "/xai_api.Image/GenerateImage": Rpc("image_generation", read_images, ("image",), native="image."),
    "/xai_api.Video/GetDeferredVideo": Rpc("video_generation", read_video, ("second",), native="video.", deferred=True),
}


def _unary(wrapped: Callable[..., Outcome], _interceptor: object, args: Args, kwargs: Mapping[str, object]) -> Outcome:
    rpc = _rpc_of(args, kwargs)
    if rpc is not None and rpc.deferred:
        outcome = wrapped(*args, **kwargs)
        if outcome.exception() is None:
            guarded("read a deferred answer", _deferred, rpc, outcome.result())
        return outcome
    call = guarded("open a call", _open, rpc, _model(args, kwargs))
    if call is None:
        return wrapped(*args, **kwargs)
    return run(call, _observe, lambda: wrapped(*args, **kwargs))


async def _async_unary(
    wrapped: Callable[..., Awaitable[Awaitable[object]]],
    _interceptor: object,
    args: Args,
    kwargs: Mapping[str, object],
) -> Awaitable[object]:
    """The interceptor returns when the request is on its way: whoever awaits what it returns gets the same answer as we
    do here, or the same error."""
    rpc = _rpc_of(args, kwargs)
    call = None if rpc is None or rpc.deferred else guarded("open a call", _open, rpc, _model(args, kwargs))
    if call is not None:
        under_way = await run_async(call, _sent, lambda: wrapped(*args, **kwargs))
    else:
        under_way = await wrapped(*args, **kwargs)
        if rpc is None or not rpc.deferred:
            return under_way
    try:
        answer = await under_way
    except Exception as error:  # noqa: BLE001  # not ours to handle: it is raised again where the answer is awaited
        if call is not None:
            guarded("end a call", _failed, call, error)
    except BaseException as error:
        if call is not None:
            call.finish(ending_of(error), error)
        raise
    else:
        if call is not None:
            guarded("read an answer", _answered, call, answer)
        elif rpc is not None:
            guarded("read a deferred answer", _deferred, rpc, answer)
    return under_way


def _stream(
    wrapped: Callable[..., Iterable[object]], _interceptor: object, args: Args, kwargs: Mapping[str, object]
) -> Iterator[object]:
    call = guarded("open a call", _open, _rpc_of(args, kwargs), _model(args, kwargs))
    if call is None:
        return cast("Iterator[object]", wrapped(*args, **kwargs))
    return Items(iter(run(call, _sent, lambda: wrapped(*args, **kwargs))), _Chunks(call))


async def _async_stream(
    wrapped: Callable[..., Awaitable[AsyncIterable[object]]],
    _interceptor: object,
    args: Args,
    kwargs: Mapping[str, object],
) -> AsyncIterator[object]:
    call = guarded("open a call", _open, _rpc_of(args, kwargs), _model(args, kwargs))
    if call is None:
        return cast("AsyncIterator[object]", await wrapped(*args, **kwargs))
    return AsyncItems(aiter(await run_async(call, _sent, lambda: wrapped(*args, **kwargs))), _Chunks(call))


class _Chunks:
    """The chunks of a stream on their way to the SDK. A call whose span is the SDK's ends when the SDK ends that."""

    def __init__(self, call: Call) -> None:
        self._call = call

    @property
    def advancing(self) -> bool:
        return self._call.advancing

    @advancing.setter
    def advancing(self, value: bool) -> None:
        self._call.advancing = value

    def chunk(self, chunk: object) -> None:
        self._call.chunk(chunk)

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        if how == "read" and _adopted(self._call):
            self._call.reading.complete = True
        elif error is not None:
            _failed(self._call, error)
        else:
            self._call.finish(how)


def _rpc_of(args: Args, kwargs: Mapping[str, object]) -> Rpc | None:
    method = get(argument(args, kwargs, 1, "client_call_details"), "method")
    return _RPCS.get(method.decode() if isinstance(method, bytes) else str(method))


def _model(args: Args, kwargs: Mapping[str, object]) -> object:
    return get(argument(args, kwargs, 2, "request"), "model")


def _open(rpc: Rpc | None, model: object) -> Call | None:
    if rpc is None:
        return None
    request = Request(
        operation=rpc.operation,
        provider="x_ai",
        model=model if isinstance(model, str) and model else None,
        server_address=None,  # only the channel knows it
        server_port=None,
        stream=rpc.stream,
        needs=rpc.needs,
    )
    native = _native_span(rpc)
    call = open_call(request, rpc.read, rpc.read, adopts=native is not None)
    if call is not None and native is not None:
        call.adopt(native)
    return call


def _native_span(rpc: Rpc) -> Span | None:
    """The SDK's own span around this request, unless it stands for a call already: a stream that is being read."""
    span = trace.get_current_span()
    name, scope = get(span, "name"), get(get(span, "instrumentation_scope"), "name")
    if rpc.native is None or not str(name).startswith(rpc.native) or not str(scope).startswith("xai_sdk."):
        return None
    return span if goes_where_ours_go(span) and "end" not in vars(span) else None


def _adopted(call: Call) -> bool:
    return "end" in vars(call.span)


def _observe(call: Call, outcome: Outcome) -> None:
    error = outcome.exception()
    if error is not None:
        _failed(call, error)
    else:
        _answered(call, outcome.result())


def _sent(_call: Call, _under_way: object) -> None:
    """There is no answer yet."""


def _answered(call: Call, answer: object) -> None:
    call.response(answer)
    if not _adopted(call):
        call.finish("read")


def _failed(call: Call, error: BaseException) -> None:
    """A call that failed, with the status of gRPC as the type of error."""
    code = get(error, "code")
    if callable(code) and isinstance(name := get(code(), "name"), str):
        call.reading.error_type = name
    call.finish(ending_of(error), error)


def _deferred(rpc: Rpc, answer: object) -> None:
    """A look at whether an answer is there. The SDK's span is around all looks; ours, if it must be, is of the last."""
    if get(answer, "status") == _DONE:
        response = get(answer, "response")
        call = _open(rpc, get(response, "model"))
        if call is not None:
            _answered(call, response)


_SINCE = "1.4"
_MODULE = "xai_sdk.interceptors"

SDK = Sdk(
    distribution="xai-sdk",
    supported=f">={_SINCE},<2",
    points=(
        PatchPoint(_MODULE, "TimeoutInterceptor.intercept_unary_unary", _unary),
        PatchPoint(_MODULE, "TimeoutInterceptor.intercept_unary_stream", _stream),
        PatchPoint(_MODULE, "UnaryUnaryTimeoutAioInterceptor.intercept_unary_unary", _async_unary),
        PatchPoint(_MODULE, "UnaryStreamTimeoutAioInterceptor.intercept_unary_stream", _async_stream),
    ),
    native_since=_SINCE,
    native_scope="xai_sdk",
)
