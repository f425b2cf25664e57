"""What is known of one model call, before it and from its answer, and the span attributes that say so. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from spanledger import semconv
from spanledger.usage import Usage, usage_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.util.types import AttributeValue

__all__ = ["Ending", "Reader", "Reading", "Request", "end_attributes", "ending_of"]

Ending = Literal["read", "closed", "abandoned", "cancelled", "failed"]
"""How a call ended: read to its end, closed early by the application, dropped unclosed, cancelled, or an error."""


def ending_of(error: BaseException) -> Ending:
    """A failure of the call, or the application leaving it: cancelled, interrupted, its generator closed."""
    return "failed" if isinstance(error, Exception) else "cancelled"


@dataclass(slots=True)
class Request:
    """What is known before a call is made; `attributes` are those without a field of their own.

    `needs` names the meters without which the call is not metered. It does not change; to be frozen would make it take
    several times as long to be made.
    """

    operation: str
    provider: str
    model: str | None
    server_address: str | None
    server_port: int | None
    stream: bool = False
    needs: tuple[str, ...] = ("input", "output")
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict[str, "AttributeValue"])
    _said: dict[str, AttributeValue] | None = field(default=None, init=False, repr=False, compare=False)

    def span_name(self) -> str:
        """`{operation} {model}`, as the conventions say."""
        return f"{self.operation} {self.model}" if self.model else self.operation

    def span_attributes(self) -> Mapping[str, AttributeValue]:
        """The attributes that the span starts with, so that a sampler sees them."""
        if self._said is None:
            self._said = self._span_attributes()
        return self._said

    def _span_attributes(self) -> dict[str, AttributeValue]:
        said: dict[str, AttributeValue] = {
            semconv.OPERATION_NAME: self.operation,
            semconv.PROVIDER_NAME: self.provider,
        }
        if self.model is not None:
            said[semconv.REQUEST_MODEL] = self.model
        if self.server_address is not None:
            said[semconv.SERVER_ADDRESS] = self.server_address
        if self.server_port is not None:
            said[semconv.SERVER_PORT] = self.server_port
        if self.stream:
            said[semconv.REQUEST_STREAM] = True
        if self.attributes:
            said.update(self.attributes)
        return said


class Reading:
    """What a response, or the chunks of a stream so far, said. `complete`: the message that ends a stream was seen.

    `evidence` is what is odd about usage that counts. `raw` is room for a provider's own counts, where usage arrives in
    pieces. `needs` names the meters that make this answer metered, where these are others than the request says.

    No dataclass: of one, the four containers alone would take as long to make as the rest of a call takes to open.
    """

    __slots__ = (
        "attributes",
        "characters",
        "chunks",
        "complete",
        "error_type",
        "evidence",
        "finish_reasons",
        "needs",
        "raw",
        "response_id",
        "response_model",
        "usage",
    )

    def __init__(self, attributes: dict[str, AttributeValue] | None = None) -> None:
        self.response_id: str | None = None
        self.response_model: str | None = None
        self.finish_reasons: list[str] = []
        self.usage: Usage = {}
        self.attributes: dict[str, AttributeValue] = {} if attributes is None else attributes
        self.evidence: str | None = None
        self.error_type: str | None = None
        self.complete = False
        self.chunks = 0
        self.characters = 0
        self.raw: dict[str, int] = {}
        self.needs: tuple[str, ...] | None = None


class Reader(Protocol):
    """Reads a provider's answer into a `Reading`: a whole response, or one chunk of a stream."""

    def __call__(self, answer: object, reading: Reading, /) -> None: ...


def end_attributes(
    request: Request, reading: Reading, how: Ending, error: BaseException | None
) -> dict[str, AttributeValue]:
    """The attributes of a call that ended."""
    status, evidence = _usage_status(request, reading, how)
    failed = reading.error_type or (_error_type(error) if error is not None else None)
    said: dict[str, AttributeValue] = {**reading.attributes, **usage_attributes(reading.usage)}
    if reading.response_id is not None:
        said[semconv.RESPONSE_ID] = reading.response_id
    if reading.response_model is not None:
        said[semconv.RESPONSE_MODEL] = reading.response_model
    if reading.finish_reasons:
        said[semconv.FINISH_REASONS] = tuple(reading.finish_reasons)
    if failed is not None:
        said[semconv.ERROR_TYPE] = failed
    said[semconv.USAGE_STATUS] = status
    if evidence is not None:
        said[semconv.USAGE_EVIDENCE] = evidence
    return said


def _usage_status(request: Request, reading: Reading, how: Ending) -> tuple[str, str | None]:
    usage, missing = reading.usage, False
    for meter in reading.needs or request.needs:
        if meter not in usage:
            missing = True
    if not missing and (how == "read" or reading.complete or not request.stream):
        return "metered", reading.evidence
    if not request.stream or (how == "failed" and not reading.chunks):
        why = f"; {reading.evidence}" if reading.evidence else ""
        return "unmetered", f"response without usage{why}" if how == "read" else f"call {how}"
    seen = f"stream {how}; chunks={reading.chunks} characters={reading.characters}"
    # Usage that was still growing when the stream broke off is a lower bound.
    return ("unmetered" if missing else "estimated"), seen


def _error_type(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
