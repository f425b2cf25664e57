"""The life of one model call: start, observe, end exactly once, whatever the SDK and however it is read.

    open_call(...) -> Call        a span of ours, or one to adopt
    run(call, ...)                the SDK works; the span is current and attribution stays out of outgoing baggage
    call.chunk(...) ...           a stream is read
    call.finish(how, error)       the first one counts

A span of somebody else that already stands for this call (the SDK's own) is *adopted*: we add to it and do not end it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, TypeVar, cast

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanledger import semconv
from spanledger._attributes import write_attributes
from spanledger._context_keys import SPAN_KEY, suppressed_in
from spanledger._guard import guarded, went_well
from spanledger._metrics import Metrics
from spanledger._others import anothers_call, under_own_names
from spanledger._reading import Reading, end_attributes, ending_of
from spanledger._version import __version__
from spanledger.attribution import attribution_attributes, without_attribution_baggage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextvars import Token

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from spanledger._content import Content
    from spanledger._reading import Ending, Reader, Request
    from spanledger._settings import Settings

__all__ = [
    "Call",
    "configure",
    "current_call",
    "flush",
    "open_call",
    "reporting",
    "run",
    "run_async",
    "suppressed",
]

R = TypeVar("R")

_CLIENT = SpanKind.CLIENT
_CALL_KEY = context.create_key("spanledger-call")


@dataclass(slots=True)
class _Runtime:
    """What the instrumentation was switched on with."""

    tracer: Tracer
    settings: Settings
    metrics: Metrics
    tracer_provider: TracerProvider | None


_runtime: _Runtime | None = None
_forks = 0
"""How many times this process has come out of another: with every fork one more than its parent."""


def _forked() -> None:
    global _forks  # noqa: PLW0603  # of the process
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def configure(
    settings: Settings | None,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Use these settings and providers (default: the global ones) from now on; `None` opens no more calls."""
    global _runtime  # noqa: PLW0603  # patches are process-wide, and so is what they report to
    if settings is None:
        _runtime = None
        return
    tracer = trace.get_tracer(semconv.SCOPE_NAME, __version__, tracer_provider)
    _runtime = _Runtime(tracer, settings, Metrics(meter_provider), tracer_provider)


def suppressed() -> bool:
    """Whether the application asked for no instrumentation in this context."""
    return suppressed_in(context.get_current())


def reporting() -> tuple[Tracer, Settings] | None:
    """Where spans go and by which settings; `None` while no SDK is instrumented."""
    return (_runtime.tracer, _runtime.settings) if _runtime is not None else None


def open_call(request: Request, read_response: Reader, read_chunk: Reader, *, adopts: bool = False) -> Call | None:
    """The call to observe, or `None` when nothing should be: switched off or suppressed.

    With `adopts` no span is started yet: the SDK is about to start one, which `Call.adopt` takes.
    """
    if _runtime is None:
        return None
    within = context.get_current()
    if suppressed_in(within):
        return None
    call = Call(_runtime, request, read_response, read_chunk)
    if adopts:
        call.awaits_span = True
    else:
        call.start(within)
    return call


def flush() -> None:
    """Export the spans that have ended, where the tracer provider can."""
    provider = (_runtime.tracer_provider if _runtime is not None else None) or trace.get_tracer_provider()
    force = cast("Callable[[], object] | None", getattr(provider, "force_flush", None))
    if force is not None:
        force()


