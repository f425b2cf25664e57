"""The small file beside a ledger that says which server owns it: how the CLI finds the server of a file."""

import json
import os
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

__all__ = ["LEDGER_HEADER", "Sidecar", "ledger_tag", "read_sidecar", "sidecar_path"]

LEDGER_HEADER = "spanledger-ledger"
"""The `ledger_tag` of a server, on every answer: a sidecar may be old and lead to the server of another ledger."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The process that owns a ledger, and the URL of its web port."""

    pid: int
    web: str

    def text(self) -> str:
        """The content of the file."""
        return json.dumps(asdict(self)) + "\n"

    def is_alive(self) -> bool:
        """Whether the process is there; one that was killed leaves its sidecar behind."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            return True  # it runs under another user
        return True


def sidecar_path(db: Path) -> Path:
    """Where the sidecar of a ledger lies."""
    return db.with_name(f"{db.name}.server.json")


def ledger_tag(db: Path) -> str:
    """What tells ledgers apart without saying where they lie."""
    return sha256(str(db.resolve()).encode()).hexdigest()[:16]


def read_sidecar(db: Path) -> Sidecar | None:
    """The sidecar of a ledger; None where there is none, or one that cannot be read."""
    try:
        document = json.loads(sidecar_path(db).read_text("utf-8"))
        return Sidecar(int(document["pid"]), str(document["web"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
