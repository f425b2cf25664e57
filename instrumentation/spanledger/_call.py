"""The life of one model call: start, observe, end exactly once, whatever the SDK and however it is read.

    open_call(...) -> Call        a span of ours, or one to adopt
    run(call, ...)                the SDK works; the span is current and attribution stays out of outgoing baggage
    call.chunk(...) ...           a stream is read
    call.finish(how, error)       the first one counts

A span of somebody else that already stands for this call (the SDK's own) is *adopted*: we add to it and do not end it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from opentelemetry import context, trace
from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY,  # pyright: ignore[reportPrivateUsage]  # the only name this key has
)
from opentelemetry.trace import NonRecordingSpan, SpanKind, Status, StatusCode

from spanledger import semconv
from spanledger._guard import guarded
from spanledger._version import __version__
from spanledger.attribution import attribution_attributes, without_attribution_baggage
from spanledger.usage import Usage, usage_attributes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from spanledger._settings import Settings

__all__ = [
    "Call",
    "Ending",
    "Reading",
    "Request",
    "configure",
    "current_call",
    "ending_of",
    "open_call",
    "run",
    "run_async",
]

R = TypeVar("R")

Ending = Literal["read", "closed", "abandoned", "cancelled", "failed"]
"""How a call ended: read to its end, closed early by the application, dropped unclosed, cancelled, or an error."""

INFERENCE_CONTEXT_KEY = "opentelemetry.genai.client.inference.context"
"""Set by instrumentations built on opentelemetry-util-genai while a call of theirs is active."""

_SUPPRESS_PLAIN_KEY = "suppress_instrumentation"
_CALL_KEY = context.create_key("spanledger-call")


@dataclass(frozen=True, slots=True)
class Request:
    """What is known before a call is made; `attributes` are those without a field of their own.

    `needs` names the meters without which the call is not metered.
    """

    operation: str
    provider: str
    model: str | None
    server_address: str | None
    server_port: int | None
    stream: bool = False
    needs: tuple[str, ...] = ("input", "output")
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict[str, "AttributeValue"])

    def span_name(self) -> str:
        """`{operation} {model}`, as the conventions say."""
        return f"{self.operation} {self.model}" if self.model else self.operation

    def span_attributes(self) -> dict[str, AttributeValue]:
        """The attributes that the span starts with, so that a sampler sees them."""
        named: dict[str, AttributeValue | None] = {
            semconv.OPERATION_NAME: self.operation,
            semconv.PROVIDER_NAME: self.provider,
            semconv.REQUEST_MODEL: self.model,
            semconv.SERVER_ADDRESS: self.server_address,
            semconv.SERVER_PORT: self.server_port,
            semconv.REQUEST_STREAM: self.stream or None,
        }
        return {**{name: value for name, value in named.items() if value is not None}, **self.attributes}


@dataclass(slots=True)
class Reading:
    """What a response, or the chunks of a stream so far, said. `complete`: the message that ends a stream was seen.

    `raw` is room for a provider's own counts, where usage arrives in pieces.
    """

    response_id: str | None = None
    response_model: str | None = None
    finish_reasons: list[str] = field(default_factory=list[str])
    usage: Usage = field(default_factory=Usage)
    attributes: dict[str, AttributeValue] = field(default_factory=dict[str, "AttributeValue"])
    error_type: str | None = None
    complete: bool = False
    chunks: int = 0
    characters: int = 0
    raw: dict[str, int] = field(default_factory=dict[str, int])


class Reader(Protocol):
    """Reads a provider's answer into a `Reading`: a whole response, or one chunk of a stream."""

    def __call__(self, answer: object, reading: Reading, /) -> None: ...


@dataclass(slots=True)
class _Runtime:
    """What the instrumentation was switched on with."""

    tracer: Tracer
    settings: Settings


_runtime: _Runtime | None = None


