"""What the ledger holds, and how far it is behind what has arrived."""

from functools import cache
from pathlib import Path
from typing import Final

from spanledger_collector.ledger.queries.freshness import freshness
from spanledger_collector.ledger.queries.question import Document, Question, Reading
from spanledger_collector.ledger.torn_log import log_of

__all__ = ["OLDER_RULES", "STATUS", "TODAYS_RULES", "progress"]

TODAYS_RULES: Final = "today's rules"
OLDER_RULES: Final = "older rules"


def progress(reading: Reading) -> Document:
    """`settle_lag_seconds`: since when the first observation waits that no call shows yet, 0 if none does;
    `file_bytes`, how many of them are `free_bytes`, and `log_bytes` of what is not in the file yet."""
    row = reading.rows("progress")[0]
    oldest: int | None = row.pop("oldest_pending_ns")
    file = Path(row.pop("path"))
    sizes = {"file_bytes": _size(file), **row, "log_bytes": _size(log_of(file))}
    waited_ns = 0 if oldest is None else max(0, int(reading.now.timestamp() * 1e9) - oldest)
    return {"settle_lag_seconds": round(waited_ns / 1e9, 3), **sizes}


def _size(file: Path) -> int:
    """In bytes; none where there is no file: a log goes with every checkpoint."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _status(reading: Reading) -> Document:
    counts = reading.rows("counts")[0]
    return {
        **freshness(reading),
        **progress(reading),
        **counts,
        "read_by": _rules(counts),
        "calls_by_status": reading.rows("calls_by_status"),
        "observations_by_dialect": reading.rows("observations_by_dialect"),
    }


def _rules(counts: Document) -> str:
    """Whether what is in the ledger was read by the rules of today. One that does not say is from before they were
    kept."""
    is_current = counts["read_by"] == _todays_digest() or not counts["observations"]
    return TODAYS_RULES if is_current else OLDER_RULES


@cache
def _todays_digest() -> str:
    """Of tables that do not change while a process runs, which takes 3 ms to work out."""
    from spanledger_collector.dialects.digest import reading_digest  # noqa: PLC0415 - no other question needs the table

    return reading_digest()


STATUS = Question("status", "/v1/status", "What has arrived and what the ledger holds.", _status)
