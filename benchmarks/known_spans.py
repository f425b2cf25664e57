"""What it costs to know whether a span is stored already, by how many spans are; and whether a response id came before.

    python benchmarks/known_spans.py [--stored 1000000 10000000 100000000] [--ids 1000000 10000000] [--commits 100]
        [--folder DIR]

Fills a ledger with so many skeletons of random ids (26 bytes each on the disk), opens the journal's writer on it in a
process of its own as a server would, waits until what is known is read and sealed, and commits 512 new spans at a time;
then opens it again, as after a restart. The ratio is that of the CPU time of a commit to the one with the fewest spans.
Of response ids it asks for 4000 new ones at a time, as a pass of settling does.
"""

import argparse
import gc
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from spanledger_collector import dialects
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.sealed import folder_of
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.known_ids import KnownIds
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import ReceivedSpan, Scope
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.stats import Stats

_SPANS = 512
_PART = 1_000_000
_FILL = """
    INSERT INTO store.spans
    SELECT hash(i // 8), hash(i // 8 + 1), hash(i, 'span'), NULL, 'GET /items', 3, 'shop', 'spanledger',
           make_timestamp_ns($start + i * 50_000), make_timestamp_ns($start + i * 50_000 + 1_000_000), 0,
           'items.internal', hash(i, 'payload'), make_timestamp_ns($start + (i // 512 + 1) * 25_600_000)
    FROM range($first, $last) t(i)
"""
_START = 1_700_000_000_000_000_000
_IDS_OF_A_PASS = 4000
_FILL_IDS = """
    INSERT INTO store.settle_index (seq, trace_hi, trace_lo, span, started_at, ended_at, id_key, dialect)
    SELECT i, hash(i), hash(i, 1), hash(i, 2), make_timestamp_ns($start + i), make_timestamp_ns($start + i), hash(i, 3),
           'd'
    FROM range($first, $last) t(i)
"""


def fill(db: Path, stored: int, sql: str = _FILL) -> None:
    """Make a ledger that holds so many skeletons, 20,000 for each second, or so many of what the SQL inserts."""
    with Ledger.open(db) as ledger:
        with ledger.cursor() as cursor:
            for first in range(0, stored, _PART):
                cursor.execute(sql, {"start": _START, "first": first, "last": min(first + _PART, stored)})
        ledger.checkpoint()


def spans_of(chance: random.Random, at_ns: int) -> list[ReceivedSpan]:
    """New spans that nothing is read from."""
    return [
        ReceivedSpan(
            trace_id=chance.randbytes(16),
            span_id=chance.randbytes(8),
            parent_span_id=None,
            name="GET /items",
            kind=3,
            started_ns=at_ns + number,
            ended_ns=at_ns + number + 1000,
            status=0,
            attributes={},
            resource={"service.name": "shop"},
            scope=Scope("spanledger", "1"),
        )
        for number in range(_SPANS)
    ]


