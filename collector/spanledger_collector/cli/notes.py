"""What every answer says beside its numbers, in words: as of when, what is not in yet, what has no price or usage."""

from datetime import UTC, datetime

from spanledger_collector.cli.output import Cell, Unknown
from spanledger_collector.ledger.queries import Document

__all__ = [
    "NOTHING",
    "READ_BY_OLDER_RULES",
    "cost_of_call",
    "cost_of_group",
    "cut_note",
    "notes",
    "period_note",
    "plural",
    "reason",
    "seconds",
]

NOTHING = Unknown("")
"""For a place in a table where nothing is expected."""

READ_BY_OLDER_RULES = (
    "The rules by which spans are read have changed since this ledger was made or last rebuilt; new calls are read by "
    "today's. Stop the server: `spanledger rebuild --dry-run` tells what of the older ones would be read otherwise, "
    "`spanledger rebuild` reads them anew, as new revisions."
)
"""For a ledger of an older version, whose calls may lack what is read, or kept in a column, today."""


def notes(document: Document, total: Document | None = None) -> list[str]:
    """Freshness of the answer, and how many of the calls in `total` have no price, no usage, or an estimated one."""
    said = [_freshness(document)]
    if total is None:
        return said
    if unpriced := total["unpriced_calls"]:
        said.append(
            f"{plural(unpriced, 'call')} without a known cost, in no sum above: `spanledger unpriced` says why."
        )
    if unmetered := total["unmetered_calls"]:
        said.append(f"{plural(unmetered, 'call')} without usage (unmetered): their tokens are in no sum above.")
    if estimated := total.get("estimated_calls"):
        said.append(f"{plural(estimated, 'call')} with estimated usage.")
    return said


def period_note(document: Document) -> str:
    """The period of an answer in words; nothing for all time."""
    period = document["period"]
    if period["from"] is None and period["to"] is None:
        return ""
    return f"Calls from {period['from'] or 'the beginning'} to {period['to'] or 'now'} ({period['tz']})."


def cut_note(document: Document, what: str, number: int) -> str | None:
    """That rows are missing, and how to get them."""
    if not document["cut"]:
        return None
    return f"Cut: these are the first {number:,} {what} only; --limit N shows more."


def cost_of_group(row: Document) -> Cell:
    """The known cost of calls, or the word for why there is none."""
    if row["cost_usd"] is not None:
        return row["cost_usd"]
    if row["unpriced_calls"] == 0:
        return None
    return Unknown("unmetered" if row["unpriced_calls"] == row["unmetered_calls"] else "unpriced")


def cost_of_call(call: Document) -> Cell:
    """The cost of a call, or the word for why it has none."""
    if call["cost_usd"] is not None:
        return call["cost_usd"]
    return Unknown("unmetered" if call["usage_status"] == "unmetered" else call["price_status"].replace("_", " "))


def reason(code: str) -> str:
    """A reason for a missing price in words: `unknown_model:x` is `unknown model: x`."""
    what, colon, about = code.partition(":")
    return f"{what.replace('_', ' ')}{': ' if colon else ''}{about}"


def plural(number: int, word: str) -> str:
    """`1 call`, `1,234 calls`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def seconds(row: Document) -> str:
    """How long something took, from its two times."""
    start, end = (_nanoseconds(row[name]) for name in ("started_at", "ended_at"))
    return f"{(end - start) / 1e9:,.2f} s"


def _freshness(document: Document) -> str:
    if document["as_of"] is None:
        said = "The ledger holds no call yet."
    else:
        said = f"As of {document['as_of'][:19].replace('T', ' ')} UTC."
    pending = document["pending"]
    return f"{said} {plural(pending, 'observation')} received and not in the ledger yet." if pending else said


def _nanoseconds(moment: str) -> int:
    whole, _, fraction = moment.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()) * 10**9 + int(fraction or 0)
