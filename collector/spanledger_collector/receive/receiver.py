"""What happens to a request whatever its transport: decoded, journaled, counted, answered."""

import asyncio
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from spanledger_collector.errors import ReceiveError, TooLarge
from spanledger_collector.journal import Journal
from spanledger_collector.keys import KeyRing
from spanledger_collector.receive.answers import Encoding, success
from spanledger_collector.receive.bodies import Budget
from spanledger_collector.receive.codings import decompress
from spanledger_collector.receive.decoded import Decoded, TooMuchAtOnce
from spanledger_collector.receive.decoders import DECODERS, LARGE, Decoder, Signal
from spanledger_collector.receive.room import Place, Room, weight_of
from spanledger_collector.receive.senders import Sender, as_sent_by
from spanledger_collector.receive.turns import Turns
from spanledger_collector.stats import Stats

__all__ = ["Receiver", "Signal"]

_IN_THREADS: Final = 2
"""As many bodies, of different clients, are decoded in threads at once."""
_LONG_SECONDS: Final = 0.01
"""What takes longer on the event loop is followed by a turn of all others there. A usual request takes 3 ms; it is the
time of the processor, as on a busy machine every request takes long by the clock."""


class Receiver:
    """Takes requests to the journal. Metrics are acknowledged and counted, and nothing is read from them."""

    def __init__(
        self,
        journal: Journal,
        stats: Stats,
        *,
        max_request_bytes: int,
        max_waiting_bytes: int,
        keys: KeyRing | None = None,
    ) -> None:
        """Without `keys` everybody may send."""
        self.keys = keys
        self.max_request_bytes = max_request_bytes
        self.budget = Budget(max(max_waiting_bytes, 2 * max_request_bytes))
        self.room = Room()
        self._threads = Turns(_IN_THREADS)
        self._journal = journal
        self._stats = stats
        stats.waiting_bytes.set_function(lambda: self.budget.held)

    @contextmanager
    def counted(self, transport: str, signal: str) -> Generator[None, None, None]:
        """Counts how a request ends."""
        try:
            yield
        except ReceiveError as error:
            self._stats.requests.labels(transport, signal, error.reason).inc()
            raise
        self._stats.requests.labels(transport, signal, "ok").inc()

    async def export(self, sender: Sender, signal: Signal, encoding: Encoding, body: bytes) -> bytes:
        """The answer to a request, once its spans are durable. Raises ReceiveError."""
        decoder = DECODERS[signal, encoding]
        decoded = await self._at_once(sender, decoder, body) if len(body) < decoder.quick_bytes else None
        if decoded is None:
            async with self._threads.turn(sender.name):
                decoded = await self._in_parts(sender, _parts(decoder, body))
        rejected, logs = sum(decoded.rejected.values()), signal is Signal.LOGS
        return success(rejected, decoded.explain_rejected("log records" if logs else "spans"), encoding, logs=logs)

    async def undone(self, sender: Sender, body: bytes, coding: str) -> bytes:
        """A body without its content coding: what becomes large by it in a thread. Raises ReceiveError."""
        try:
            return decompress(body, coding, min(LARGE, self.max_request_bytes))
        except TooLarge:
            if self.max_request_bytes <= LARGE:
                raise
        async with self._threads.turn(sender.name):
            return await asyncio.to_thread(decompress, body, coding, self.max_request_bytes)

    async def _at_once(self, sender: Sender, decoder: Decoder, body: bytes) -> Decoded | None:
        """Decode it here and store it; None if that takes too long."""
        place = await self.room.enter(sender.name)
        try:
            begun = time.thread_time()
            try:
                decoded = decoder.at_once(body)
            except TooMuchAtOnce:
                return None
            finally:
                if time.thread_time() - begun > _LONG_SECONDS:
                    await self.room.rest()
            await self._store(sender, decoded, place)
        finally:
            place.leave()
        return decoded

    async def _in_parts(self, sender: Sender, parts: Iterator[Decoded]) -> Decoded:
        """Decode it part by part, as there is room, and store each at once; what all of them are without their spans.

        When one cannot be stored, those before it are stored all the same: that is known when the client sends them
        again. So it is where a decoder finds only then that there is far too much of something, or a number in JSON
        that is none: a body in protobuf, and the syntax of JSON, is checked before.
        """
        whole = Decoded()
        storing: list[asyncio.Task[None]] = []
        try:
            while (part := await self._next_part(sender, parts, storing)) is not None:
                whole.skipped += part.skipped
                for reason, count in part.rejected.items():
                    whole.rejected[reason] = whole.rejected.get(reason, 0) + count
        finally:
            outcomes = await asyncio.gather(*storing, return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        return whole

    async def _next_part(
        self, sender: Sender, parts: Iterator[Decoded], storing: list[asyncio.Task[None]]
    ) -> Decoded | None:
        """The next part, which from then on is among what is being stored; None when there is none, or one before could
        not be stored."""
        place = await self.room.enter(sender.name)
        part = None
        try:
            if not any(task.done() and task.exception() for task in storing):
                part = await asyncio.to_thread(next, parts, None)
        finally:
            if part is None:
                place.leave()
        if part is not None:
            storing.append(asyncio.create_task(self._store_and_leave(sender, part, place)))
        return part

    async def _store_and_leave(self, sender: Sender, decoded: Decoded, place: Place) -> None:
        try:
            await self._store(sender, decoded, place)
        finally:
            place.leave()

    async def _store(self, sender: Sender, decoded: Decoded, place: Place) -> None:
        place.weigh(weight_of(decoded.spans))
        self._stats.received.inc(len(decoded.spans) + sum(decoded.rejected.values()))
        for reason, count in decoded.rejected.items():
            self._stats.rejected.labels(reason).inc(count)
        self._stats.log_records_skipped.inc(decoded.skipped)
        await self._journal.append(as_sent_by(sender, decoded.hand_over()), sender.name)


def _parts(decoder: Decoder, body: bytes) -> Iterator[Decoded]:
    """What is in a body, in as many parts as it takes; in one where that was not tried yet and is no harm."""
    if decoder.quick_bytes <= len(body) < LARGE:
        with suppress(TooMuchAtOnce):
            yield decoder.at_once(body)
            return
    yield from decoder.in_parts(body)