def memory_mib(word: str) -> float:
    """The resident set now (`VmRSS`) or at most so far (`VmHWM`)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{word}:")[2].split()[0]) / 1024


def until(done: Callable[[], bool]) -> None:
    """Wait for it."""
    while not done():
        time.sleep(0.05)


def measure(db: Path, commits: int, tell: Connection) -> None:
    """Open the ledger, wait until all is known, commit, and tell the numbers."""
    gc.set_threshold(50_000, 20, 100)  # as `spanledger serve` does
    chance = random.Random(time.time_ns())
    with Ledger.open(db) as ledger:
        extractor, writer = Extractor(dialects, Stats()), Writer(ledger, Stats())
        spans = writer.known
        until(lambda: spans.settled)
        spans.add([])  # what is many enough is sealed when more comes
        until(lambda: spans.settled)
        read = time.process_time()
        before = memory_mib("VmRSS")
        took: list[float] = []
        asked: list[float] = []
        for _ in range(commits):
            submission = Submission(ReceivedSpans.of(spans_of(chance, time.time_ns())), time.time_ns())
            keys = [chance.getrandbits(64) for _ in range(_SPANS)]
            used = time.thread_time()
            spans.suspects(keys)
            asked.append(time.thread_time() - used)
            used = time.process_time()
            writer.commit([extractor.entry_of(submission)])
            took.append(time.process_time() - used)
        tell.send((read, before, memory_mib("VmRSS"), memory_mib("VmHWM")))
        tell.send((1000 * statistics.median(asked), 1000 * statistics.median(took), 1000 * max(took)))
        writer.close()


def measure_ids(db: Path, passes: int, tell: Connection) -> None:
    """Learn the ids, ask for new ones, and tell the numbers."""
    chance = random.Random(time.time_ns())
    with Ledger.open(db) as ledger, ledger.cursor() as cursor:
        before, used = memory_mib("VmRSS"), time.process_time()
        known = KnownIds(cursor)
        learned = time.process_time() - used
        took: list[float] = []
        for _ in range(passes):
            keys = [chance.getrandbits(64) for _ in range(_IDS_OF_A_PASS)]
            used = time.process_time()
            known.seen(keys)
            known.add(keys)
            took.append(1000 * (time.process_time() - used))
        tell.send((learned, before, memory_mib("VmRSS"), memory_mib("VmHWM")))
        tell.send((statistics.median(took), statistics.mean(took), max(took)))


_Measure = Callable[[Path, int, Connection], None]


def run(db: Path, commits: int, measure: _Measure = measure) -> tuple[Sequence[float], Sequence[float]]:
    """Measure in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=measure, args=(db, commits, theirs))
    process.start()
    theirs.close()  # so that the end of a process that failed is seen here
    numbers = ours.recv(), ours.recv()
    process.join()
    return numbers


HEAD_IDS = """
  response ids   learned after   RSS, MiB               4000 new ids, CPU ms
                         CPU s   before  after  peak     median    mean   slowest"""
HEAD = """
      stored  opened   ready after   RSS, MiB               512 new keys   a commit of 512 spans, CPU ms   runs, MB
                       CPU s         ready  after  peak     asked, ms      median   ratio   slowest"""


def main() -> None:
    """The report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stored", nargs="*", type=int, default=[1_000_000, 10_000_000, 100_000_000])
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the ledgers are made, and removed at the end")
    parser.add_argument("--ids", nargs="*", type=int, default=[1_000_000, 10_000_000])
    options = parser.parse_args()
    report_spans(options.stored, options.commits, options.folder)
    report_ids(options.ids, options.commits, options.folder)


def report_ids(counts: Sequence[int], passes: int, where: Path | None) -> None:
    """One line for each number of response ids."""
    print(HEAD_IDS)
    for count in counts:
        with TemporaryDirectory(dir=where) as folder:
            db = Path(folder, "ledger.duckdb")
            fill(db, count, _FILL_IDS)
            (learned, before, after, peak), (median, mean, slowest) = run(db, passes, measure_ids)
            print(
                f"{count:>14,}{learned:>16.1f}{before:>9.0f}{after:>7.0f}{peak:>6.0f}{median:>11.2f}{mean:>8.2f}"
                f"{slowest:>10.1f}",
                flush=True,
            )


def report_spans(counts: Sequence[int], commits: int, where: Path | None) -> None:
    """Two lines for each number of spans."""
    print(HEAD)
    baseline = 0.0
    for stored in counts:
        with TemporaryDirectory(dir=where) as folder:
            db = Path(folder, "ledger.duckdb")
            fill(db, stored)
            for opened in ("first", "again"):
                (read, ready, after, peak), (asked, took, slowest) = run(db, commits)
                baseline = baseline or took
                size = sum(file.stat().st_size for file in folder_of(db).glob("*")) / 1e6
                print(
                    f"{stored:>12,}  {opened:<6}{read:>12.1f}{ready:>14.0f}{after:>7.0f}{peak:>6.0f}{asked:>15.2f}"
                    f"{took:>12.2f}{took / baseline:>8.2f}{slowest:>10.1f}{size:>11.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
