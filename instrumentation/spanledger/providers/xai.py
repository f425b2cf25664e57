"""xAI over gRPC: chat (sampled, streamed, deferred, compacted), images and videos.

Every request passes the SDK's own interceptors, and there it is observed: nothing that the application gets is touched.

The SDK makes a span for most calls by itself and sends within it. That one is adopted, and completed when the SDK ends
it, as the SDK writes its own (exclusive) counts last. Where there is none, ours stands for the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from opentelemetry import trace

from spanledger._call import open_call, run, run_async
from spanledger._capturing import keep_content
from spanledger._decoding import Decoding
from spanledger._guard import guarded
from spanledger._native import goes_where_ours_go
from spanledger._patching import PatchPoint, Sdk
from spanledger._reading import Request, ending_of
from spanledger._streams import AsyncItems, Items
from spanledger._wrapping import Args, argument
from spanledger.content import XAI_CHAT
from spanledger.providers.xai_usage import read_completion, read_images, read_video
from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping

    from opentelemetry.trace import Span

    from spanledger._call import Call
    from spanledger._reading import Ending, Reader
    from spanledger.content import Format

__all__ = ["SDK"]

_DONE = 1
"""`DeferredStatus.DONE` of `deferred.proto`."""


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
    content: Format | None = None


_RPCS = {
    "/xai_api.Chat/GetCompletion": Rpc("chat", read_completion, native="chat.", content=XAI_CHAT),
    "/xai_api.Chat/GetCompletionChunk": Rpc("chat", read_completion, native="chat.", stream=True, content=XAI_CHAT),
    "/xai_api.Chat/GetDeferredCompletion": Rpc(
        "chat", read_completion, native="chat.", deferred=True, content=XAI_CHAT
    ),
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
    call = guarded("open a call", _open, rpc, _asked(args, kwargs))
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
    call = None if rpc is None or rpc.deferred else guarded("open a call", _open, rpc, _asked(args, kwargs))
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
    call = guarded("open a call", _open, _rpc_of(args, kwargs), _asked(args, kwargs))
    if call is None:
        return cast("Iterator[object]", wrapped(*args, **kwargs))
    return Items(iter(run(call, _sent, lambda: wrapped(*args, **kwargs))), _Chunks(call))


async def _async_stream(
    wrapped: Callable[..., Awaitable[AsyncIterable[object]]],
    _interceptor: object,
    args: Args,
    kwargs: Mapping[str, object],
) -> AsyncIterator[object]:
    call = guarded("open a call", _open, _rpc_of(args, kwargs), _asked(args, kwargs))
    if call is None:
        return cast("AsyncIterator[object]", await wrapped(*args, **kwargs))
    return AsyncItems(aiter(await run_async(call, _sent, lambda: wrapped(*args, **kwargs))), _Chunks(call))


class _Chunks(Decoding):
    """The chunks of a stream on their way to the SDK. A call whose span is the SDK's ends when the SDK ends that."""

    __slots__ = ()

    def __init__(self, call: Call) -> None:
        super().__init__(call, _read_chunk)

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        if how == "read" and _adopted(self._call):
            self._call.reading.complete = True
        elif error is not None:
            _failed(self._call, error)
        else:
            super().finish(how)


def _read_chunk(call: Call, chunk: object) -> None:
    call.chunk(chunk)


def _rpc_of(args: Args, kwargs: Mapping[str, object]) -> Rpc | None:
    method = get(argument(args, kwargs, 1, "client_call_details"), "method")
    return _RPCS.get(method.decode() if isinstance(method, bytes) else str(method))


def _asked(args: Args, kwargs: Mapping[str, object]) -> object:
    return argument(args, kwargs, 2, "request")


def _open(rpc: Rpc | None, asked: object) -> Call | None:
    """`asked` has the model: the request or, of one that was deferred, the answer."""
    if rpc is None:
        return None
    model = get(asked, "model")
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
    keep_content(call, rpc.content, asked)
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
        call = _open(rpc, response)
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
    content_switch="XAI_SDK_DISABLE_SENSITIVE_TELEMETRY_ATTRIBUTES",
)
