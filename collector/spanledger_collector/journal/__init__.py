"""The journal: spans made durable once, before they are acknowledged."""

from spanledger_collector.journal.journal import Appended, Journal

__all__ = ["Appended", "Journal"]
