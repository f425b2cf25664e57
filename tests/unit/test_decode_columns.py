"""Attributes that are read column by column say what they say span by span."""

from collections.abc import Iterator, Sequence

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger_collector import received_spans
from spanledger_collector.errors import BadRequest
from spanledger_collector.receive import attribute_columns, decode
from spanledger_collector.receive.attribute_columns import read_alike
from spanledger_collector.receive.decode import decode_traces
from spanledger_collector.receive.known_attributes import KnownAttributes
from spanledger_collector.received_spans import ReceivedSpans

START = 1_790_000_000_000_000_000


@pytest.fixture(autouse=True, scope="module")
def in_columns_however_few() -> Iterator[None]:
    """Else small examples would not be read so."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decode, "MANY", 0)
        patched.setattr(attribute_columns, "_FEWEST", 2)
        patched.setattr(received_spans, "MANY_ALIKE", 2)
        yield


def attribute(key: str, value: AnyValue) -> bytes:
    return KeyValue(key=key, value=value).SerializeToString()


def text(key: str, value: str) -> bytes:
    return attribute(key, AnyValue(string_value=value))


def count(key: str, value: int) -> bytes:
    return attribute(key, AnyValue(int_value=value))


_keys = st.sampled_from(["model", "user.id", "tokens", "k", "", "k" * 130])
_texts = st.sampled_from(["", "gpt", "ä" * 40, "x" * 126, "x" * 200]) | st.text(max_size=5)
_counts = st.sampled_from([0, 127, 128, 16_383, 16_384, 2**21 - 1, 2**21, -1]) | st.integers(0, 30_000)
_values = st.one_of(
    _texts.map(lambda value: AnyValue(string_value=value)),
    _counts.map(lambda value: AnyValue(int_value=value)),
    st.sampled_from([AnyValue(), AnyValue(bool_value=True), AnyValue(double_value=0.5), AnyValue(bytes_value=b"\xff")]),
)
_damage = st.tuples(st.integers(0, 20), st.binary(max_size=2), st.integers(0, 2))


@st.composite
def _spans(draw: st.DrawFn) -> list[list[bytes]]:
    """The attributes of spans that are nearly all alike; now and then one is damaged, left out or another."""
    keys = draw(st.lists(_keys, max_size=4))
    usual = [draw(_values) for _ in keys]
    spans: list[list[bytes]] = []
    for _ in range(draw(st.integers(1, 8))):
        said = [(key, draw(_values) if draw(st.booleans()) else value) for key, value in zip(keys, usual, strict=True)]
        if said and draw(st.integers(0, 7)) == 0:
            said[draw(st.integers(0, len(said) - 1))] = (draw(_keys), draw(_values))
        spans.append([attribute(*each) for each in said])
        if said and draw(st.integers(0, 15)) == 0:
            place, damage, removed = draw(_damage)
            sent = spans[-1][0]
            spans[-1][0] = sent[:place] + damage + sent[place + removed :]
    return spans


def span_by_span(sent: Sequence[Sequence[bytes]]) -> list[list[tuple[str, object]]]:
    known = KnownAttributes(values_per_key=0)
    return [[*dict(map(known.__getitem__, each)).items()] for each in sent]


@given(_spans(), st.sampled_from([0, 1, 1024]))
@example([[count("k", 5)], [b"\n\x01k\x12\x02\x18\xff"]], 0)
@example([[count("k", 200)], [b"\n\x01k\x12\x03\x18\x05\x05"]], 0)
@example([[text("k", "ab")], [b"\n\x01k\x12\x04\n\x01a\x18"]], 0)
@example([[text("k", "ab")], [text("l", "ab")], [text("k", "cd")], [text("k", "cd")]], 0)
@example([[text("k", "a"), text("k", "b")], [text("k", "a"), text("k", "c")]], 0)
@example([[text("k", "")], [count("k", 0)]], 0)
@example([[count("k", 0)], [text("k", "")]], 0)
@example([[b""], [b"\x12\x00"], [b"\x12\x02\x18\x07"]], 0)
def test_what_is_read_in_columns_is_what_is_read_span_by_span(sent: list[list[bytes]], values_per_key: int) -> None:
    """Whether values are remembered, or read by hand, or there is anything odd among them."""
    known = KnownAttributes(values_per_key=values_per_key)
    try:
        expected = span_by_span(sent)
    except DecodeError:
        with pytest.raises(DecodeError):
            read_alike(sent, [0] * len(sent), "scope", known)
        return
    for _ in range(2):  # what was learned the first time is used the second time
        alike, others = read_alike(sent, [0] * len(sent), "scope", known)
        found = {**others}
        for group in alike:
            found.update(zip(group.places, group.rows(), strict=True))
            for name, column in zip(group.names, group.columns, strict=True):
                assert name not in group.same or len({*map(repr, column)}) == 1
        assert repr([[*found[place].items()] for place in range(len(sent))]) == repr(expected)


def test_spans_of_a_kind_that_are_not_alike_are_told_apart() -> None:
    sent = [[text("a", "1"), text("bc"[number % 2], "2")] for number in range(40)]
    alike, others = read_alike(sent, [3] * 40, "scope", KnownAttributes())
    assert ({group.names for group in alike}, others) == ({("a", "b"), ("a", "c")}, {})
    of_kinds, _ = read_alike(sent[::2], [number % 2 for number in range(20)], "scope", KnownAttributes())
    assert [[*group.places] for group in of_kinds] == [[*range(0, 20, 2)], [*range(1, 20, 2)]]


def test_what_is_never_alike_is_in_no_group() -> None:
    sent = [[text(f"key {place} {number % 2**place}", "") for place in range(1, 9)] for number in range(64)]
    alike, others = read_alike(sent, [3] * 64, "scope", KnownAttributes())
    found = {place: [*row] for group in alike for place, row in zip(group.places, group.rows(), strict=True)}
    found |= {place: [*attributes] for place, attributes in others.items()}
    assert found == {number: [f"key {place} {number % 2**place}" for place in range(1, 9)] for number in range(64)}
    assert others


def a_request(spans: Sequence[tuple[int, int, int]]) -> ExportTraceServiceRequest:
    """Of each span its scope, whether it can be stored, and what it says."""
    sent = ExportTraceServiceRequest()
    scopes = [sent.resource_spans.add().scope_spans.add() for _ in range(2)]
    for number, (scope, sound, said) in enumerate(spans, 1):
        span = scopes[scope].spans.add(
            trace_id=number.to_bytes(16),
            span_id=number.to_bytes(8),
            parent_span_id=[b"", bytes(8), b"parentid"][said % 3],
            name=f"name {said}",
            kind=Span.SPAN_KIND_CLIENT if said % 2 else Span.SPAN_KIND_SERVER,
            start_time_unix_nano=START * sound,
            end_time_unix_nano=START + said,
        )
        span.status.code = said % 3  # pyright: ignore[reportAttributeAccessIssue] - an enum, which is a number
        span.attributes.add(key="said").value.int_value = said
        span.attributes.add(key="always").value.string_value = "the same"
    return sent


def alone(span: Span) -> bytes:
    sent = ExportTraceServiceRequest()
    sent.resource_spans.add().scope_spans.add().spans.append(span)
    return sent.SerializeToString()


_requests = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([1, 1, 1, 0]), st.integers(0, 5)), max_size=30)


@given(_requests.map(a_request))
def test_a_request_is_decoded_in_columns_as_its_spans_one_by_one(sent: ExportTraceServiceRequest) -> None:
    whole = decode_traces(sent.SerializeToString())
    messages = [span for each in sent.resource_spans for span in each.scope_spans[0].spans]
    one_by_one = [span for message in messages for span in decode_traces(alone(message)).spans]
    assert [*whole.spans] == one_by_one
    assert sum(whole.rejected.values()) == sum(message.start_time_unix_nano == 0 for message in messages)
    assert whole.spans.attributes() == 2 * len(whole.spans)
    assert [*ReceivedSpans.of([*whole.spans])] == one_by_one


def test_the_places_of_groups_count_through_all_scopes() -> None:
    spans = decode_traces(a_request([(number % 2, 1, 1) for number in range(20)]).SerializeToString()).spans
    assert sorted(place for group in spans.alike for place in group.places) == [*range(20)]
    assert {group.names for group in spans.alike} == {("said", "always")}
    assert all(group.same == {"said", "always"} for group in spans.alike)


def test_text_that_is_none_refuses_the_request_wherever_it_stands() -> None:
    good = a_request([(0, 1, 1)] * 60).SerializeToString()
    for body in (good.replace(b"the same", b"the sam\xff"), good.replace(b"the same", b"the sam\xff", 1)):
        with pytest.raises(BadRequest):
            decode_traces(body)
