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

    `evidence` is what is odd about usage that counts. `raw` is room for a provider's own counts, where usage arrives in
    pieces. `needs` names the meters that make this answer metered, where these are others than the request says.
    """

    response_id: str | None = None
    response_model: str | None = None
    finish_reasons: list[str] = field(default_factory=list[str])
    usage: Usage = field(default_factory=Usage)
    attributes: dict[str, AttributeValue] = field(default_factory=dict[str, "AttributeValue"])
    evidence: str | None = None
    error_type: str | None = None
    complete: bool = False
    chunks: int = 0
    characters: int = 0
    raw: dict[str, int] = field(default_factory=dict[str, int])
    needs: tuple[str, ...] | None = None


class Reader(Protocol):
    """Reads a provider's answer into a `Reading`: a whole response, or one chunk of a stream."""

    def __call__(self, answer: object, reading: Reading, /) -> None: ...


def end_attributes(
    request: Request, reading: Reading, how: Ending, error: BaseException | None
) -> dict[str, AttributeValue]:
    """The attributes of a call that ended."""
    status, evidence = _usage_status(request, reading, how)
    failed = reading.error_type or (_error_type(error) if error is not None else None)
    named: dict[str, AttributeValue | None] = {
        semconv.RESPONSE_ID: reading.response_id,
        semconv.RESPONSE_MODEL: reading.response_model,
        semconv.FINISH_REASONS: reading.finish_reasons or None,
        semconv.ERROR_TYPE: failed,
        semconv.USAGE_STATUS: status,
        semconv.USAGE_EVIDENCE: evidence,
    }
    given = {name: value for name, value in named.items() if value is not None}
    return {**reading.attributes, **usage_attributes(reading.usage), **given}


def _usage_status(request: Request, reading: Reading, how: Ending) -> tuple[str, str | None]:
    missing = [meter for meter in reading.needs or request.needs if meter not in reading.usage]
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
