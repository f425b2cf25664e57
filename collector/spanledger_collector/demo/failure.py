"""How the demo ends when something is not as it must be."""

from spanledger_collector.errors import SpanLedgerError

__all__ = ["DemoFailed"]


class DemoFailed(SpanLedgerError):  # noqa: N818 - says what happened, like the rest of the tree
    """A step of the demo failed, or the ledger does not agree with the provider; the message says where to look."""
