"""What every aggregate says beside its numbers: as of when, and what is not in it yet."""

from spanledger_collector.ledger.queries.question import Document, Reading

__all__ = ["freshness"]


def freshness(reading: Reading) -> Document:
    """`as_of`: when the ledger last took in a call (null if never); `pending`: observations that wait for it."""
    row = reading.rows("freshness")[0]
    return {"as_of": row["settled_at"], "pending": row["pending"]}
