"""What it costs to settle, price and write what the journal took, per observation.

    python benchmarks/settling.py [--requests 64] [--rounds 3] [--stored 1000000]

The requests are those of `ingest.py`: half of the spans are model calls, four in a trace. Each line settles the same
number of new observations, in microseconds of CPU (the best of the rounds, since other work only slows one down), and
says its ratio to the baseline: journaling the same spans.

    from memory     as the server does it while it keeps up: the journal's writer hands the observations over
    from the file   as after a restart: they are read again
    passes of 500   from memory, in passes as small as those of a server that would not wait for more
    much stored     from memory, into a ledger that holds so many spans and settled observations already
"""

import argparse
import gc
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ingest_load import fill, requests_of

from spanledger_collector.dialects import Reader
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.settling import OBSERVATIONS_PER_PASS, Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import shipped_book
from spanledger_collector.receive.decode import decode_traces
from spanledger_collector.stats import Stats

REQUESTS_PER_COMMIT = 8
ROOM = 1_000_000
_FILL_INDEX = """
    INSERT INTO store.settle_index BY NAME
    SELECT -i AS seq, hash(i // 4) AS trace_hi, hash(i // 4 + 1) AS trace_lo, hash(i, 'span') AS span,
           make_timestamp_ns($end - i * 100_000) AS started_at, started_at + INTERVAL 1 SECOND AS ended_at,
           hash(i, 'id') AS id_key, hash(i, 'answer') AS answer_key, hash(i, 'counts') AS twin_key,
           'spanledger' AS dialect, hash(i % 4) AS model_key
    FROM range(1, $stored + 1) t(i)
"""
"""Ten thousand calls a second, up to now."""


@dataclass(frozen=True)
class Case:
    """How much room there is in memory, how many observations a pass takes at most, and how many are stored before."""

    room: int = ROOM
    per_pass: int = OBSERVATIONS_PER_PASS
    stored: int = 0


def cpu_seconds(run: Callable[[], object]) -> float:
    """CPU time of this process, all threads."""
    started = time.process_time()
    run()
    return time.process_time() - started


def measure(bodies: Sequence[bytes], case: Case) -> tuple[float, float]:
    """Microseconds per observation: to journal it with its span and another one, and to settle it."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "ledger.duckdb")
        if case.stored:
            fill(path, case.stored)
        with Ledger.open(path) as ledger:
            if case.stored:
                with closing(ledger.cursor()) as cursor:
                    cursor.execute(_FILL_INDEX, {"stored": case.stored, "end": time.time_ns()}).fetchall()
            return _measure_in(ledger, bodies, case)


def _measure_in(ledger: Ledger, bodies: Sequence[bytes], case: Case) -> tuple[float, float]:
    handover = Handover(case.room)
    extractor, writer = Extractor(Reader(), Stats()), Writer(ledger, Stats(), handover)
    settler = Settler(ledger, shipped_book(), handover, observations_per_pass=case.per_pass)

    def journal(some: Sequence[bytes]) -> None:
        for first in range(0, len(some), REQUESTS_PER_COMMIT):
            batch = [decode_traces(body).spans for body in some[first : first + REQUESTS_PER_COMMIT]]
            writer.commit([extractor.entry_of(Submission(spans, time.time_ns())) for spans in batch])

    with closing(writer), settler.kept_ready():
        journal(bodies[:1])
        settler.settle_pending()  # the price book is written, names are resolved, filters are read
        journaling = cpu_seconds(lambda: journal(bodies[1:]))
        ledger.checkpoint()
        count = settler.pending()
        settling = cpu_seconds(settler.settle_pending) + cpu_seconds(ledger.checkpoint)
    return journaling / count * 1e6, settling / count * 1e6


def main() -> None:
    """The report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stored", type=int, default=1_000_000)
    options = parser.parse_args()
    gc.set_threshold(50_000, 20, 100)  # as the server does
    bodies = requests_of(options.requests + 1, 0.0, content=False)
    cases = {
        "from memory": Case(),
        "from the file": Case(room=0),
        "passes of 500": Case(per_pass=500),
        "much stored": Case(stored=options.stored),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(options.rounds):
        for name, case in cases.items():
            found[name].append(measure(bodies, case))
    baseline = min(journaling for measured in found.values() for journaling, _ in measured)
    print(f"journaling       {baseline:6.1f} us of CPU per observation, with the other span that came with it")
    for name, measured in found.items():
        settling = min(settling for _, settling in measured)
        print(f"{name:<16} {settling:6.1f} us  {settling / baseline:.2f} x journaling")


if __name__ == "__main__":
    main()