def configure(settings: Settings | None, tracer_provider: TracerProvider | None = None) -> None:
    """Use these settings and this tracer provider (default: the global one) from now on; `None` opens no more calls."""
    global _runtime  # noqa: PLW0603  # patches are process-wide, and so is what they report to
    if settings is None:
        _runtime = None
        return
    tracer = trace.get_tracer(semconv.SCOPE_NAME, __version__, tracer_provider)
    _runtime = _Runtime(tracer, settings)


def open_call(request: Request, read_response: Reader, read_chunk: Reader, *, adopts: bool = False) -> Call | None:
    """The call to observe, or `None` when nothing should be: switched off, suppressed, or already another's inference.

    With `adopts` no span is started yet: the SDK is about to start one, which `Call.adopt` takes.
    """
    if _runtime is None or context.get_value(_SUPPRESS_INSTRUMENTATION_KEY) or context.get_value(_SUPPRESS_PLAIN_KEY):
        return None
    if context.get_value(INFERENCE_CONTEXT_KEY) is not None:
        return None
    call = Call(_runtime, request, read_response, read_chunk)
    if adopts:
        call.awaits_span = True
    else:
        call.start()
    return call


def current_call() -> Call | None:
    """The call whose SDK is at work in this context."""
    call = context.get_value(_CALL_KEY)
    return call if isinstance(call, Call) else None


def ending_of(error: BaseException) -> Ending:
    """A failure of the call, or the application leaving it: cancelled, interrupted, its generator closed."""
    return "failed" if isinstance(error, Exception) else "cancelled"


def run(call: Call, observe: Callable[[Call, R], None], wrapped: Callable[[], R]) -> R:
    """Let the SDK work within `call`, and `observe` what it returns: a whole answer ends the call, a stream later."""
    guarded("enter a call", call.enter)
    try:
        result = wrapped()
    except BaseException as error:
        call.finish(ending_of(error), error)
        raise
    finally:
        guarded("leave a call", call.leave)
    call.returned(observe, result)
    return result


async def run_async(call: Call, observe: Callable[[Call, R], None], wrapped: Callable[[], Awaitable[R]]) -> R:
    """`run` for a coroutine."""
    guarded("enter a call", call.enter)
    try:
        result = await wrapped()
    except BaseException as error:
        call.finish(ending_of(error), error)
        raise
    finally:
        guarded("leave a call", call.leave)
    call.returned(observe, result)
    return result


