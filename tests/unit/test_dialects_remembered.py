"""What is remembered from span to span never changes what is read, and has bounds."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.observed import OWN, make_span

from spanledger_collector import dialects
from spanledger_collector.dialects.choice import choose_dialect
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.shapes import ByNames
from spanledger_collector.dialects.table import DIALECTS
from spanledger_collector.model import AttributeValue, Scope

_CALL: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}

_MARKED_BY_VALUE = [row for row in DIALECTS if any(value for _, value in row.markers)]


def _model(value: AttributeValue) -> str | None:
    found = dialects.recognise(make_span(_CALL | {"gen_ai.request.model": value}, OWN))
    assert found is not None
    return found.request_model


@pytest.mark.parametrize("order", list(permutations([1, True, 1.0, "1"])))
def test_values_that_python_takes_for_equal_are_read_as_what_they_are(order: tuple[AttributeValue, ...]) -> None:
    expected = {"int": "1", "bool": "true", "float": "1.0", "str": "1"}
    for value in (*order, *order):
        assert _model(value) == expected[type(value).__name__]


@given(st.lists(st.sampled_from(["gpt-5", "", None, "x" * 4097, 5, ["gpt-5"]]), min_size=2, max_size=8))
def test_what_came_before_under_the_same_names_does_not_matter(values: list[AttributeValue]) -> None:
    readable = {"gpt-5": "gpt-5", "5": "5"}
    for value in values:
        assert _model(value) == readable.get(str(value))


@pytest.mark.parametrize(
    "row", [row for row in DIALECTS if any(value for _, value in row.markers)], ids=lambda row: row.id
)
def test_a_marker_must_have_its_value_whatever_came_before_under_the_same_names(row: Dialect) -> None:
    marker, value = next(marker for marker in row.markers if marker[1])
    named = {marker: value} | {name: wanted or "x" for name, wanted in row.needs}
    span = make_span(_CALL | named, Scope("nobody"), name=row.span_names[0] if row.span_names else "chat")
    for _ in range(2):
        assert choose_dialect(span) is row
        assert choose_dialect(replace(span, attributes={**span.attributes, marker: "another"})) is not row


def test_sets_of_names_are_worked_out_once_unless_they_are_huge() -> None:
    worked_out: list[int] = []

    @ByNames
    def count(_: None, names: tuple[str, ...]) -> int:
        worked_out.append(len(names))
        return len(names)

    usual, huge = ("a", "b"), ("c" * 5000, "d" * 5000)
    assert [count[None, names] for names in (usual, usual, huge, huge)] == [2, 2, 2, 2]
    assert len(worked_out) == 3
