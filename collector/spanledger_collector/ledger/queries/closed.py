"""The periods that were closed: what was said of each then, and what has come since."""

from spanledger_collector.ledger.queries.question import Document, Question, Reading

__all__ = ["PERIODS"]


def _periods(reading: Reading) -> Document:
    return {"rows": reading.rows("periods")}


PERIODS = Question(
    "periods", "/v1/periods", "Closed periods: what was said of each, and what has come since.", _periods
)
