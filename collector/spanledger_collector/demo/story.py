"""The demo in order: start, run the app over both transports, compare with the truth, show, stop, ask the file."""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from spanledger_collector.demo import console, places, truth
from spanledger_collector.demo.app_run import Transport, app_environment, run_app
from spanledger_collector.demo.commands import query, show
from spanledger_collector.demo.failure import DemoFailed
from spanledger_collector.demo.processes import Collector, collector, fetch, provider

__all__ = ["DemoSettings", "run"]

_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
_APP_SECONDS, _LIVE_APP_SECONDS = 60.0, 600.0
_DEEPEST_TRACE = (
    "SELECT trace_id FROM spans JOIN trace_cost USING (trace_id) "
    "GROUP BY ALL ORDER BY count(*) DESC, any_value(cost_usd) DESC, trace_id LIMIT 1"
)
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
    examples = places.examples()
    if settings.live:
        _check_keys()
    db = places.empty_ledger(settings.directory)
    with ExitStack() as running:
        console.heading("1. Start")
        ledger = running.enter_context(collector(db, settings.directory / "serve.log"))
        _say_where(ledger)
        url = None if settings.live else running.enter_context(provider(examples, settings.directory / "provider.log"))
        _say_provider(url)
        _run_app(2, Transport("grpc", ledger.grpc), ledger, url, examples / "app.py")
        _run_app(3, Transport("http/protobuf", ledger.http), ledger, url, examples / "app.py")
        if url:
            _compare(ledger, url)
        told = _show_ledger(ledger)
        _ask_the_file(ledger, told)
    console.line(f"\nThe demo took {time.monotonic() - began:.0f} s and left no process behind.")
    _say_what_next(db)
    if settings.keep:
        _serve_on(db, settings.directory / "serve.log")


def _run_app(number: int, transport: Transport, ledger: Collector, provider_url: str | None, app: Path) -> None:
    again = number > 2
    console.heading(f"{number}. {'The same app again' if again else 'An app, unmodified'}, over {transport.protocol}")
    for name, value in transport.variables.items():
        console.line(f"  {name}={value} \\")
    if provider_url:
        console.line(f"  OPENAI_BASE_URL={provider_url}/v1 ANTHROPIC_BASE_URL={provider_url} \\")
    console.line(f"  opentelemetry-instrument python {places.as_typed(app)}\n")
    printed: list[str] = []
    log = ledger.db.with_name(f"app-{transport.protocol.partition('/')[0]}.log")
    environment = app_environment(transport, provider_url, os.environ)
    say = printed.append if again else console.line
    run_app(app, environment, log, say, _APP_SECONDS if provider_url else _LIVE_APP_SECONDS)
    if again:
        console.line(f"... the same {len(printed)} lines ...")
    ledger.wait_until_settled()
    console.line("\nThe app ended with 0, without an error line. Everything it sent is stored and settled.")


def _compare(ledger: Collector, provider_url: str) -> None:
    console.heading("4. What the provider served, and what the ledger counted")
    served = truth.served_from_documents(fetch(f"{provider_url}/_served"))
    counted = truth.counted_from_rows(query(truth.COUNTED_SQL, "--url", ledger.url))
    headers = ("model", "calls served", "calls counted", "tokens told", "tokens counted", "agree")
    console.table(truth.totals(served, counted), headers)
    console.line()
    for note in truth.notes(served):
        console.line(note)
    problems = truth.differences(served, counted)
    for problem in problems:
        console.line(f"DIFFERS    {problem}")
    if problems:
        raise DemoFailed(f"The ledger differs from what the provider served in {len(problems)} places (listed above).")
    console.line("verdict    the ledger has what the provider served, call by call: same ids, same counts")


def _show_ledger(ledger: Collector) -> str:
    """The ledger by model, feature and user, one trace, one call, what is unknown; returns the answer by model."""
    at = ("--url", ledger.url)
    console.heading("5. What it cost")
    by_model = show("usage", "--by", "model", "--period", "all", *at)
    show("usage", "--by", "feature", "--period", "all", *at)
    show("usage", "--by", "user", "--period", "all", *at)
    console.heading("6. One trace, with its cost")
    show("trace", _the_id(_DEEPEST_TRACE, *at), *at)
    console.heading("7. One call, explained down to the unit price")
    show("explain", _the_id(_RICHEST_CALL, *at), *at)
    console.heading("8. What has no price, or no usage")
    show("unpriced", *at)
    return by_model


def _ask_the_file(ledger: Collector, told: str) -> None:
    console.heading("9. Stop the collector, ask the file")
    code = ledger.stop()
    if code != 0:
        raise DemoFailed(f"The collector ended with code {code} when it was asked to stop.")
    console.line("collector  stopped by SIGTERM, drained, ended with 0\n")
    read = show("usage", "--by", "model", "--period", "all", "--db", str(ledger.db))
    if read != told:
        raise DemoFailed("The file answers otherwise than the server did: compare the table above with part 5.")
    console.line("verdict    the file answers exactly what the server answered")


def _serve_on(db: Path, log: Path) -> None:
    with collector(db, log) as ledger:
        console.line("\n--keep: a collector serves this ledger until Ctrl-C.\n")
        _say_where(ledger)
        try:
            ledger.running.process.wait()
        except KeyboardInterrupt:
            console.line("\nstopped")


def _say_where(ledger: Collector) -> None:
    console.line(f"ledger     {ledger.db}")
    console.line(f"collector  OTLP/gRPC {ledger.grpc}, OTLP/HTTP {ledger.http}, web {ledger.url}")
    console.line("           (free ports, so that nothing else is in the way; the usual ones are 4317, 4318, 4319)")


def _say_provider(url: str | None) -> None:
    if url:
        console.line(f"provider   {url}, local, speaks the OpenAI and Anthropic wire formats")
        return
    console.line("provider   the real ones; what they served is known to nobody else, so part 4 is left out")
    for key in _missing_keys():
        console.line(f"           {key} is not set: the app skips what needs it")


def _say_what_next(db: Path) -> None:
    console.heading("Try next")
    for words in places.activation():
        console.command(words)
    for words in (
        ["spanledger", "usage", "--by", "user,model", "--db", str(db)],
        ["spanledger", "calls", "--db", str(db)],
        ["spanledger", "sql", "SELECT feature, sum(cost_usd) FROM calls GROUP BY ALL", "--db", str(db)],
        ["spanledger", "serve"],
    ):
        console.command(words)


def _the_id(sql: str, *where: str) -> str:
    rows = query(sql, *where)
    if not rows:
        raise DemoFailed("The ledger holds no priced call to show.")
    [value] = rows[0].values()
    return str(value)


def _missing_keys() -> list[str]:
    return [key for key in _KEYS if not os.environ.get(key)]


def _check_keys() -> None:
    if len(_missing_keys()) == len(_KEYS):
        raise DemoFailed(f"--live needs at least one of {' and '.join(_KEYS)} in the environment.")
