"""The journal: spans made durable once, before they are acknowledged."""

from spanledger_collector.journal.journal import Journal
from spanledger_collector.journal.loading import load_leftover

__all__ = ["Journal", "load_leftover"]
