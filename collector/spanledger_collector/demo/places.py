"""Where things are: the examples, the ledger of the demo, and the commands as the reader would type them."""

import shutil
import sys
from pathlib import Path

from spanledger_collector.demo.failure import DemoFailed
from spanledger_collector.sidecar import read_sidecar, sidecar_path

__all__ = ["activation", "as_typed", "empty_ledger", "examples"]


def examples() -> Path:
    """The folder of the examples: inside the installed package, or in the source tree. Raises `DemoFailed`."""
    package = Path(__file__).parents[1]
    for place in (package / "examples", package.parents[1] / "examples"):
        if (place / "app.py").is_file():
            return place
    raise DemoFailed("The examples are neither in the package nor in a source tree around it; install SpanLedger.")


def empty_ledger(directory: Path) -> Path:
    """A path for a fresh ledger; an earlier demo's files go. Raises `DemoFailed` if a collector still runs on them."""
    directory.mkdir(parents=True, exist_ok=True)
    db = directory / "demo.duckdb"
    owner = read_sidecar(db)
    if owner is not None and owner.is_alive():
        raise DemoFailed(f"A collector (process {owner.pid}) is running on {db}. Stop it, or choose another --dir.")
    logs = (directory / "serve.log", directory / "provider.log")
    for old in (db, db.with_name(f"{db.name}.wal"), sidecar_path(db), *logs):
        old.unlink(missing_ok=True)
    return db


def as_typed(path: Path) -> str:
    """A path as one would type it here: relative, if it lies below the current directory."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def activation() -> list[list[str]]:
    """What to type first where `spanledger` on PATH is not the one that runs: activate its virtual environment."""
    scripts = Path(sys.executable).parent
    found = shutil.which("spanledger")
    if (found and Path(found).parent == scripts) or not (scripts / "activate").is_file():
        return []
    return [[".", as_typed(scripts / "activate")]]
