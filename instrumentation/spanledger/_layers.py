"""Calls of a framework over SDKs: a real call is counted once, at the deepest place that saw it.

A framework sends some requests by itself and others through an SDK that is observed too, and which it does is its own
affair. Its call is a *layer*: while it works nothing is started; if a call was seen below it, that one counts, and
otherwise the layer's own span is started at its end, with the time of its beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from opentelemetry import context
from opentelemetry.trace import SpanKind, StatusCode

from spanledger._call import Call, current_call, open_call
from spanledger._guard import guarded
from spanledger._others import anothers_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token

    from opentelemetry.context import Context

    from spanledger._reading import Ending, Reader, Request

__all__ = ["Layer", "current_layer", "note_call_below", "open_layer"]

R = TypeVar("R")

_LAYER_KEY = context.create_key("spanledger-layer")


class Describe(Protocol):
    """Completes a request with what only an answer, or an exception, tells. `None`: no model was called for it."""

    def __call__(self, request: Request, outcome: object, /) -> Request | None: ...


def open_layer(request: Request, read_response: Reader, read_chunk: Reader, describe: Describe) -> Layer | None:
    """The call of a framework, or `None` when nothing should be observed (see `open_call`)."""
    call = open_call(request, read_response, read_chunk, adopts=True)
    if call is None:
        return None
    layer = Layer(call, describe)
    if (outer := current_layer()) is not None:
        outer.below.append(layer)
    return layer


def current_layer() -> Layer | None:
    """The innermost layer at work in this context."""
    layer = context.get_value(_LAYER_KEY)
    return layer if isinstance(layer, Layer) else None


def note_call_below(
    wrapped: Callable[..., object], _instance: object, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    """Wrapper of a function that an SDK calls while a call of ours is current: the layer above learns of that call."""
    layer, call = current_layer(), current_call()
    if layer is not None and call is not None and call is not layer and call not in layer.below:
        layer.below.append(call)
    return wrapped(*args, **kwargs)


class Layer(Call):
    """A call of a framework. It has a span only when no call `below` it stands for what was answered."""

    __slots__ = ("_describe", "_layer_token", "answered", "below")

    def __init__(self, call: Call, describe: Describe) -> None:
        """A layer in place of `call`, which has no span yet."""
        super().__init__(call._runtime, call.request, call._read_response, call._read_chunk)  # noqa: SLF001  # one of us
        self.answered = False
        self.below: list[Call] = []
        self._describe = describe
        self._layer_token: Token[Context] | None = None

    def enter(self) -> None:
        super().enter()
        self._layer_token = context.attach(context.set_value(_LAYER_KEY, self))

    def leave(self) -> None:
        if self._layer_token is not None:
            context.detach(self._layer_token)
            self._layer_token = None
        super().leave()

    def start(self, within: Context | None = None) -> None:
        """Start the span now, as of the time when the framework was called, where the application was then; or add to
        that of another instrumentation, as any call does."""
        another = anothers_call(context.get_current() if within is None else within)
        if another.span is not None:
            self.adopt(another.span, measures=True, counts_alike=another.counts_alike)
        if another.observes:
            return
        self.span = self._runtime.tracer.start_span(
            self.request.span_name(),
            context=self._context,
            kind=SpanKind.CLIENT,
            attributes={**self.request.span_attributes(), **self.attribution()},
            start_time=self._started_ns,
        )
        self._owned = self._measured = True

    def returned(self, observe: Callable[[Call, R], None], result: R) -> None:
        self.answered = True
        if not any(map(_answered, self.below)):
            guarded("start a span", self._start_for, result)
        super().returned(observe, result)

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        if error is not None and not self._owned and not self.below:
            guarded("start a span", self._start_for, error)
        super().finish(how, error)

    def _start_for(self, outcome: object) -> None:
        request = self._describe(self.request, outcome)
        if request is not None:
            self.request = request
            self.start()


def _answered(call: Call) -> bool:
    """Whether a call below did not fail: after one that did, a framework may have turned to another provider."""
    if isinstance(call, Layer):
        return call.answered
    status = getattr(call.span, "status", None)
    return status is None or status.status_code is not StatusCode.ERROR
