"""OTLP JSON to spans: the same as protobuf, the deviations of OTLP, and that no bytes do worse than being refused."""

import json
import math
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanledger_collector.errors import BadRequest, TooLarge
from spanledger_collector.model import AttributeValue
from spanledger_collector.receive.decode import decode_traces
from spanledger_collector.receive.decode_json import decode_traces_json, trace_parts_json
from spanledger_collector.receive.decode_logs import log_parts_json
from spanledger_collector.receive.decoded import Decoded

TRACE = "5b8efff798038103d269b633813fc60c"
SPAN = "eee19b7ec3c1b174"
START = 1_790_000_000_000_000_000


def body(*attributes: dict[str, Any], emitter: object = "spanledger", **changes: object) -> bytes:
    """A request of one span, some of its fields changed."""
    span = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": START + 5,
        "attributes": list(attributes),
    } | changes
    scope = {"name": emitter, "version": "0.1"}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    request = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": [span]}]}]}
    return json.dumps(request).encode()


def value_of(sent: object) -> AttributeValue:
    """What an attribute of that value is read as."""
    (span,) = decode_traces_json(body({"key": "k", "value": sent})).spans
    return span.attributes["k"]


def test_ids_are_hex_in_either_case_and_times_text_or_numbers() -> None:
    (span,) = decode_traces_json(body(parentSpanId=SPAN.upper(), status={"code": 2, "message": "no"})).spans
    assert (span.trace_id.hex(), span.span_id.hex()) == (TRACE, SPAN)
    assert span.parent_span_id == span.span_id
    assert (span.started_ns, span.ended_ns, span.kind, span.status) == (START, START + 5, 3, 2)
    assert (span.service, span.scope.name, span.scope.version) == ("shop", "spanledger", "0.1")


@pytest.mark.parametrize(("emitter", "status"), [("langsmith", 2), ("spanledger", 1)])
def test_an_error_that_an_emitter_leaves_to_an_event(emitter: str, status: int) -> None:
    events = [{"name": "exception", "timeUnixNano": START}]
    (span,) = decode_traces_json(body(emitter=emitter, status={"code": 1}, events=events)).spans
    assert span.status == status
    (other,) = decode_traces_json(body(emitter=emitter, status={"code": 1}, events=[{"name": "chunk"}])).spans
    assert other.status == 1


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"stringValue": ""}, ""),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 12}, 12),
        ({"intValue": 2**63 - 1}, 2**63 - 1),
        ({"intValue": 12.0}, 12),
        ({"intValue": "1.2e1"}, 12),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "-Infinity"}, -math.inf),
        ({"boolValue": False}, False),
        ({"bytesValue": b64encode(b"\xff\xfe").decode()}, b"\xff\xfe"),
        ({"bytesValue": "__4"}, b"\xff\xfe"),
        ({"arrayValue": {"values": [{"intValue": "1"}, {}]}}, [1, None]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}, {"a": "b"}),
        ({}, None),
        (None, None),
        ({"stringValue": None, "intValue": 3, "laterField": {"x": [1]}}, 3),
    ],
)
def test_values_follow_the_json_mapping(sent: object, read: AttributeValue) -> None:
    value = value_of(sent)
    assert value == read
    assert type(value) is type(read)


@pytest.mark.parametrize(
    ("kind", "code", "read"),
    [
        (4, 2, (4, 2)),
        ("SPAN_KIND_PRODUCER", "STATUS_CODE_ERROR", (4, 2)),
        ("A_LATER_ONE", 17, (0, 0)),
        (None, None, (0, 0)),
    ],
)
def test_enums_are_numbers_or_names(kind: object, code: object, read: tuple[int, int]) -> None:
    (span,) = decode_traces_json(body(kind=kind, status={"code": code})).spans
    assert (span.kind, span.status) == read


def test_a_key_that_is_null_is_as_if_it_were_absent() -> None:
    (span,) = decode_traces_json(body({"key": None, "value": {"intValue": 1}})).spans
    assert span.attributes == {"": 1}


_half = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, categories=["Cs"])


@given(st.text(alphabet=_half | st.sampled_from('\\"du\u00e9\U0001f600')), st.booleans())
def test_halves_of_characters_are_replaced_and_nothing_else_is(text: str, ascii_only: bool) -> None:
    """JavaScript cuts texts between the halves of a character; in JSON each is an escape."""
    said = json.dumps(text)
    if not ascii_only:  # whole characters as they are
        said = json.dumps(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), ensure_ascii=False)
    (span,) = decode_traces_json(body(name="here").replace(b'"here"', said.encode())).spans
    assert span.name == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.parametrize("started", ["1.79e18", 1.79e18, 1_790_000_000_000_000_000])
