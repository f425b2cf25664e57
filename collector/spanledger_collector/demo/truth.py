"""What the provider says it served, held against what the ledger counted: call by call, meter by meter. No I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spanledger.meters import METER_BY_NAME

__all__ = [
    "COUNTED_SQL",
    "Counted",
    "Served",
    "counted_from_rows",
    "differences",
    "notes",
    "served_from_documents",
    "totals",
]

COUNTED_SQL = (
    "SELECT call_id, provider, coalesce(response_model, request_model) AS model, response_id, error_type, "
    "usage_status, meter, quantity FROM calls LEFT JOIN call_meters USING (call_id, revision)"
)
"""One row for each call and meter: what `counted_from_rows` reads."""

Meters = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Served:
    """One request as the provider recorded it; `meters` None: nothing was billed; `told`: the app heard its usage."""

    provider: str
    model: str
    response_id: str | None
    status: int
    meters: Meters | None
    told: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """One call as the ledger has it; `meters` are disjoint, zeros left out."""

    provider: str
    model: str
    response_id: str | None
    failed: bool
    metered: bool
    meters: Meters


def served_from_documents(documents: Iterable[Mapping[str, Any]]) -> list[Served]:
    """The provider's records (its `/_served`); requests that never bill, such as counting tokens, are left out."""
    return [
        Served(
            provider=document["provider"],
            model=document["model"] or document["request_model"],
            response_id=document["id"],
            status=document["status"],
            meters={meter: Decimal(count) for meter, count in document["meters"].items()}
            if "meters" in document
            else None,
            told=document["usage_sent"],
        )
        for document in documents
        if "meters" in document or document["status"] >= 400
    ]


def counted_from_rows(rows: Iterable[Mapping[str, Any]]) -> list[Counted]:
    """The ledger's calls from the rows of `COUNTED_SQL`."""
    calls: dict[str, Counted] = {}
    meters: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        of_call = meters.setdefault(row["call_id"], {})
        if row["meter"] is not None and Decimal(str(row["quantity"])):
            of_call[row["meter"]] = Decimal(str(row["quantity"]))
        calls[row["call_id"]] = Counted(
            provider=row["provider"],
            model=row["model"],
            response_id=row["response_id"],
            failed=row["error_type"] is not None,
            metered=row["usage_status"] == "metered",
            meters=of_call,
        )
    return list(calls.values())


def differences(served: Sequence[Served], counted: Sequence[Counted]) -> list[str]:
    """Every disagreement, in words; none if the billed requests are the calls, one for one, with the same meters."""
    expected = Counter(
        _key(record.response_id, record.model, record.meters if record.told else {})
        for record in served
        if record.meters
    )
    found = Counter(_key(call.response_id, call.model, call.meters) for call in counted if not call.failed)
    missing = [f"served, but not in the ledger: {_words(key)}" for key in (expected - found).elements()]
    invented = [f"in the ledger, but not served: {_words(key)}" for key in (found - expected).elements()]
    return missing + invented


def totals(served: Sequence[Served], counted: Sequence[Counted]) -> list[tuple[str, int, int, int, int, str]]:
    """By model: its name, calls served and counted, tokens told and counted, and whether both agree."""
    billed = [record for record in served if record.meters is not None]
    calls = [call for call in counted if not call.failed]
    rows: list[tuple[str, int, int, int, int, str]] = []
    for model in sorted({record.model for record in billed} | {call.model for call in calls}):
        ours = [call for call in calls if call.model == model]
        theirs = [record for record in billed if record.model == model]
        told = sum(_tokens(record.meters or {}) for record in theirs if record.told)
        counts = (len(theirs), len(ours), told, sum(_tokens(call.meters) for call in ours))
        rows.append((model, *counts, "yes" if counts[0] == counts[1] and counts[2] == counts[3] else "NO"))
    return rows


def notes(served: Sequence[Served]) -> list[str]:
    """What was served beyond answers with usage: refusals, and answers whose usage the app was not told."""
    refused = Counter(record.status for record in served if record.meters is None)
    untold = sum(1 for record in served if record.meters is not None and not record.told)
    found: list[str] = []
    if refused:
        by_status = ", ".join(f"{count} x {status}" for status, count in sorted(refused.items()))
        found.append(f"refused    {by_status} (retries included): nothing billed, nothing charged")
    if untold:
        found.append(f"unmetered  {untold} streams did not ask for their usage: their cost is unknown, not zero")
    return found


Key = tuple[str | None, str, tuple[tuple[str, Decimal], ...]]


def _key(response_id: str | None, model: str, meters: Meters) -> Key:
    return response_id, model, tuple(sorted(meters.items()))


def _tokens(meters: Meters) -> int:
    return int(sum(count for meter, count in meters.items() if METER_BY_NAME[meter].unit == "token"))


def _words(key: Key) -> str:
    response_id, model, meters = key
    counts = ", ".join(f"{meter} {count.normalize():f}" for meter, count in meters) or "no usage"
    return f"{model} {response_id or '(no response id)'}: {counts}"
