"""The SQL of the collector, kept in files: numbered migrations, and named queries in sections (`-- name: x`)."""

import re
from functools import cache
from importlib.resources import files

__all__ = ["Migration", "migrations", "query", "query_names"]

_FOLDER = files("spanledger_collector") / "sql"
_MIGRATION = re.compile(r"(\d{3})_\w+\.sql")
_SECTION = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)

Migration = tuple[int, str]
"""A schema version and the script that leads to it from the one before."""


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations in order; version n is made by the file `00n_*.sql`."""
    found = [(match, entry) for entry in _FOLDER.iterdir() if (match := _MIGRATION.fullmatch(entry.name))]
    return tuple(sorted((int(match[1]), entry.read_text("utf-8")) for match, entry in found))


def query(name: str) -> str:
    """The query `file.section` of `sql/file.sql`. Raises KeyError for a name that does not exist."""
    return _sections(name.partition(".")[0])[name]


def query_names() -> frozenset[str]:
    """The names of all queries, as `query` takes them."""
    stems = [entry.name.removesuffix(".sql") for entry in _FOLDER.iterdir() if not _MIGRATION.fullmatch(entry.name)]
    return frozenset(name for stem in stems for name in _sections(stem))


@cache
def _sections(stem: str) -> dict[str, str]:
    file = _FOLDER / f"{stem}.sql"
    if not file.is_file():
        return {}
    _, *parts = _SECTION.split(file.read_text("utf-8"))
    return {
        f"{stem}.{name}": text.strip().removesuffix(";") for name, text in zip(parts[::2], parts[1::2], strict=True)
    }