def test_a_time_may_have_an_exponent(started: float | str) -> None:
    (span,) = decode_traces_json(body(startTimeUnixNano=started, endTimeUnixNano=str(2**62))).spans
    assert (span.started_ns, type(span.started_ns)) == (1_790_000_000_000_000_000, int)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("trace_id", {"traceId": None}),
        ("trace_id", {"traceId": "Wz7/95gDgQPSabYzgT/GDA=="}),  # base64, as generic protobuf JSON would have it
        ("trace_id", {"traceId": "zz" * 16}),
        ("trace_id", {"traceId": TRACE[:-4] + "  0c"}),
        ("span_id", {"spanId": TRACE}),
        ("span_id", {"spanId": "0" * 16}),
        ("parent_span_id", {"parentSpanId": "ab"}),
        ("no_start", {"startTimeUnixNano": None}),
        ("time_range", {"endTimeUnixNano": str(2**64 - 1)}),
    ],
)
def test_an_impossible_span_is_rejected(reason: str, changes: dict[str, object]) -> None:
    decoded = decode_traces_json(body(**changes))
    assert ([*decoded.spans], decoded.rejected) == ([], {reason: 1})


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\x0a\x03abc",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": ["x"]}]}]}',
        b'{"resourceSpans": "\xff"}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]',
        b'{"resourceSpans": "\\ud800\0\0"}',
        b'{"x": "' + b"\\udfff" * 20_000 + b'"}',
        b'{"x": ' + b"[" * 100_000,
        body(startTimeUnixNano="soon"),
        body(startTimeUnixNano="9" * 5000),
        body(startTimeUnixNano=2**64),
        body(endTimeUnixNano=-1),
        body(kind=[3]),
        body({"key": "k", "value": {"intValue": str(2**63)}}),
        body({"key": "k", "value": {"intValue": "1.5"}}),
        body({"key": "k", "value": {"intValue": 1.5}}),
        body({"key": "k", "value": {"intValue": 1e300}}),
        body({"key": "k", "value": {"intValue": "1e999"}}),
        body({"key": "k", "value": {"intValue": "NaN"}}),
        body({"key": "k", "value": {"intValue": "1_0"}}),
        body({"key": "k", "value": {"intValue": "\u0661"}}),
        body({"key": "k", "value": {"doubleValue": "1_0"}}),
        body({"key": "k", "value": {"doubleValue": " 1"}}),
        body({"key": "k", "value": {"intValue": True}}),
        body({"key": "k", "value": {"doubleValue": "much"}}),
        body({"key": "k", "value": {"bytesValue": "a"}}),
    ],
)
def test_what_is_not_otlp_json_is_refused_in_words(garbage: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        decode_traces_json(garbage)
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("levels", [49, 300, 5000])
def test_values_nested_too_deep_are_refused(levels: int) -> None:
    start, end = b'{"arrayValue":{"values":[', b"]}}"
    deep = start * levels + b"{}" + end * levels
    with pytest.raises(BadRequest, match="deep"):
        decode_traces_json(body({"key": "k", "value": "here"}).replace(b'"here"', deep))


@pytest.mark.parametrize(
    ("parts", "name"), [(trace_parts_json, b"resourceSpans"), (log_parts_json, b"resourceLogs")], ids=["spans", "logs"]
)
def test_far_too_many_objects_are_refused_before_any_of_them_is_made(
    parts: Callable[[bytes], Iterator[Decoded]], name: bytes
) -> None:
    many = b'{"%b": [%b{}]}' % (name, b"{}," * 60_000)
    with pytest.raises(TooLarge, match=r"more than \d+ objects"):
        next(parts(many))
    with pytest.raises(BadRequest, match="not JSON"):  # rather than too large
        next(parts(many[:-1]))


def test_an_empty_request_has_no_spans() -> None:
    assert [*decode_traces_json(b"{}").spans] == []


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,resourceSpans01\\u', max_size=200).map(str.encode))
def test_garbage_is_decoded_or_refused(garbage: bytes) -> None:
    with suppress(BadRequest):
        decode_traces_json(garbage)


_leaf = (
    st.text().map(lambda value: AnyValue(string_value=value))
    | st.integers(-(2**63), 2**63 - 1).map(lambda value: AnyValue(int_value=value))
    | st.floats(allow_nan=False).map(lambda value: AnyValue(double_value=value))
    | st.booleans().map(lambda value: AnyValue(bool_value=value))
    | st.binary().map(lambda value: AnyValue(bytes_value=value))
)


def _list_of(values: list[AnyValue]) -> AnyValue:
    outer = AnyValue()
    outer.array_value.SetInParent()
    outer.array_value.values.extend(values)
    return outer


def _map_of(values: dict[str, AnyValue]) -> AnyValue:
    outer = AnyValue()
    outer.kvlist_value.SetInParent()
    for key, value in values.items():
        outer.kvlist_value.values.add(key=key).value.CopyFrom(value)
    return outer


def _nested(inner: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    return st.lists(inner, max_size=3).map(_list_of) | st.dictionaries(st.text(), inner, max_size=3).map(_map_of)


_value = st.recursive(_leaf, _nested, max_leaves=6)


@given(st.dictionaries(st.text(), _value, max_size=4), st.text())
def test_both_encodings_of_a_span_are_the_same_span(attributes: dict[str, AnyValue], name: str) -> None:
    sent = ExportTraceServiceRequest()
    resource_spans = sent.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = "spanledger", "0.1"
    span = scope_spans.spans.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN), name=name, kind=3)
    span.start_time_unix_nano, span.end_time_unix_nano = START, START + 5
    for key, value in attributes.items():
        span.attributes.add(key=key).value.CopyFrom(value)
    in_json = MessageToDict(sent)
    # Where OTLP deviates from protobuf's own mapping, which gives ids in base64 and enums by name.
    in_json["resourceSpans"][0]["scopeSpans"][0]["spans"][0] |= {"traceId": TRACE, "spanId": SPAN, "kind": 3}

    assert [*decode_traces_json(json.dumps(in_json).encode()).spans] == [*decode_traces(sent.SerializeToString()).spans]
