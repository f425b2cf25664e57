"""OTLP protobuf to spans: what is read, what is rejected and counted, and that no bytes do worse than being refused."""

from itertools import product

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanledger_collector.errors import BadRequest
from spanledger_collector.model import AttributeValue, Scope
from spanledger_collector.receive import decode
from spanledger_collector.receive.decode import decode_traces, decode_traces_slowly
from spanledger_collector.receive.decoded import REJECTIONS, TooMuchAtOnce
from spanledger_collector.receive.known_attributes import KnownAttributes, attributes_of

TRACE = bytes(range(16))
SPAN = bytes(range(8))
START = 1_790_000_000_000_000_000


def request(**changes: object) -> ExportTraceServiceRequest:
    """A request of one span, some of its fields changed."""
    sent = ExportTraceServiceRequest()
    resource_spans = sent.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "spanledger"
    scope_spans.scope.version = "0.1"
    span = scope_spans.spans.add(trace_id=TRACE, span_id=SPAN, name="chat", kind=Span.SPAN_KIND_CLIENT)
    span.start_time_unix_nano = START
    span.end_time_unix_nano = START + 5
    for name, value in changes.items():
        setattr(span, name, value)
    return sent


def test_every_field_of_a_span_is_read() -> None:
    sent = request(parent_span_id=b"p" * 8)
    span = sent.resource_spans[0].scope_spans[0].spans[0]
    span.status.code = Status.STATUS_CODE_ERROR
    span.attributes.add(key="text").value.string_value = "täxt\0"
    span.attributes.add(key="empty").value.string_value = ""
    span.attributes.add(key="number").value.int_value = -(2**63)
    span.attributes.add(key="zero").value.int_value = 0
    span.attributes.add(key="half").value.double_value = 0.5
    span.attributes.add(key="no").value.bool_value = False
    span.attributes.add(key="bytes").value.bytes_value = b"\xff"
    span.attributes.add(key="unset")
    span.attributes.add(key="list").value.array_value.values.add().string_value = "x"
    span.attributes.add(key="empty list").value.array_value.SetInParent()
    inner = span.attributes.add(key="map").value.kvlist_value.values.add(key="deep")
    inner.value.array_value.values.add().int_value = 7

    (received,) = decode_traces(sent.SerializeToString()).spans

    assert (received.trace_id, received.span_id, received.parent_span_id) == (TRACE, SPAN, b"p" * 8)
    assert (received.name, received.kind, received.status) == ("chat", 3, 2)
    assert (received.started_ns, received.ended_ns) == (START, START + 5)
    assert received.service == "shop"
    assert received.scope == Scope("spanledger", "0.1")
    assert received.attributes == {
        "text": "täxt\0",
        "empty": "",
        "number": -(2**63),
        "zero": 0,
        "half": 0.5,
        "no": False,
        "bytes": b"\xff",
        "unset": None,
        "list": ["x"],
        "empty list": [],
        "map": {"deep": [7]},
    }
    assert type(received.attributes["no"]) is bool


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("trace_id", {"trace_id": b""}),
        ("trace_id", {"trace_id": b"short"}),
        ("trace_id", {"trace_id": bytes(16)}),
        ("span_id", {"span_id": bytes(8)}),
        ("span_id", {"span_id": bytes(16)}),
        ("parent_span_id", {"parent_span_id": b"xyz"}),
        ("no_start", {"start_time_unix_nano": 0}),
        ("time_range", {"end_time_unix_nano": 2**63 - 1}),
        ("time_range", {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 2**64 - 1}),
        ("ends_before_start", {"end_time_unix_nano": START - 1}),
        ("ends_before_start", {"end_time_unix_nano": 0}),
    ],
)
def test_an_impossible_span_is_rejected_and_its_neighbours_are_kept(reason: str, changes: dict[str, object]) -> None:
    sent = request(**changes)
    sent.resource_spans.extend(request().resource_spans)

    decoded = decode_traces(sent.SerializeToString())

    assert decoded.rejected == {reason: 1}
    assert len(decoded.spans) == 1
    assert decoded.explain_rejected("spans") == f"spans rejected: 1 because {REJECTIONS[reason]}"


