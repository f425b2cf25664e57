"""What the ledger holds."""

from spanledger_collector.ledger.queries.freshness import freshness
from spanledger_collector.ledger.queries.question import Document, Question, Reading

__all__ = ["STATUS"]


def _status(reading: Reading) -> Document:
    return {
        **freshness(reading),
        **reading.rows("counts")[0],
        "calls_by_status": reading.rows("calls_by_status"),
        "observations_by_dialect": reading.rows("observations_by_dialect"),
    }


STATUS = Question("status", "/v1/status", "What has arrived and what the ledger holds.", _status)
