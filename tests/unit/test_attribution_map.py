"""The map of who spends: what it may say, what it overrules, and that what is read is what was kept."""

import tomllib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.documented import ROOT, table
from tests.observed import make_span

from spanledger_collector.dialects import Reader
from spanledger_collector.dialects.attribution_map import FIELDS, NO_MAP, AttributionMap, parse_attribution_map
from spanledger_collector.dialects.names import GENERIC
from spanledger_collector.model import KEY_ORG, AttributeValue, Attribution

CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}


def read(
    mapped: str, span: Mapping[str, AttributeValue], resource: Mapping[str, AttributeValue] | None = None
) -> Attribution:
    """The attribution of a call with these attributes, read at once and again from what the journal keeps."""
    reader = Reader(parse_attribution_map(mapped))
    received = make_span(CALL | dict(span), resource=dict(resource or {}))
    found = reader.recognise(received)
    assert found is not None
    assert reader.recognise(replace(received, attributes=reader.kept_attributes(received))) == found
    return found.attribution


def test_without_a_map_the_usual_names_count_and_the_span_before_its_resource() -> None:
    resource = {"user.id": "machine", "session.id": "boot", "organization.id": "north", "spanledger.dim.team": "red"}
    assert read("", {"user.id": "ana"}, resource) == Attribution("ana", "north", "boot", dimensions={"team": "red"})


def test_the_first_name_with_a_value_counts_on_the_span_and_then_on_the_resource() -> None:
    mapped = 'user = ["acme.user", "user.email", "..."]'
    assert read(mapped, {"user.id": "1", "user.email": "ana@example.org"}).user == "ana@example.org"
    assert read(mapped, {"user.id": "1"}, {"acme.user": "cron"}).user == "cron"
    assert read(mapped, {"user.id": "1", "acme.user": ""}).user == "1"
    assert read(mapped, {}).user is None


def test_without_dots_the_usual_names_do_not_count() -> None:
    said = read('org = "acme.cost_center"\nsession = []', {"spanledger.org": "north", "session.id": "s"})
    assert (said.org, said.session) == (None, None)


def test_dots_may_come_first() -> None:
    mapped = 'feature = ["...", "acme.page"]'
    assert read(mapped, {"spanledger.feature": "search", "acme.page": "/"}).feature == "search"
    assert read(mapped, {"acme.page": "/"}).feature == "/"


def test_members_of_an_object_are_found_by_their_names() -> None:
    """As OpenInference sends what an app says of its requests."""
    mapped = 'user = ["metadata.customer.id"]\n[dimensions]\nteam = "metadata.team"\nsaid = "input.value.said"'
    span = {"metadata": '{"team": "blue", "customer": {"id": 7}}', "input.value": '{"said": "secret"}'}
    said = read(mapped, span)
    assert (said.user, said.dimensions) == ("7", {"team": "blue"})
    assert read(mapped, {"metadata": "no object"}).user is None


def test_dimensions_of_ones_own() -> None:
    mapped = '[dimensions]\nteam = ["acme.team", "team.id"]\nagent = []\nshift = "acme.shift"'
    span = {"team.id": 7, "gen_ai.agent.name": "planner", "spanledger.dim.team": "usual", "spanledger.dim.kept": "x"}
    assert read(mapped, span).dimensions == {"team": "7", "kept": "x"}


def test_the_organisation_of_a_key_is_stronger_than_the_map() -> None:
    said = read('org = ["acme.org"]', {"acme.org": "claimed"}, {KEY_ORG: "of the key"})
    assert (said.org, said.key_org) == ("of the key", "of the key")


_names = st.sampled_from(["user.id", "acme.user", "session.id", "enduser.id", "spanledger.org", "..."])
_lists = st.lists(_names, unique=True, max_size=4)
_values: st.SearchStrategy[AttributeValue] = st.sampled_from(
    ["ana", "", None, 5, 0.5, float("nan"), True, ["a"], "long" * 2000]
)
_attributes = st.dictionaries(_names, _values, max_size=4)


@given(st.dictionaries(st.sampled_from(FIELDS), _lists.map(tuple)), _attributes)
def test_what_is_read_again_from_the_journal_is_the_same(
    fields: dict[str, tuple[str, ...]], attributes: dict[str, AttributeValue]
) -> None:
    reader = Reader(AttributionMap(fields))
    received = make_span(CALL | attributes)
    kept = replace(received, attributes=reader.kept_attributes(received))
    assert reader.recognise(kept) == reader.recognise(received)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user = 5", r"user is a list of attribute names, like \['user.id', '...'\], not 5"),
        ('user = ["a", 5]', "user is a list of attribute names"),
        ('user = ["a", ""]', "user is a list of attribute names"),
        ('usr = ["a"]', "'usr' is none of user, org, session, workflow, feature. A dimension of your own goes below"),
        ('team = ["a"]', r"goes below \[dimensions\]"),
        ('dimensions = ["a"]', "dimensions is a table"),
        ('[dimensions]\n"my team" = ["a"]', "needs a name of letters"),
        ('[dimensions]\nteam = ["..."]', "is for user, org"),
        ('org = ["a", "b", "a"]', "org names 'a' twice"),
        ('feature = ["gen_ai.input.messages"]', "what people or models said, which is not kept"),
        ('feature = ["langfuse.observation.metadata.page"]', "which is not kept"),
        ('user = ["a"]\norg = x', "line 2"),
    ],
)
def test_a_mistake_is_told_with_what_could_stand_there(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_attribution_map(text)


def test_nothing_said_is_no_map() -> None:
    mapped = parse_attribution_map("")
    assert mapped.said() == NO_MAP.said() == {}


def test_what_is_said_is_shown() -> None:
    mapped = parse_attribution_map('user = ["a", "..."]\nsession = []\n[dimensions]\nteam = "t"')
    assert mapped.said() == {"user": "a, ...", "session": "never", "dim:team": "t"}


def test_the_example_in_the_document_is_a_map() -> None:
    text = (ROOT / "docs" / "attribution.md").read_text()
    example = text.partition("```toml\n")[2].partition("```")[0]
    assert tomllib.loads(example)
    assert set(parse_attribution_map(example).said()) == {"user", "org", "session", "dim:team", "dim:agent"}


def test_the_document_names_what_is_read_without_a_map() -> None:
    documented = {field: tuple(names.replace("`", "").split(", ")) for field, names, _ in table("attribution.md")}
    assert documented == {field: GENERIC[field] for field in FIELDS}
