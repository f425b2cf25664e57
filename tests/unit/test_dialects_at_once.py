"""Spans that are read at once, in columns, say what they say one by one."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.emitters import EMITTERS, Emitter, Truth
from tests.observed import NATIVE, OWN, make_span

from spanledger_collector import received_spans
from spanledger_collector.dialects import Reader, columns
from spanledger_collector.dialects.attribution_map import NO_MAP, AttributionMap
from spanledger_collector.dialects.choice import choose_dialect, dialects_of
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.groups import Group
from spanledger_collector.dialects.table import DIALECTS
from spanledger_collector.model import KEY_ORG, Attributes, AttributeValue, ReceivedSpan, Scope
from spanledger_collector.observation_columns import NOTHING_READ, observations_in
from spanledger_collector.received_spans import Alike, ReceivedSpans

_CHAT: dict[str, AttributeValue] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.response.id": "resp_1",
    "gen_ai.usage.input_tokens": 900,
    "gen_ai.usage.output_tokens": 30,
    "gen_ai.usage.cache_read.input_tokens": 200,
    "gen_ai.usage.cache_creation.input_tokens": 5,
    "user.id": "ann",
    "spanledger.dim.team": "search",
    "error.type": "timeout",
    "server.address": "API.openai.com",
    "spanledger.reported_cost_usd": "0.25",
    "gen_ai.usage.cost": 0.5,
}
_HTTP: dict[str, AttributeValue] = {
    "http.request.method": "POST",
    "url.full": "https://api.openai.com/v1/chat/completions",
    "server.address": "api.openai.com",
}
_RESOURCES: list[Attributes] = [
    {"service.name": "shop"},
    {"service.name": "shop", KEY_ORG: "acme", "service.instance.id": 7},
    {"service.name": "shop", "user.id": "batch", "deployment.environment": "test"},
]
_MAPS = [NO_MAP, AttributionMap({"org": ("url.full", "gen_ai.provider.name")}, {"team": ("user.id",)})]
_ODD: list[AttributeValue] = [
    *(None, True, 2.5, ["a"], {"a": 1}, b"\x00"),
    *("", "x" * 4096, "x" * 4097, "7", "run-1", "two\nlines\r\u2028\x85"),
    *(-1, 0, 5, 10**12 - 1, 10**12, 10**13),
]


_MANY_SPANS, _MANY_OF_A_GROUP = received_spans.MANY, received_spans.MANY_ALIKE


@pytest.fixture(autouse=True, scope="module")
def in_columns_however_few() -> Iterator[None]:
    """Else small examples, and what fails of them, would not be read so."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(received_spans, "MANY", 0)
        patched.setattr(received_spans, "MANY_ALIKE", 1)
        yield


def one_by_one(spans: Sequence[ReceivedSpan], reader: Reader) -> tuple[Any, Any]:
    """What `read_all` is to say."""
    read = [(place, reader.recognise(span), span) for place, span in enumerate(spans)]
    told = [(place, found, reader.kept_json(span)) for place, found, span in read if found is not None]
    return told, [reader.peer_host(span) for span in spans]


def with_what_is_the_same(spans: ReceivedSpans) -> ReceivedSpans:
    """As the decoder of protobuf has them: it knows of which names all in a group have the same value."""
    return replace(spans, alike=[replace(each, same=_same(each), mappings=None) for each in spans.alike])


def _same(alike: Alike) -> frozenset[str]:
    columns = zip(alike.names, alike.columns, strict=True)
    return frozenset(name for name, column in columns if len({*map(repr, column)}) == 1)


def assert_read_the_same(spans: Sequence[ReceivedSpan], reader: Reader) -> None:
    # By what they print: 1, 1.0 and True are equal.
    expected = repr(one_by_one(spans, reader))
    together = ReceivedSpans.of(spans)
    for each in (together, with_what_is_the_same(together)):
        read, hosts = reader.read_all(each)
        told = [*zip(read.places, observations_in(read.observed), read.attributes, strict=True)]
        assert repr((told, hosts)) == expected


_SCOPES = [
    OWN,
    NATIVE,
    Scope("somebody.else"),
    Scope("openinference.instrumentation.langchain", "1"),
    Scope("logfire.x"),
]
_count = st.integers(0, 5) | st.integers(0, 200_000)
_truths = st.builds(
    Truth,
    st.sampled_from(["openai", "anthropic", "aws.bedrock"]),
    st.sampled_from(["gpt-5", "claude-sonnet-4-5", "openai.gpt-oss-20b-1:0"]),
    *[_count] * 5,
    st.sampled_from(["msg_0123456789abcdef", "run-1", "x" * 5000]),
)
_odd = st.sampled_from(_ODD)
_changes = st.dictionaries(st.sampled_from([*_CHAT]), _odd, max_size=2) | st.dictionaries(
    st.sampled_from([*_CHAT]), st.sampled_from(["chat", "execute_tool", "gpt-5", "0.5"]) | _count, max_size=3
)
_readers = st.builds(Reader, st.sampled_from(_MAPS), st.sampled_from([(), ("gateway.example",)]))


def _one_of_many(
    attributes: Attributes, number: int = 0, scope: Scope = OWN, *, kind: int = 3, name: str = "chat"
) -> ReceivedSpan:
    """A span whose resource is the same object as that of the others, as decoders have it."""
    return make_span(attributes, scope, span=1 + number, kind=kind, name=name, resource=_RESOURCES[0])


