"""The tables of attributes and of settings, held against the code: nothing undocumented, nothing that is not there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.documented import ROOT, attributes, table

from spanledger import semconv
from spanledger.meters import METERS, OTHER_METER_PREFIX

INSTRUMENTATION = ROOT / "instrumentation" / "spanledger"
COLLECTOR = ROOT / "collector" / "spanledger_collector"
NO_ATTRIBUTES = {semconv.SCOPE_NAME, semconv.RECORD}
VARIABLE = re.compile(r"(?:SPANLEDGER|OTEL|USAGE|DAILY|MONTHLY|BUDGET)_[A-Z_]+")
SETS_VARIABLES = COLLECTOR / "demo"
"""The demo sets the variables of the applications that it starts; it reads none."""


def syntax_of(folder: Path) -> Iterator[ast.AST]:
    for path in sorted(folder.rglob("*.py")):
        if not path.is_relative_to(SETS_VARIABLES):
            yield from ast.walk(ast.parse(path.read_text()))


def written() -> set[str]:
    """The attributes that the instrumentation writes: the constants of `semconv` that it uses, and the meters."""
    used = {
        str(getattr(semconv, node.attr))
        for node in syntax_of(INSTRUMENTATION)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "semconv"
    }
    named = {f"{semconv.DIMENSION_PREFIX}<name>" if name == semconv.DIMENSION_PREFIX else name for name in used}
    return (named - NO_ATTRIBUTES) | {meter.attribute for meter in METERS} | {f"{OTHER_METER_PREFIX}<meter>"}


def test_every_attribute_is_documented_once_and_every_documented_one_is_written() -> None:
    names = [attribute.name for attribute in attributes()]
    assert sorted(names) == sorted(written())


def test_no_attribute_is_named_outside_the_tables_of_the_code() -> None:
    """A name spelled in a provider's module would be in no table."""
    names = {attribute.name for attribute in attributes()}
    tables = {INSTRUMENTATION / "semconv.py", INSTRUMENTATION / "meters.py"}
    spelled = {
        (path.name, node.value)
        for path in INSTRUMENTATION.rglob("*.py")
        if path not in tables
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names
    }
    assert spelled == set()


def test_each_row_says_type_unit_occasion_and_source() -> None:
    unit_by_attribute = {meter.attribute: meter.unit for meter in METERS}
    for attribute in attributes():
        assert attribute.type
        assert attribute.when
        assert attribute.source in {"conventions", "Anthropic", "ours"}
        assert (attribute.source == "ours") is attribute.name.startswith("spanledger."), attribute.name
        if attribute.name in unit_by_attribute:
            assert attribute.unit == unit_by_attribute[attribute.name]


def test_every_setting_is_documented_once_and_every_documented_one_is_read() -> None:
    read = {
        node.value
        for folder in (INSTRUMENTATION, COLLECTOR)
        for node in syntax_of(folder)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value)
    }
    assert sorted(row[0] for row in table("settings.md")) == sorted(read)
    assert all(len(row) == 4 for row in table("settings.md"))
