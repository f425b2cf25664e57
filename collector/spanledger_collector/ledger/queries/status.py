"""What the ledger holds, and how far it is behind what has arrived."""

from spanledger_collector.ledger.queries.freshness import freshness
from spanledger_collector.ledger.queries.question import Document, Question, Reading

__all__ = ["STATUS", "progress"]


def progress(reading: Reading) -> Document:
    """`settle_lag_seconds`: since when the first observation waits that no call shows yet, 0 if none does;
    `file_bytes`, and how many of them are `free_bytes`."""
    row = reading.rows("progress")[0]
    oldest: int | None = row.pop("oldest_pending_ns")
    waited_ns = 0 if oldest is None else max(0, int(reading.now.timestamp() * 1e9) - oldest)
    return {"settle_lag_seconds": round(waited_ns / 1e9, 3), **row}


def _status(reading: Reading) -> Document:
    return {
        **freshness(reading),
        **progress(reading),
        **reading.rows("counts")[0],
        "calls_by_status": reading.rows("calls_by_status"),
        "observations_by_dialect": reading.rows("observations_by_dialect"),
    }


STATUS = Question("status", "/v1/status", "What has arrived and what the ledger holds.", _status)
