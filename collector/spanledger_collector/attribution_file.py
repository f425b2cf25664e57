"""The file beside the ledger that says, in one installation's words, which attributes tell who spends."""

from pathlib import Path
from typing import Final

from spanledger_collector.dialects.attribution_map import NO_MAP, AttributionMap, parse_attribution_map
from spanledger_collector.errors import BadAttributionMap

__all__ = ["attribution_file_of", "own_attribution"]

_SUFFIX: Final = ".attribution.toml"


def attribution_file_of(db: Path, named: Path | None = None) -> Path:
    """The file for a ledger: the one that is named, or `<db>.attribution.toml` beside it."""
    return named or db.with_name(f"{db.name}{_SUFFIX}")


def own_attribution(db: Path, named: Path | None = None) -> AttributionMap:
    """What the file says; nothing where there is none beside the ledger.

    Raises BadAttributionMap for a named file that does not exist, and for a file that cannot be read or has a mistake.
    """
    path = attribution_file_of(db, named)
    if named is None and not path.exists():
        return NO_MAP
    try:
        return parse_attribution_map(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadAttributionMap(path, str(error)) from error
