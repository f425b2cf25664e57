"""A moment that is asked about, from text."""

from spanledger_collector.errors import BadQuery
from spanledger_collector.pricing.entries import instant_ns

__all__ = ["at_ns"]


def at_ns(name: str, text: str) -> int:
    """Nanoseconds since the epoch of a date (its first moment in UTC) or of a time with its offset. Raises
    BadQuery."""
    try:
        return instant_ns(text)
    except (ValueError, OverflowError) as error:
        raise BadQuery(f"{name} must be a date or a time such as 2026-01-31 or 2026-01-31T15:00Z: {error}.") from error