def current_call() -> Call | None:
    """The call whose SDK is at work in this context."""
    call = context.get_value(_CALL_KEY)
    return call if isinstance(call, Call) else None


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
        "_adopted_end_ns",
        "_beside",
        "_context",
        "_finished",
        "_forks",
        "_last_ns",
        "_measured",
        "_owned",
        "_read_chunk",
        "_read_response",
        "_returned",
        "_runtime",
        "_started_ns",
        "_token",
        "advancing",
        "awaits_span",
        "content",
        "hides",
        "reading",
        "request",
        "retries",
        "settings",
        "span",
    )

    def __init__(self, runtime: _Runtime, request: Request, read_response: Reader, read_chunk: Reader) -> None:
        self.request = request
        self.reading = Reading()
        self.retries = 0
        self.settings = runtime.settings
        self._runtime = runtime
        self._read_response = read_response
        self._read_chunk = read_chunk
        self.span: Span = trace.INVALID_SPAN
        self._owned = self._beside = False
        self._returned = False
        self._finished = Lock()
        self._forks = _forks
        self._started_ns = time.time_ns()
        self._last_ns = 0
        self._measured = False
        self._adopted_end_ns: int | None = None
        self._context: Context | None = None
        self._token: Token[Context] | None = None
        self.advancing = False
        self.awaits_span = False
        self.hides: Callable[[object], bool] | None = None
        self.content: Content | None = None

    @property
    def recording(self) -> bool:
        """Whether there is a span that takes attributes."""
        return self.span.is_recording()

    def keep(self, content: Content) -> None:
        """What is said in this call is kept: `content` sees, besides the readers, whatever they read."""
        self.content = content
        self._read_response = content.beside(self._read_response, content.response)
        self._read_chunk = content.beside(self._read_chunk, content.chunk)

    def start(self, within: Context | None = None) -> None:
        """Start a span of our own, unless another instrumentation has one for this call: then add to that, if we may.

        The start attributes include attribution. `within` is the context of now, if that is known.
        """
        within = context.get_current() if within is None else within
        another = anothers_call(within)
        if another.span is not None:
            self.adopt(another.span, measures=True, counts_alike=another.counts_alike)
        if another.observes:
            self.awaits_span = False
            return
        if self._context is None:
            self._context = within
        self.span = self._runtime.tracer.start_span(
            self.request.span_name(),
            context=within,
            kind=_CLIENT,
            attributes={**self.request.span_attributes(), **self.attribution()},
            start_time=self._started_ns,
        )
        self._owned = self._measured = True
        if self.awaits_span:  # the SDK is at work already, and made no span after all
            self.awaits_span = False
            context.attach(trace.set_span_in_context(self.span))

    def adopt(self, span: Span, *, measures: bool = False, counts_alike: bool = True) -> None:
        """Let `span`, which somebody else started and will end, stand for this call; before, it gets what we know.

        Who `measures` records metrics of the call too, as other instrumentations do and SDKs do not: then we do not.
        Unless `counts_alike`, what we write goes beside its own words, not over them.
        """
        self.awaits_span = False
        self._measured = not measures
        self._beside = not counts_alike
        self.span = span
        if known := {**(self.request.attributes if counts_alike else {}), **self.attribution()}:
            span.set_attributes(known)
        if span.is_recording():
            vars(span)["end"] = self._end_after_us(span)

    def _end_after_us(self, span: Span) -> Callable[..., None]:
        """`span.end` of an adopted span. While an item is awaited the end waits too: what was read is about to come."""

        def end(end_time: int | None = None) -> None:
            if self.advancing and not self._finished.locked():
                self._adopted_end_ns = end_time or time.time_ns()
                return
            vars(span).pop("end", None)
            self.finish("closed")
            if span.is_recording():  # who ends a span twice, as Mistral's finalisers do, has kept this function
                span.end(end_time)

        return end

    def attribution(self) -> Mapping[str, str]:
        """Who spends, in the context of the application."""
        return attribution_attributes(self._context, self.settings.baggage_keys)

    def enter(self) -> None:
        """The SDK starts to work: our span is current, and attribution is not in the baggage that requests carry."""
        self._context = context.get_current()
        inner: dict[str, object] = {
            **without_attribution_baggage(self._context, self.settings.baggage_keys),
            _CALL_KEY: self,
        }
        if self._owned:
            inner[SPAN_KEY] = self.span
        self._token = context.attach(Context(inner))

    def leave(self) -> None:
        """The SDK has done its work; a stream that it returned is read in whatever context the application is in."""
        if self._token is not None:
            context.detach(self._token)
            self._token = None

    def returned(self, observe: Callable[[Call, R], None], result: R) -> None:
        """The SDK returned `result`, or is about to. Without a recording span, and without metrics to record, there is
        nothing to observe."""
        if self._returned:
            return
        self._returned = True
        wanted = self.recording or (self._measured and self._runtime.metrics.wanted)
        if not wanted or not went_well("observe what an SDK returned", observe, self, result):
            self.finish("read")

    def response(self, answer: object) -> None:
        """Read a whole response."""
        went_well("read a response", self._read_response, answer, self.reading)

    def chunk(self, chunk: object) -> bool:
        """Read one chunk of a stream. True: it came because we asked for it, and the application must not see it."""
        reading = self.reading
        reading.chunks += 1
        self._last_ns = time.time_ns()
        went_well("read a chunk of a stream", self._read_chunk, chunk, reading)
        return self.hides is not None and guarded("hide a chunk", self.hides, chunk) is True

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        """Write what was read and end the span. The first call of this counts, from whatever thread it comes.

        What a forked process only lets go, its parent still has.
        """
        if self._forks != _forks and how in ("abandoned", "closed"):
            return
        if self._finished.acquire(blocking=False):
            went_well("end a span", self._finish, how, error)

    def _finish(self, how: Ending, error: BaseException | None) -> None:
        attributes = end_attributes(self.request, self.reading, how, error)
        if self.content is not None and self._measured:  # else another instrumentation keeps it, or does not
            guarded(
                "keep what was said", self.content.write, self.span, {**self.request.span_attributes(), **attributes}
            )
        self._end_span(attributes, how)
        metrics = self._runtime.metrics
        if self._measured and metrics.wanted:
            ended_ns = (self._last_ns if how == "abandoned" else self._adopted_end_ns) or time.time_ns()
            said = {**self.request.span_attributes(), **attributes}
            guarded("record metrics", metrics.record, self.span, said, max(0, ended_ns - self._started_ns) / 1e9)

    def _end_span(self, attributes: dict[str, AttributeValue], how: Ending) -> None:
        span = self.span
        if span.is_recording():
            if self._beside:
                span.set_attributes(under_own_names(attributes))
            else:
                write_attributes(span, attributes)
                if self.retries or how == "failed" or self.reading.error_type:
                    self._mark(span, how)
        if self._owned:
            # The garbage collector may come much later than the last chunk: the time of that one is the end.
            span.end(self._last_ns or None if how == "abandoned" else None)
        elif self._adopted_end_ns is not None:
            vars(span).pop("end", None)
            span.end(self._adopted_end_ns)

    def _mark(self, span: Span, how: Ending) -> None:
        """What few calls have: that they were tried again, or failed."""
        if self.retries:
            span.set_attribute(semconv.HTTP_RESEND_COUNT, self.retries)
        if how == "failed" or self.reading.error_type:
            span.set_status(Status(StatusCode.ERROR))
