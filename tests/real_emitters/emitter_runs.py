"""Runs an app of `apps/` with released packages against the local provider and a real collector, and holds the ledger
against what the provider served."""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
from tests.real_emitters.attribute_names import emitted, forgotten, is_recording, record
from tests.real_emitters.combinations import Lacks
from tests.real_emitters.environments import Environment

import provider_server
from provider_server import Served
from provider_server.models import resolve
from spanledger.meters import METER_BY_NAME
from spanledger_collector.demo import truth
from spanledger_collector.demo.app_run import Transport, app_environment
from spanledger_collector.demo.processes import Collector, collector
from spanledger_collector.settle.keys import bare_model

__all__ = ["Command", "Outcome", "run", "run_app"]

_APPS = Path(__file__).parent / "apps"
_MADE_BY_LITELLM = re.compile(r"chatcmpl-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECONDS = 600
_NOTHING = Lacks()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the provider served and what the ledger counted."""

    served: Sequence[Served]
    counted: list[truth.Counted]
    ledger: Path

    def differences(self, lacks: Lacks = _NOTHING) -> list[str]:
        """Every disagreement over calls and their counts, in words, save for what the emitters lack."""
        lost = lacks.meters
        expected = Counter(
            _key(record.model or "", _without(record.usage.meters if _is_told(record, lacks) else {}, lost))
            for record in self.served
            if record.usage is not None and record.endpoint not in lacks.unseen
        )
        found = Counter(
            _key(resolve(bare_model(call.model or "")), _without(call.meters, lost))
            for call in self.counted
            if not call.failed
        )
        refused = sum(1 for record in self.served if record.status >= 400)
        failed = sum(1 for call in self.counted if call.failed)
        ids = {given for record in self.served for given in (record.id, record.request_id)}
        return [
            *(f"served, but not in the ledger: {_words(key)}" for key in (expected - found).elements()),
            *(f"in the ledger, but not served: {_words(key)}" for key in (found - expected).elements()),
            *([f"refused by the provider: {refused}, failed in the ledger: {failed}"] if refused != failed else []),
            *(f"no such id was served: {found}" for found in self._response_ids() - ids),
        ]

    def _response_ids(self) -> set[str]:
        """The ids in the ledger, without those that LiteLLM puts in place of a provider's: these are what users see
        there, and what tells its calls apart."""
        found = (call.response_id for call in self.counted)
        return {response_id for response_id in found if response_id and not _MADE_BY_LITELLM.fullmatch(response_id)}


@dataclass(frozen=True, slots=True)
class Command:
    """What to start, with which variables, in which folder."""

    words: Sequence[str | Path]
    variables: Mapping[str, str]
    folder: Path | None = None


def run_app(app: str, emitters: Iterable[str], environment: Environment, folder: Path) -> Outcome:
    """Run `apps/<app>.py` with the emitters switched on, to its end; raises `AssertionError` with what it printed if it
    fails."""
    empty = folder / "empty.json"
    empty.write_text("{}")
    script = [environment.python(), _APPS / f"{app}.py", *emitters]

    def command(provider: str, serving: Collector) -> list[Command]:
        variables = app_environment(Transport("http/protobuf", serving.http), provider, os.environ)
        return [Command(script, {**variables, "APP_EMPTY_JSON": str(empty), "LITELLM_LOCAL_MODEL_COST_MAP": "True"})]

    return run(command, folder)


def run(commands: Callable[[str, Collector], Iterable[Command]], folder: Path) -> Outcome:
    """Run commands one after the other, each to its end, between a provider (its URL is given) and a collector; raises
    `AssertionError` with what one printed if it fails, and with attributes that came and have no place."""
    ledger = folder / "ledger.duckdb"
    with provider_server.running() as provider, collector(ledger, folder / "serve.log") as serving:
        for command in commands(provider.url, serving):
            _run_to_its_end(command, folder / "app.log")
        serving.wait_until_settled()
        assert serving.stop() == 0, (folder / "serve.log").read_text()
        served = provider.served
    with closing(duckdb.connect(str(ledger), read_only=True)) as connection:
        asked = connection.execute(f"{truth.COUNTED_SQL} WHERE NOT list_contains(flags, 'cache_replay')")
        names = [column[0] for column in asked.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in asked.fetchall()]
    _look_at_attributes(ledger)
    return Outcome(served, truth.counted_from_rows(rows), ledger)


def _look_at_attributes(ledger: Path) -> None:
    sent = emitted(ledger)
    if is_recording():
        record(sent)
    assert list(forgotten(sent)) == []


def _run_to_its_end(command: Command, log: Path) -> None:
    done = subprocess.run(
        command.words,
        env=command.variables,
        cwd=command.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    with log.open("a") as written:
        written.write(done.stdout + done.stderr)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def _is_told(record: Served, lacks: Lacks) -> bool:
    untold = lacks.endpoints | lacks.streams if record.streamed else lacks.endpoints
    return record.usage_sent and record.endpoint not in untold


_Key = tuple[str, tuple[tuple[str, Decimal], ...]]


def _key(model: str, meters: Mapping[str, Decimal]) -> _Key:
    return model, tuple(sorted(meters.items()))


def _without(meters: Mapping[str, Decimal | int], lost: frozenset[str]) -> dict[str, Decimal]:
    """The counts with lost meters within the larger ones; one that is within no other is gone."""
    found = {meter: Decimal(quantity) for meter, quantity in meters.items()}
    for meter in sorted(lost, key=_depth, reverse=True):  # the innermost first: it may become part of a lost one
        quantity, within = found.pop(meter, Decimal(0)), METER_BY_NAME[meter].within
        if within is not None and quantity:
            found[within] = found.get(within, Decimal(0)) + quantity
    return found


def _depth(meter: str) -> int:
    within = METER_BY_NAME[meter].within
    return 0 if within is None else 1 + _depth(within)


def _words(key: _Key) -> str:
    model, meters = key
    return f"{model}: " + (", ".join(f"{meter} {count.normalize():f}" for meter, count in meters) or "no usage")
