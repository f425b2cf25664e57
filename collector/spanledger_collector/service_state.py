"""What the parts of one running server share; the web port answers from it."""

from dataclasses import dataclass
from datetime import datetime

from spanledger_collector.dialects import Reader
from spanledger_collector.dialects.attribution_map import AttributionMap
from spanledger_collector.journal import Journal
from spanledger_collector.keys import KeyRing
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import PriceBook
from spanledger_collector.settings import Settings
from spanledger_collector.settle_thread import SettleThread
from spanledger_collector.stats import Stats

__all__ = ["ServiceState"]


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The parts of a server, from its start to its end. `started_at` is UTC."""

    ledger: Ledger
    stats: Stats
    journal: Journal
    settler: Settler
    settings: Settings
    started_at: datetime
    keys: KeyRing | None
    reader: Reader
    settling: SettleThread

    def refuses(self) -> str | None:
        """Why the server takes nothing now, or never settles it; None if all is well. Blocks, as it tries the disk."""
        return self.journal.refuses() if self.settling.is_alive else "Settling has ended: start the server again."

    @property
    def trouble(self) -> str | None:
        """What fails now, again and again, while what is sent is taken in all the same; None if nothing does."""
        loading, settling = self.journal.trouble, self.settling.trouble
        said = [] if loading is None else [f"What is acknowledged does not get into the ledger: {loading}"]
        if settling is not None:
            said.append(f"What is in the journal cannot be settled: {settling}")
        return " ".join(said) or None

    @property
    def attribution(self) -> AttributionMap:
        """The map in force of who spends."""
        return self.reader.attribution

    @property
    def book(self) -> PriceBook:
        """The prices by which new calls are settled; a reprice may bring others."""
        return self.settler.book

    @property
    def waiting(self) -> int:
        """How many observations are acknowledged and not in the file yet."""
        return self.journal.waiting.observations

    def pending(self) -> int:
        """How many acknowledged observations the ledger does not show yet; what moves on meanwhile may count twice."""
        waiting = self.waiting  # first: what does not wait any more is in the file
        return waiting + self.settler.pending()
