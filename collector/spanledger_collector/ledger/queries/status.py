"""What the ledger holds, and how far it is behind what has arrived."""

from pathlib import Path

from spanledger_collector.ledger.queries.freshness import freshness
from spanledger_collector.ledger.queries.question import Document, Question, Reading
from spanledger_collector.ledger.torn_log import log_of

__all__ = ["STATUS", "progress"]


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
    return {
        **freshness(reading),
        **progress(reading),
        **reading.rows("counts")[0],
        "calls_by_status": reading.rows("calls_by_status"),
        "observations_by_dialect": reading.rows("observations_by_dialect"),
    }


STATUS = Question("status", "/v1/status", "What has arrived and what the ledger holds.", _status)
