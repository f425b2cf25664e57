"""From what people type to an id: the whole of it, or its first digits when these fit one only."""

import re
from collections.abc import Mapping

from spanledger_collector.errors import Ambiguous, BadQuery, NoMatch
from spanledger_collector.ledger.queries.question import Reading

__all__ = ["find_call", "find_trace", "halves"]

_LEAST = 6
_SHOWN = 5
_HEX = re.compile(r"[0-9a-f]+")
_TRACE_DIGITS = 32
_SPAN_DIGITS = 16
_NO_RANGE = (1, 0)


def find_trace(reading: Reading, text: str) -> str:
    """The trace id that `text` is or opens. Raises BadQuery, NoMatch and Ambiguous."""
    prefix = text.strip().lower()
    if not _LEAST <= len(prefix) <= _TRACE_DIGITS or not _HEX.fullmatch(prefix):
        raise BadQuery(
            f"A trace id is {_TRACE_DIGITS} hex digits, or the first {_LEAST} or more of them; not {text!r}."
        )
    found = _trace_ids(reading, prefix)
    if not found:
        raise NoMatch(f"There is no trace {prefix}. `spanledger calls` lists calls with their trace ids.")
    return _only("traces", prefix, found)


def find_call(reading: Reading, text: str) -> str:
    """The id of the call whose own id, or one of whose spans' ids, `text` is or opens.

    Raises BadQuery, NoMatch and Ambiguous.
    """
    prefix = text.strip().lower()
    if not _LEAST <= len(prefix) <= 64 or not _HEX.fullmatch(prefix):
        raise BadQuery(f"A call or span id is hex digits, or the first {_LEAST} or more of them; not {text!r}.")
    low, high = _span_range(prefix)
    found = _ids(reading, "call_ids", {"prefix": prefix, "span_low": low, "span_high": high})
    if not found:
        raise NoMatch(_why_no_call(reading, prefix))
    return _only("calls", prefix, found)


def halves(trace_id: str) -> tuple[int, int]:
    """A trace id as the two 64-bit numbers under which spans are stored."""
    return int(trace_id[:_SPAN_DIGITS], 16), int(trace_id[_SPAN_DIGITS:], 16)


def _trace_ids(reading: Reading, prefix: str) -> list[str]:
    (hi_low, lo_low), (hi_high, lo_high) = (halves(prefix.ljust(_TRACE_DIGITS, digit)) for digit in "0f")
    bounds = {"hi_low": hi_low, "hi_high": hi_high, "lo_low": lo_low, "lo_high": lo_high}
    return _ids(reading, "trace_ids", {**bounds, "prefix": prefix})


def _ids(reading: Reading, query: str, parameters: Mapping[str, object]) -> list[str]:
    return [str(row["id"]) for row in reading.rows(query, {**parameters, "limit": _SHOWN})]


def _only(what: str, prefix: str, found: list[str]) -> str:
    if prefix in found:
        return prefix
    if len(found) > 1:
        raise Ambiguous(what, prefix, found)
    return found[0]


def _span_range(prefix: str) -> tuple[int, int]:
    if len(prefix) > _SPAN_DIGITS:
        return _NO_RANGE
    return int(prefix.ljust(_SPAN_DIGITS, "0"), 16), int(prefix.ljust(_SPAN_DIGITS, "f"), 16)


def _why_no_call(reading: Reading, prefix: str) -> str:
    low, high = _span_range(prefix)
    spans = reading.rows("spans_known", {"span_low": low, "span_high": high, "limit": 1})
    if not spans and len(prefix) == _TRACE_DIGITS and _trace_ids(reading, prefix):
        return f"{prefix} is a trace, not a call: `spanledger trace {prefix}` shows it."
    if not spans:
        return f"There is no call and no span {prefix}. `spanledger calls` lists the ids of calls and traces."
    span = spans[0]
    known = f"Span {span['span_id']} ({span['name']})"
    if span["role"] is None:
        return f"{known} is not about a model call, so that it has no cost of its own."
    return f"{known} is about a model call ({span['dialect']}, {span['role']}), but forms no call in the ledger (yet)."
