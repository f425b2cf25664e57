"""The SQL files and the code name the same queries: none is missing, none is left over."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import spanledger_collector
from spanledger_collector.ledger.sql import migrations, query, query_names

PACKAGE = Path(spanledger_collector.__file__).parent
FILES = {file.stem for file in (PACKAGE / "sql").glob("*.sql") if not file.stem[0].isdigit()}


def texts() -> Iterator[str]:
    """Every string constant of the package's code."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


TEXTS = frozenset(texts())
STARTS = tuple(text for text in TEXTS if re.fullmatch(rf"({'|'.join(FILES)})\.([a-z0-9_]+_)?", text))
"""The beginnings of names that are put together, such as f"queries.{name}"."""


def test_every_name_in_the_code_exists() -> None:
    named = {text for text in TEXTS if re.fullmatch(rf"({'|'.join(FILES)})\.[a-z0-9_]+", text)}
    assert named - query_names() - set(STARTS) == set()


def test_every_query_is_used() -> None:
    def used(name: str) -> bool:
        ends = {name.removeprefix(start) for start in STARTS if name.startswith(start)}
        return name in TEXTS or not ends.isdisjoint(TEXTS)

    assert [name for name in sorted(query_names()) if not used(name)] == []


def test_every_section_has_a_statement() -> None:
    for name in query_names():
        statements = re.sub(r"--[^\n]*", "", query(name)).strip()
        assert statements, f"{name} is empty"
        assert not statements.endswith(";")


def test_migrations_are_numbered_without_gaps() -> None:
    assert [version for version, _ in migrations()] == list(range(1, len(migrations()) + 1))
