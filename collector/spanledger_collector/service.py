"""The server: every part put into one process, started, drained and stopped."""

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb

from spanledger_collector.attribution_file import attribution_file_of, own_attribution
from spanledger_collector.dialects import Reader
from spanledger_collector.errors import BadAttributionMap, LedgerBroken
from spanledger_collector.journal import Journal
from spanledger_collector.keys import KeyRing, key_file_of, open_keys
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.queries import Document, gauges
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.listening import announced
from spanledger_collector.own_metrics import send_metrics
from spanledger_collector.ports import open_ports
from spanledger_collector.price_file import own_book, price_file_of
from spanledger_collector.retention_thread import RetentionThread
from spanledger_collector.scheduling import answers_first, give_way
from spanledger_collector.serve.metrics import LedgerFamilies
from spanledger_collector.service_state import ServiceState
from spanledger_collector.settings import Address, Settings
from spanledger_collector.settle_thread import SettleThread
from spanledger_collector.stats import Stats
from spanledger_collector.tls import Tls, open_tls

__all__ = ["Running", "run", "serving"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts requests, and where."""

    state: ServiceState
    grpc: Address
    http: Address
    web: Address
    reload: Callable[[], None]
    """Read again the files that an operator may renew; without blocking, from any thread."""
    broken: asyncio.Future[LedgerBroken]
    """Done when the database gave up, so that nothing can be stored or asked until the file is opened again."""

    def describe(self) -> str:
        """What the operator is told when the server is ready."""
        scheme = self.state.settings.scheme
        return (
            f"SpanLedger is ready. Ledger: {self.state.settings.db}\n"
            f"  OTLP/gRPC  {self.grpc}\n"
            f"  OTLP/HTTP  {self.http.url_by(scheme)}\n"
            f"  web        {self.web.url_by(scheme)}"
            f"{self._own_prices()}{self._attribution()}{self._keys()}"
        )

    def _own_prices(self) -> str:
        """Where prices beside the shipped ones come from."""
        settings, book = self.state.settings, self.state.book
        own = sum(entry.layer != "list" for entry in book.rows())
        return f"\n  prices     {own:,} of your own, from {price_file_of(settings.db, settings.prices)}" if own else ""

    def _attribution(self) -> str:
        """Where it is said which attributes tell who spends."""
        settings, mapped = self.state.settings, self.state.attribution.said()
        where = attribution_file_of(settings.db, settings.attribution)
        return f"\n  attribution {', '.join(mapped)} from {where}" if mapped else ""

    def _keys(self) -> str:
        """Whom the ports are open to."""
        settings, keys = self.state.settings, self.state.keys
        return "" if keys is None else f"\n  keys       {len(keys)}, from {key_file_of(settings.db, settings.keys)}"


def run(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted. `announce` gets the message that it is ready.

    Raises LedgerError (LedgerBroken in the midst of serving), BadPrices, BadAttributionMap, BadTls, BadKeys,
    CannotListen and ExportsToItself.
    """
    asyncio.run(_run(settings, announce))


async def _run(settings: Settings, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings) as running, AsyncExitStack() as stack:
        stack.enter_context(announced(settings.db, running.web.url_by(settings.scheme)))
        loop.add_signal_handler(signal.SIGHUP, running.reload)
        stack.enter_context(answers_first())
        announce(running.describe())
        asked = asyncio.ensure_future(stop.wait())
        await asyncio.wait([asked, running.broken], return_when=asyncio.FIRST_COMPLETED)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)  # a second one ends the process at once, which loses nothing
        if not asked.done():
            asked.cancel()
            raise running.broken.result()
        _logger.info("Stopping: finishing what was accepted")


@asynccontextmanager
async def serving(settings: Settings) -> AsyncGenerator[Running, None]:
    """A server for the time of a `with` block. Raises as `run` does.

    At its end, in the reverse order of the start: accept nothing more, finish the requests that wait, commit, settle
    what is pending, write the file and close it.
    """
    tls = open_tls(settings.tls)
    async with AsyncExitStack() as stack:
        broken: asyncio.Future[LedgerBroken] = asyncio.get_running_loop().create_future()
        state = _start_inside(settings, stack, partial(_tell, broken, settings.db))
        ports = await stack.enter_async_context(open_ports(state, tls))
        families = LedgerFamilies(partial(_gauges, state.ledger))
        stop_sending = send_metrics(state.stats, families, settings.metrics_endpoint, ports)
        stack.push_async_callback(asyncio.to_thread, stop_sending)
        yield Running(
            state,
            *ports,
            reload=lambda: _reload(state, tls, state.keys),
            broken=broken,
        )


def _start_inside(settings: Settings, stack: AsyncExitStack, on_fatal: Callable[[duckdb.Error], None]) -> ServiceState:
    """Open the ledger and start the threads that write it."""
    book = own_book(settings.db, settings.prices)
    reader = Reader(own_attribution(settings.db, settings.attribution), settings.model_hosts)
    keys = open_keys(settings.db, settings.keys)
    with ThreadPoolExecutor(1, initializer=give_way) as opening:  # the database's own threads are as the one that opens
        ledger = opening.submit(Ledger.open, settings.db, memory_bytes=settings.max_database_bytes).result()
    stack.callback(_close, ledger)
    stats = Stats()
    handover = Handover()
    settler = Settler(ledger, book, handover)
    settling = SettleThread(settler, stats, on_fatal)
    stack.push_async_callback(asyncio.to_thread, settling.close, settings.drain_seconds)
    forgetting = RetentionThread(ledger, settler, settings.retention, stats)
    stack.push_async_callback(asyncio.to_thread, forgetting.close)
    journal = Journal(ledger, stats, reader, settling.wake, handover, on_fatal=on_fatal)
    stack.push_async_callback(asyncio.to_thread, journal.close)
    state = ServiceState(ledger, stats, journal, settler, settings, datetime.now(UTC), keys, reader, settling)
    stats.watch_settling(state.pending, settler.set_aside)
    return state


def _tell(broken: asyncio.Future[LedgerBroken], path: Path, error: duckdb.Error) -> None:
    """Say that the database gave up, once; from any thread."""

    def settle() -> None:
        if not broken.done():
            reason = str(error).rpartition("Original error: ")[2]  # which what comes after the first one repeats
            broken.set_result(LedgerBroken(path, reason.strip('"').partition("\n")[0]))

    broken.get_loop().call_soon_threadsafe(settle)


def _gauges(ledger: Ledger) -> tuple[Document, list[Document]]:
    """How far the ledger is, and what it holds, for those who watch servers. Raises duckdb.Error."""
    with closing(ledger.cursor()) as cursor:
        return gauges(cursor)


def _reload(state: ServiceState, *renewable: Tls | KeyRing | None) -> None:
    for files in renewable:
        if files is not None:
            files.reload()
    try:
        state.reader.attribution = own_attribution(state.settings.db, state.settings.attribution)
    except BadAttributionMap as error:
        _logger.error("%s What was read before stays in force.", error)  # noqa: TRY400 - the error says it all
    else:
        _logger.info("Who spends is read by %s", state.attribution.said() or "the usual names")


def _close(ledger: Ledger) -> None:
    try:
        ledger.reclaim()  # also of servers that live too short for retention to do it
    except duckdb.Error as error:
        _logger.warning("The file keeps a write-ahead log, which the next start reads: %s", error)
    ledger.close()
