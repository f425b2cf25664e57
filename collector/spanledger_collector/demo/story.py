"""The demo in order: start, run the app over both transports, compare with the truth, show, stop, ask the file."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from spanledger_collector.demo import console, truth
from spanledger_collector.demo.app_run import Transport, app_environment, run_app
from spanledger_collector.demo.commands import query, show
from spanledger_collector.demo.failure import DemoFailed
from spanledger_collector.demo.processes import Collector, collector, fetch, provider
from spanledger_collector.sidecar import read_sidecar, sidecar_path

__all__ = ["DemoSettings", "run"]

_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
_LIVELIEST_TRACE = "SELECT trace_id FROM trace_cost ORDER BY calls DESC, cost_usd DESC, trace_id LIMIT 1"
_RICHEST_CALL = (
    "SELECT call_id FROM calls JOIN charges USING (call_id, revision) "
    "GROUP BY call_id ORDER BY count(*) DESC, sum(amount_usd) DESC, call_id LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """Where the files go; `live` uses the real providers whose keys are set; `keep` serves on until Ctrl-C."""

    directory: Path
    live: bool = False
    keep: bool = False


def run(settings: DemoSettings) -> None:
    """Tell the story once. Raises `DemoFailed` if a step fails or the ledger does not agree with what was served."""
    began = time.monotonic()
    examples = _examples()
    db = _empty_ledger(settings.directory)
    if settings.live:
        _check_keys()
    with ExitStack() as running:
        console.heading("1. Start")
        ledger = running.enter_context(collector(db, settings.directory / "serve.log"))
        _say_where(ledger)
        url = None if settings.live else running.enter_context(provider(examples, settings.directory / "provider.log"))
        console.line(
            f"provider   {url}  (local, OpenAI and Anthropic wire formats)" if url else "provider   the real ones"
        )
        _run_app_twice(ledger, url, examples / "app.py", settings.directory)
        if url:
            _compare(ledger, url)
        told = _show_ledger(ledger)
        _ask_the_file(ledger, told)
    console.line(f"\nThe demo took {time.monotonic() - began:.0f} s and left no process behind.")
    _say_what_next(db)
    if settings.keep:
        _serve_on(db, settings.directory)


def _run_app_twice(ledger: Collector, provider_url: str | None, app: Path, directory: Path) -> None:
    for number, transport in enumerate(
        (Transport("grpc", ledger.grpc), Transport("http/protobuf", ledger.http)), start=2
    ):
        console.heading(f"{number}. An app, unmodified, sends its spans over {transport.protocol}")
        for name, value in transport.variables.items():
            console.line(f"  {name}={value} \\")
        console.line("  opentelemetry-instrument python examples/app.py\n")
        log = directory / f"app-{transport.protocol.partition('/')[0]}.log"
        run_app(app, app_environment(transport, provider_url, os.environ), log, console.line)
        ledger.wait_until_settled()
        console.line("\nThe app ended with 0, without an error line; everything it sent is settled and priced.")


def _compare(ledger: Collector, provider_url: str) -> None:
    console.heading("4. What the provider served, and what the ledger counted")
    served = truth.served_from_documents(fetch(f"{provider_url}/_served"))
    counted = truth.counted_from_rows(query(truth.COUNTED_SQL, "--url", ledger.url))
    headers = ("model", "calls served", "in the ledger", "tokens told", "in the ledger", "agree")
    console.table(truth.totals(served, counted), headers)
    refused = Counter(record.status for record in served if record.meters is None)
    untold = sum(1 for record in served if record.meters and not record.told)
    refusals = ", ".join(f"{count} x {status}" for status, count in sorted(refused.items()))
    console.line(f"\nrefused    {refusals}: nothing billed, nothing charged")
    console.line(
        f"unmetered  {untold} streams did not ask for their usage: counted as calls, tokens unknown, never as zero"
    )
    problems = truth.differences(served, counted)
    for problem in problems:
        console.line(f"DIFFERS    {problem}")
    if problems:
        raise DemoFailed(f"The ledger differs from what the provider served in {len(problems)} places (listed above).")
    console.line("verdict    every response id is in the ledger once, with every meter equal to the token")


def _show_ledger(ledger: Collector) -> str:
    """The ledger by model, feature and user, one trace, one call, what is unknown; returns the answer by model."""
    at = ("--url", ledger.url)
    console.heading("5. What it cost")
    by_model = show("usage", "--by", "model", "--period", "all", *at)
    show("usage", "--by", "feature", "--period", "all", *at)
    show("usage", "--by", "user", "--period", "all", *at)
    console.heading("6. One trace, with its cost")
    show("trace", _only(query(_LIVELIEST_TRACE, *at)), *at)
    console.heading("7. One call, explained down to the unit price")
    show("explain", _only(query(_RICHEST_CALL, *at)), *at)
    console.heading("8. What has no price, or no usage")
    show("unpriced", *at)
    return by_model


def _ask_the_file(ledger: Collector, told: str) -> None:
    console.heading("9. Stop the collector, ask the file")
    code = ledger.stop()
    if code != 0:
        raise DemoFailed(f"The collector ended with code {code} when it was asked to stop.")
    console.line("collector  stopped by SIGTERM, drained, ended with 0")
    read = show("usage", "--by", "model", "--period", "all", "--db", str(ledger.db))
    if read != told:
        raise DemoFailed("The file answers otherwise than the server did: compare the table above with part 5.")
    console.line("verdict    the file answers exactly what the server answered")


def _serve_on(db: Path, directory: Path) -> None:
    with collector(db, directory / "serve.log") as ledger:
        console.line("\n--keep: a collector serves this ledger until Ctrl-C.")
        _say_where(ledger)
        ledger.running.process.wait()


def _say_where(ledger: Collector) -> None:
    console.line(f"collector  OTLP gRPC {ledger.grpc}, OTLP HTTP {ledger.http}, web {ledger.url}")
    console.line(
        "           (free ports, so that nothing you run is in the way; `spanledger serve` uses 4317, 4318, 4319)"
    )
    console.line(f"ledger     {ledger.db}")


def _say_what_next(db: Path) -> None:
    console.heading("Try next")
    for words in (
        ["spanledger", "usage", "--by", "user,model", "--db", str(db)],
        ["spanledger", "calls", "--db", str(db)],
        ["spanledger", "sql", "SELECT feature, sum(cost_usd) FROM calls GROUP BY ALL", "--db", str(db)],
        ["spanledger", "doctor"],
        ["spanledger", "serve"],
    ):
        console.command(words)


def _only(rows: Sequence[dict[str, object]]) -> str:
    if not rows:
        raise DemoFailed("The ledger holds no priced call to show.")
    return str(next(iter(rows[0].values())))


def _examples() -> Path:
    """The examples: inside the installed package, or in the source tree."""
    package = Path(__file__).parents[1]
    for place in (package / "examples", package.parents[1] / "examples"):
        if (place / "app.py").is_file():
            return place
    raise DemoFailed(
        "The examples are neither in the package nor in a source tree beside it; install SpanLedger again."
    )


def _empty_ledger(directory: Path) -> Path:
    """A path for a fresh ledger in `directory`; the files of an earlier demo go."""
    directory.mkdir(parents=True, exist_ok=True)
    db = directory / "demo.duckdb"
    owner = read_sidecar(db)
    if owner is not None and _is_alive(owner.pid):
        raise DemoFailed(f"A collector is running on {db}. Stop it, or name another directory with --dir.")
    logs = (directory / "serve.log", directory / "provider.log")
    for old in (db, db.with_name(f"{db.name}.wal"), sidecar_path(db), *logs):
        old.unlink(missing_ok=True)
    return db


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _check_keys() -> None:
    missing = [key for key in _KEYS if not os.environ.get(key)]
    if len(missing) == len(_KEYS):
        raise DemoFailed(f"--live needs at least one of {' and '.join(_KEYS)} in the environment.")
    for key in missing:
        console.line(f"{key} is not set: the app skips what needs it.")
