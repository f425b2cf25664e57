"""One run of the example app against a real collector, for every test that wants to look at what it left."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spanledger_collector.demo import truth
from spanledger_collector.demo.app_run import Transport, app_environment, run_app
from spanledger_collector.demo.processes import collector, fetch, provider

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run left: the provider's records and the ledger file."""

    served: list[truth.Served]
    db: Path

    @property
    def billed(self) -> list[truth.Served]:
        return [record for record in self.served if record.meters is not None]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.db), read_only=True) as ledger:
            asked = ledger.execute(sql)
            names = [column[0] for column in asked.description or []]
            return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]

    def count(self, sql: str) -> int:
        [row] = self.rows(sql)
        [value] = row.values()
        return int(value)


@pytest.fixture(scope="session")
def run_over(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcome]:
    """One run of the app for each OTLP protocol that is asked for, whoever asks how often."""

    @cache
    def outcome(protocol: str) -> Outcome:
        return _run(protocol, tmp_path_factory.mktemp("run"))

    return outcome


def _run(protocol: str, folder: Path) -> Outcome:
    """Run the app to its end and stop the collector; `run_app` raises if the app fails or writes an error line."""
    printed: list[str] = []
    with provider(EXAMPLES, folder / "provider.log") as url:
        with collector(folder / "ledger.duckdb", folder / "serve.log") as ledger:
            transport = Transport(protocol, ledger.grpc if protocol == "grpc" else ledger.http)
            environment = app_environment(transport, url, os.environ)
            run_app(EXAMPLES / "app.py", environment, folder / "app.log", printed.append)
            ledger.wait_until_settled()
            assert ledger.stop() == 0, (folder / "serve.log").read_text()
        served = truth.served_from_documents(fetch(f"{url}/_served"))
    assert len([line for line in printed if "failed, as planned" in line]) == 2
    return Outcome(served, folder / "ledger.duckdb")