def test_the_last_time_that_can_be_stored_is_taken() -> None:
    assert (
        next(iter(decode_traces(request(end_time_unix_nano=2**63 - 2).SerializeToString()).spans)).ended_ns == 2**63 - 2
    )


def test_a_root_may_be_sent_with_an_all_zero_parent() -> None:
    assert next(iter(decode_traces(request(parent_span_id=bytes(8)).SerializeToString()).spans)).parent_span_id is None


def test_enum_numbers_of_a_later_protocol_are_unspecified() -> None:
    sent = request(kind=17)
    sent.resource_spans[0].scope_spans[0].spans[0].status.code = 9  # pyright: ignore[reportAttributeAccessIssue] - unknown on purpose
    (received,) = decode_traces(sent.SerializeToString()).spans
    assert (received.kind, received.status) == (0, 0)


@pytest.mark.parametrize(("emitter", "status"), [("langsmith", 2), ("spanledger", 1)])
def test_an_error_that_an_emitter_leaves_to_an_event(emitter: str, status: int) -> None:
    sent = request()
    scope_spans = sent.resource_spans[0].scope_spans[0]
    scope_spans.scope.name = emitter
    span = scope_spans.spans[0]
    span.status.code = Status.STATUS_CODE_OK
    span.events.add(name="chunk")
    assert next(iter(decode_traces(sent.SerializeToString()).spans)).status == 1
    span.events.add(name="exception", time_unix_nano=START)
    assert next(iter(decode_traces(sent.SerializeToString()).spans)).status == status


def test_unknown_fields_are_ignored() -> None:
    unknown = b"\xda\x3f\x03abc"  # field 1019, three bytes
    assert len(decode_traces(request().SerializeToString() + unknown).spans) == 1


def test_an_empty_request_has_no_spans() -> None:
    assert [*decode_traces(b"").spans] == []


def test_text_that_is_not_utf8_is_refused() -> None:
    body = request(name="chat").SerializeToString().replace(b"chat", b"ch\xfft")
    with pytest.raises(BadRequest):
        decode_traces(body)


def test_text_in_attributes_that_is_not_utf8_is_refused() -> None:
    sent = request()
    sent.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="http.route").value.string_value = "route"
    body = sent.SerializeToString()
    assert len(decode_traces(body).spans) == 1
    for part in (b"http.route", b"route"):
        with pytest.raises(BadRequest):
            decode_traces(body.replace(part, b"\xff" + part[1:]))


def test_attributes_that_come_again_are_read_the_same_and_not_all_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownAttributes(most=10)
    monkeypatch.setattr(decode, "_known", known)
    for number in range(50):
        sent = request()
        span = sent.resource_spans[0].scope_spans[0].spans[0]
        span.attributes.add(key="number").value.int_value = number // 2
        span.attributes.add(key="text").value.string_value = str(number % 3)
        span.attributes.add(key="prompt").value.string_value = f"{number}" * 500
        (received,) = decode_traces(sent.SerializeToString()).spans
        assert received.attributes == {"number": number // 2, "text": str(number % 3), "prompt": f"{number}" * 500}
        assert len(known) <= 10
    assert max(map(len, known)) < 500


def test_what_has_too_many_values_is_read_and_not_remembered() -> None:
    known = KnownAttributes(values_per_key=3)

    def read(value: str | int) -> AttributeValue:
        said = AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)
        key, found = known[KeyValue(key="key", value=said).SerializeToString()]
        assert key == "key"
        return found

    values = [*range(120, 140), *range(16_370, 16_400), -1, *("x" * size for size in range(130)), "täxt", "text"]
    for value in values * 2:
        assert read(value) == value
    assert len(known) == 3
    known.age(2**20)
    assert not known
    assert read("text") == "text"
    assert len(known) == 1


_texts = st.text(max_size=140) | st.sampled_from(["", "chat", "ä" * 63, "x" * 127])
_any_value = st.one_of(
    _texts.map(lambda text: AnyValue(string_value=text)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: AnyValue(int_value=number)),
    st.integers(0, 20_000).map(lambda number: AnyValue(int_value=number)),
    st.floats(allow_nan=False).map(lambda number: AnyValue(double_value=number)),
    st.booleans().map(lambda told: AnyValue(bool_value=told)),
    st.just(AnyValue()),
)