def _of_emitter(emitter: Emitter, truths: Sequence[Truth]) -> list[ReceivedSpan]:
    return [
        _one_of_many(emitter.write(truth), number, emitter.scope, kind=emitter.kind, name=emitter.name)
        for number, truth in enumerate(truths)
    ]


@st.composite
def _alike(draw: st.DrawFn) -> list[ReceivedSpan]:
    """Spans of one scope and resource, nearly all with the same names; some with odd values."""
    names = draw(st.sets(st.sampled_from([*_CHAT]), min_size=1)) if draw(st.booleans()) else {*_CHAT}
    more: dict[str, AttributeValue] = draw(st.sampled_from([{}, _HTTP]))
    usual = {name: value for name, value in (_CHAT | more).items() if name in names or name in more}
    scope, resource, kind = draw(st.sampled_from(_SCOPES)), draw(st.sampled_from(_RESOURCES)), draw(st.integers(0, 5))
    return [
        make_span(
            usual | {name: value for name, value in changed.items() if name in names or draw(st.booleans())},
            scope,
            span=1 + number,
            kind=kind,
            name=draw(st.sampled_from(["chat", "agent run"])),
            status=draw(st.sampled_from([0, 0, 2])),
            end=draw(st.sampled_from([0, 1])),
            resource=resource,
        )
        for number, changed in enumerate(draw(st.lists(_changes, min_size=1, max_size=12)))
    ]


@given(st.lists(_alike(), min_size=1, max_size=3), _readers, st.randoms(use_true_random=False))
def test_what_is_read_at_once_is_what_is_read_one_by_one(
    requests: list[list[ReceivedSpan]], reader: Reader, random: Random
) -> None:
    spans = [span for request in requests for span in request]
    random.shuffle(spans)
    assert_read_the_same(spans, reader)


@pytest.mark.parametrize("emitter", EMITTERS, ids=lambda emitter: f"{emitter.dialect}-{emitter.scope.name}")
@settings(max_examples=10)
@given(truths=st.lists(_truths, min_size=4, max_size=4))
def test_every_emitter_is_read_at_once_as_one_by_one(emitter: Emitter, truths: list[Truth]) -> None:
    assert_read_the_same(_of_emitter(emitter, truths), Reader())


def test_most_emitters_are_read_in_columns() -> None:
    """Else the tests above would show little."""
    one_by_one_too = {"codex-log"}  # whose counts are texts
    one_by_one_too |= {row.id for row in DIALECTS if row.unpack or row.quoted}
    for emitter in EMITTERS:
        spans = ReceivedSpans.of(_of_emitter(emitter, [Truth("openai", "gpt-5", 900, 80, 7, 60, 5)] * 4))
        [alike] = spans.alike
        group = Group(spans, alike)
        [dialect] = dialects_of(group)
        assert dialect is not None
        read = columns.observations_of(group, dialect, NO_MAP)
        assert (read is None) == (dialect.id in one_by_one_too), dialect.id


@pytest.mark.parametrize("name", [*_CHAT, *_HTTP])
@pytest.mark.parametrize("odd", _ODD, ids=lambda odd: type(odd).__name__)
def test_one_odd_value_among_many_is_read_as_what_it_is(name: str, odd: AttributeValue) -> None:
    usual = _CHAT | _HTTP
    spans = [
        make_span(usual | ({name: odd} if number == 2 else {}), span=1 + number, resource=_RESOURCES[0])
        for number in range(8)
    ]
    assert_read_the_same(spans, Reader())
    stranger = Scope("somebody.else")
    assert_read_the_same([replace(span, scope=stranger) for span in spans], Reader())


@pytest.mark.parametrize("content", ["gen_ai.prompt", "input.value", "llm.output_messages"])
def test_messages_are_kept_of_none_of_many(content: str) -> None:
    spans = [_one_of_many(_CHAT | {content: "a secret"}, number) for number in range(4)]
    assert_read_the_same(spans, Reader())
    assert "secret" not in repr(Reader().read_all(ReceivedSpans.of(spans)))


@pytest.mark.parametrize("row", DIALECTS, ids=lambda row: row.id)
def test_spans_of_the_same_names_may_be_of_several_dialects(row: Dialect) -> None:
    """By their span names, and by the values of what marks them."""
    named: dict[str, AttributeValue] = {marker: value or "x" for marker, value in (*row.markers, *row.needs)}
    other: dict[str, AttributeValue] = dict.fromkeys(named, "something else")
    scopes = [Scope("nobody"), *(Scope(pattern.replace("*", ""), row.since) for pattern in row.scopes)]
    for scope in scopes:
        names = ["chat", *row.span_names, *row.events]
        spans = [_one_of_many(_CHAT | values, 0, scope, name=name) for name in names for values in (named, other)]
        together = ReceivedSpans.of(spans)
        [alike] = together.alike
        assert {*dialects_of(Group(together, alike))} == {*map(choose_dialect, spans)}
        assert_read_the_same(spans, Reader())


@pytest.mark.parametrize("count", [0, 1, 11, 24, 39, 40, 64])
def test_few_and_many_are_read_the_same(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received_spans, "MANY", _MANY_SPANS)
    monkeypatch.setattr(received_spans, "MANY_ALIKE", _MANY_OF_A_GROUP)
    spans = [_one_of_many(_CHAT if number % 2 else _HTTP, number) for number in range(count)]
    assert_read_the_same(spans, Reader())


def test_nothing_of_nothing() -> None:
    assert Reader().read_all(ReceivedSpans.of([])) == (NOTHING_READ, [])
