"""What the collector's tests share: the modules beside them are importable, and a ledger and a receiver to write to."""

import shutil
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from receiving import Receiving, receiving  # found through the path just set
from small_ledger import build

from spanledger_collector.ledger.store import Ledger


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Where a ledger of the test's own may lie."""
    return tmp_path / "ledger.duckdb"


@pytest.fixture
def ledger(db: Path) -> Generator[Ledger]:
    """An empty ledger."""
    with Ledger.open(db) as opened:
        yield opened


@pytest.fixture
def receiver(db: Path) -> Generator[Receiving]:
    """OTLP over gRPC and HTTP, into a ledger of its own; nothing is settled."""
    with receiving(db) as running:
        yield running


@pytest.fixture(scope="session")
def small_ledger_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of `small_ledger`, written once; for reading only."""
    return build(tmp_path_factory.mktemp("small") / "small.duckdb")


@pytest.fixture
def small_ledger(small_ledger_file: Path, db: Path) -> Path:
    """A copy of the ledger of `small_ledger` that the test may do anything with."""
    shutil.copy(small_ledger_file, db)
    return db
