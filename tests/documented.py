"""The tables of the documents, for the tests that hold them against the code."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["ROOT", "DocumentedAttribute", "attributes", "is_documented", "table"]

ROOT = Path(__file__).parents[1]
_CELL = re.compile(r"\s*\|\s*")
_PLACEHOLDER = re.compile(r"<\w+>")


class DocumentedAttribute(NamedTuple):
    """A row of docs/attributes.md."""

    name: str
    type: str
    unit: str
    when: str
    source: str


def table(document: str) -> list[tuple[str, ...]]:
    """The rows of the one table in a document that start with a name in code marks; the name without these."""
    lines = (ROOT / "docs" / document).read_text().splitlines()
    rows = (_CELL.split(line.strip())[1:-1] for line in lines if line.startswith("| `"))
    return [(name.strip("`"), *rest) for name, *rest in rows]


@cache
def attributes() -> list[DocumentedAttribute]:
    """Every documented attribute."""
    return [DocumentedAttribute(*row) for row in table("attributes.md")]


def is_documented(name: str) -> bool:
    """Whether an attribute is in the table, by itself or as one of a family (`spanledger.dim.<name>`)."""
    known = {attribute.name for attribute in attributes()}
    return name in known or any(name.startswith(_PLACEHOLDER.split(family)[0]) for family in known if "<" in family)
