"""Every decoder against bytes that nobody should send: decoded or refused, and what is decoded can be stored."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger_collector import dialects
from spanledger_collector.errors import BadRequest
from spanledger_collector.journal.entries import decode_entries, encode_entries, encode_entry
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.receive.answers import Encoding
from spanledger_collector.receive.decoded import REJECTIONS
from spanledger_collector.receive.decoders import DECODERS, Signal
from spanledger_collector.stats import Stats

ATTRIBUTES = {
    "event.name": "api_request",
    "gen_ai.operation.name": "chat",
    "gen_ai.usage.input_tokens": 7,
    "model": "gpt-4o-mini",
    "half": 0.5,
    "yes": True,
}


def in_json() -> dict[Signal, Any]:
    """A valid request of each signal."""
    attributes = [{"key": key, "value": {"stringValue": str(value)}} for key, value in ATTRIBUTES.items()]
    deep: dict[str, Any] = {"arrayValue": {"values": [{"kvlistValue": {"values": attributes}}]}}
    attributes = [*attributes, {"key": "deep", "value": deep}]
    ids = {"traceId": "01" * 16, "spanId": "02" * 8}
    span = {**ids, "name": "chat", "startTimeUnixNano": "17", "endTimeUnixNano": "18", "attributes": attributes}
    record = {**ids, "timeUnixNano": "17", "body": {"stringValue": "codex.api_request"}, "attributes": attributes}
    resource = {"attributes": attributes}
    return {
        Signal.TRACES: {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]},
        Signal.METRICS: {"resourceMetrics": [{"resource": resource}]},
        Signal.LOGS: {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]},
    }


def in_protobuf(signal: Signal) -> bytes:
    """The same as protobuf: its own mapping of JSON has ids in base64, which these digits are too."""
    messages = {
        Signal.TRACES: ExportTraceServiceRequest,
        Signal.METRICS: ExportMetricsServiceRequest,
        Signal.LOGS: ExportLogsServiceRequest,
    }
    return ParseDict(in_json()[signal], messages[signal]()).SerializeToString()


SAMPLES = {
    (signal, encoding): in_protobuf(signal) if encoding is Encoding.PROTOBUF else json.dumps(in_json()[signal]).encode()
    for signal, encoding in DECODERS
}
EVERY = pytest.mark.parametrize(("signal", "encoding"), DECODERS, ids=lambda part: part.name.lower())


def check(signal: Signal, encoding: Encoding, body: bytes) -> None:
    """Nothing but BadRequest is raised, in parts neither, and what is decoded goes through the rest of the receiving
    side, to the bytes that are written before it is acknowledged."""
    with suppress(BadRequest):
        list(DECODERS[signal, encoding].in_parts(body))
    try:
        decoded = DECODERS[signal, encoding].at_once(body)
    except BadRequest:
        return
    stats = Stats()
    entry = Extractor(dialects, stats).entry_of(Submission(decoded.spans, 1_000))
    (found,) = decode_entries(encode_entries([encode_entry(entry)]))
    assert (found.spans, len(found.told)) == (len(decoded.spans), len(entry.told))
    assert stats.snapshot()["spans_unreadable"] == 0
    assert all(0 <= fingerprint < 2**64 for fingerprint in entry.columns["payload_hash"])
    assert set(decoded.rejected) <= set(REJECTIONS)
    for span in decoded.spans:
        assert (len(span.trace_id), len(span.span_id)) == (16, 8)
        assert 0 < span.started_ns <= span.ended_ns < 2**63 - 1
        kept = dialects.kept_json(span)
        assert kept == msgspec.json.encode(dialects.kept_attributes(span), order="sorted").decode()
        span.name.encode()


@EVERY
def test_a_valid_request_is_decoded(signal: Signal, encoding: Encoding) -> None:
    for body in (SAMPLES[signal, encoding], b"{}" if encoding is Encoding.JSON else b""):
        assert list(DECODERS[signal, encoding].in_parts(body)) in ([DECODERS[signal, encoding].at_once(body)], [])


@EVERY
@settings(max_examples=150)
@given(body=st.binary(max_size=200))
@example(body=b"\0")
@example(body=b"\xff" * 64)
def test_any_bytes_are_decoded_or_refused(signal: Signal, encoding: Encoding, body: bytes) -> None:
    check(signal, encoding, body)


@EVERY
@settings(max_examples=150)
@given(
    places=st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3)), min_size=1, max_size=4)
)
def test_a_damaged_request_is_decoded_or_refused(
    signal: Signal, encoding: Encoding, places: list[tuple[int, bytes, int]]
) -> None:
    body = SAMPLES[signal, encoding]
    for place, damage, removed in places:
        place %= len(body)  # noqa: PLW2901 - within what is left of it
        body = body[:place] + damage + body[place + removed :]
        if not body:
            break
    check(signal, encoding, body)


_FIELDS = ("stringValue", "intValue", "doubleValue", "bytesValue", "arrayValue", "values", "key", "value")
_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just("9" * 400)
_json = st.recursive(
    _leaf,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_FIELDS),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS], ids=lambda signal: signal.name.lower())
@settings(max_examples=200)
@given(where=st.integers(0, 12), value=_json)
def test_any_value_in_any_place_of_json_is_decoded_or_refused(signal: Signal, where: int, value: object) -> None:
    document = in_json()[signal]
    inner = document[next(iter(document))][0]
    item = next(iter(next(iter(inner[name] for name in inner if name.startswith("scope")))[0].values()))[0]
    fields = sorted(item)
    item[fields[where % len(fields)]] = value
    item["attributes"] = [{"key": "x", "value": value}] if where % 2 else item["attributes"]
    check(signal, Encoding.JSON, json.dumps(document).encode())