def _sent(key_and_value: tuple[str, AnyValue]) -> bytes:
    key, value = key_and_value
    return KeyValue(key=key, value=value).SerializeToString()


_pairs = st.tuples(_texts, _any_value).map(_sent)


@given(st.lists(st.tuples(_pairs, st.integers(0, 300), st.binary(max_size=2), st.integers(0, 2)), max_size=8))
@example([(b"\n\x01a\x12\x03\n\x01x\n\x01b", 300, b"", 0), (b"\n\x01a\x12\x03\n\x01y", 300, b"", 0)])  # two keys
@example([(b"\n\x01a\x12\x03\n\x01\xff", 300, b"", 0)])
@example([(b"\n\x01a\x12\x03\x18\x80\x00", 300, b"", 0)])
@example([(b"", 0, b"", 0)])
@example([(b"\n\x01a\x12\x09!\0\0\0\0\0\0\xf8\x7f", 300, b"", 0)])
def test_an_attribute_says_what_the_library_reads_in_it(sent: list[tuple[bytes, int, bytes, int]]) -> None:
    """Also when it is damaged, when others with its key came before, and when its key has too many values."""
    for known, (pair, place, damage, removed) in product((KnownAttributes(), KnownAttributes(values_per_key=0)), sent):
        damaged = pair[:place] + damage + pair[place + removed :]
        for each in (pair, damaged, pair):
            try:
                message = KeyValue.FromString(each)
            except DecodeError:
                with pytest.raises(DecodeError):
                    known[each]
            else:
                ((key, value),) = attributes_of([message]).items()
                assert repr(known[each]) == repr((key, value)), "its type too; and NaN equals nothing"


def nested(levels: int) -> bytes:
    """A request whose span has an attribute nested so deep."""
    value = AnyValue(string_value="x")
    for _ in range(levels):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    sent = request()
    sent.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="deep").value.CopyFrom(value)
    return sent.SerializeToString()


def test_nesting_is_read_to_a_depth_and_refused_beyond() -> None:
    assert len(decode_traces(nested(40)).spans) == 1
    # Longer than protobuf's own encoder allows: written by hand, each level around the one before.
    value = b""
    for _ in range(5000):
        array = b"\x0a" + _length(value) + value
        value = b"\x2a" + _length(array) + array
    attribute = b"\x0a\x01x\x12" + _length(value) + value
    span = b"\x4a" + _length(attribute) + attribute
    scope_spans = b"\x12" + _length(span) + span
    resource_spans = b"\x12" + _length(scope_spans) + scope_spans
    with pytest.raises(BadRequest):
        decode_traces(b"\x0a" + _length(resource_spans) + resource_spans)


def _length(content: bytes) -> bytes:
    """The length of a field as protobuf writes it."""
    number, out = len(content), bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


@given(st.binary(max_size=300))
def test_garbage_is_decoded_or_refused(body: bytes) -> None:
    _decode_or_refuse(body)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_a_damaged_request_is_decoded_or_refused(place: int, damage: bytes) -> None:
    body = bytearray(nested(3))
    place %= len(body)
    body[place : place + len(damage)] = damage
    _decode_or_refuse(bytes(body))


def _decode_or_refuse(body: bytes) -> None:
    try:
        decoded = decode_traces(body)
    except BadRequest:
        return
    assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 for span in decoded.spans)


def test_more_attributes_than_are_quickly_read_are_left_to_who_keeps_nobody_waiting() -> None:
    sent = request()
    span = sent.resource_spans[0].scope_spans[0].spans[0]
    for _ in range(16 * 4096):
        span.attributes.add(key="same")
    assert len(decode_traces(sent.SerializeToString()).spans) == 1
    span.attributes.add(key="last")
    with pytest.raises(TooMuchAtOnce):
        decode_traces(sent.SerializeToString())
    (received,) = decode_traces_slowly(sent.SerializeToString()).spans
    assert received.attributes == {"same": None, "last": None}