class Call:
    """One model call and the span that stands for it. Every method but `finish` may be left out or come late."""

    __slots__ = (
        "_context", "_finished", "_last_ns", "_owned", "_read_chunk", "_read_response", "_returned", "_runtime",
        "_token", "advancing", "awaits_span", "reading", "request", "retries", "span",
    )  # fmt: skip

    def __init__(self, runtime: _Runtime, request: Request, read_response: Reader, read_chunk: Reader) -> None:
        self.request = request
        self.reading = Reading()
        self.retries = 0
        self._runtime = runtime
        self._read_response = read_response
        self._read_chunk = read_chunk
        self.span: Span = NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)
        self._owned = False
        self._returned = False
        self._finished = Lock()
        self._last_ns = 0
        self._context: Context | None = None
        self._token: Token[Context] | None = None
        self.advancing = False
        self.awaits_span = False

    @property
    def recording(self) -> bool:
        """Whether there is a span that takes attributes."""
        return self.span.is_recording()

    def start(self) -> None:
        """Start a span of our own. Its start attributes include attribution."""
        attributes = {**self.request.span_attributes(), **self.attribution()}
        self.span = self._runtime.tracer.start_span(
            self.request.span_name(), kind=SpanKind.CLIENT, attributes=attributes
        )
        self._owned = True
        if self.awaits_span:  # the SDK is at work already, and made no span after all
            self.awaits_span = False
            context.attach(trace.set_span_in_context(self.span))

    def adopt(self, span: Span) -> None:
        """Let `span`, which somebody else started and will end, stand for this call; before, it gets what we know."""
        self.awaits_span = False
        self.span = span
        span.set_attributes(self.attribution())
        if span.is_recording():
            vars(span)["end"] = self._finish_before(span)

    def _finish_before(self, span: Span) -> Callable[..., None]:
        def end(end_time: int | None = None) -> None:
            vars(span).pop("end")
            failed = getattr(span, "status", None)
            self.finish("failed" if failed is not None and failed.status_code is StatusCode.ERROR else "closed")
            span.end(end_time)

        return end

    def attribution(self) -> Mapping[str, str]:
        """Who spends, in the context of the application."""
        return attribution_attributes(self._context, self._runtime.settings.baggage_keys)

    def enter(self) -> None:
        """The SDK starts to work: our span is current, and attribution is not in the baggage that requests carry."""
        self._context = context.get_current()
        inner = without_attribution_baggage(self._context, self._runtime.settings.baggage_keys)
        inner = context.set_value(_CALL_KEY, self, inner)
        if self._owned:
            inner = trace.set_span_in_context(self.span, inner)
        self._token = context.attach(inner)

    def leave(self) -> None:
        """The SDK has done its work; a stream that it returned is read in whatever context the application is in."""
        if self._token is not None:
            context.detach(self._token)
            self._token = None

    def returned(self, observe: Callable[[Call, R], None], result: R) -> None:
        """The SDK returned `result`, or is about to. Without a recording span there is nothing to observe."""
        if self._returned:
            return
        self._returned = True
        if not self.recording or not guarded("observe what an SDK returned", _observed, observe, self, result):
            self.finish("read")

    def response(self, answer: object) -> None:
        """Read a whole response."""
        guarded("read a response", self._read_response, answer, self.reading)

    def chunk(self, chunk: object) -> None:
        """Read one chunk of a stream."""
        reading = self.reading
        reading.chunks += 1
        self._last_ns = time.time_ns()
        guarded("read a chunk of a stream", self._read_chunk, chunk, reading)

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        """Write what was read and end the span. The first call of this counts, from whatever thread it comes."""
        if self._finished.acquire(blocking=False):
            guarded("end a span", self._finish, how, error)

    def _finish(self, how: Ending, error: BaseException | None) -> None:
        span = self.span
        if span.is_recording():
            span.set_attributes(self._end_attributes(how, error))
            if how == "failed" or self.reading.error_type:
                span.set_status(Status(StatusCode.ERROR))
        if self._owned:
            # The garbage collector may come much later than the last chunk: the time of that one is the end.
            span.end(self._last_ns or None if how == "abandoned" else None)

    def _end_attributes(self, how: Ending, error: BaseException | None) -> dict[str, AttributeValue]:
        reading = self.reading
        attributes: dict[str, AttributeValue] = {**reading.attributes, **usage_attributes(reading.usage)}
        if reading.response_id:
            attributes[semconv.RESPONSE_ID] = reading.response_id
        if reading.response_model:
            attributes[semconv.RESPONSE_MODEL] = reading.response_model
        if reading.finish_reasons:
            attributes[semconv.FINISH_REASONS] = reading.finish_reasons
        if self.retries:
            attributes[semconv.HTTP_RESEND_COUNT] = self.retries
        if reading.error_type or error is not None:
            attributes[semconv.ERROR_TYPE] = reading.error_type or _error_type(error)
        status, evidence = self._usage_status(how)
        attributes[semconv.USAGE_STATUS] = status
        if evidence:
            attributes[semconv.USAGE_EVIDENCE] = evidence
        return attributes

    def _usage_status(self, how: Ending) -> tuple[str, str | None]:
        reading = self.reading
        missing = [meter for meter in self.request.needs if meter not in reading.usage]
        if not missing and (how == "read" or reading.complete or not self.request.stream):
            return "metered", None
        if not self.request.stream or (how == "failed" and not reading.chunks):
            return "unmetered", "response without usage" if how == "read" else f"call {how}"
        seen = f"stream {how}; chunks={reading.chunks} characters={reading.characters}"
        # Usage that was still growing when the stream broke off is a lower bound.
        return ("unmetered" if missing else "estimated"), seen


def _error_type(error: BaseException | None) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _observed(observe: Callable[[Call, R], None], call: Call, result: R) -> bool:
    observe(call, result)
    return True
