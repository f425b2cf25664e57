"""What a server takes that has nothing to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from spanledger_collector.demo.processes import collector

_MOST_BYTES = 130_000_000
"""The aim is 120 million (`benchmarks/ingest.py` prints what it is); more processors, or another Python, take some."""
_RARELY_USED = (
    "numpy",
    "opentelemetry.exporter",
    "opentelemetry.sdk.metrics",
    "pandas",
    "pyarrow",
    "spanledger_collector.demo",
    "spanledger_collector.pricing.importers.user",
    "tabulate",
    "yaml",
)
_IMPORTED = "import sys, spanledger_collector.cli.serve, spanledger_collector.service; print(*sys.modules)"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell what memory is used")
def test_an_idle_server_stays_small(tmp_path: Path) -> None:
    with collector(tmp_path / "ledger.duckdb", tmp_path / "serve.log") as ledger:
        status = Path(f"/proc/{ledger.running.process.pid}/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0]) * 1024
    assert resident < _MOST_BYTES, f"{resident:,} bytes"


def test_a_server_loads_nothing_that_few_need() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORTED], capture_output=True, text=True, timeout=60, check=True)
    assert set(done.stdout.split()).isdisjoint(_RARELY_USED)
