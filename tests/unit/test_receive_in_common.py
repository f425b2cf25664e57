"""What many spans share is kept short, as it is stored with each of them."""

import json

import msgspec
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger_collector.model import AttributeValue, Scope
from spanledger_collector.receive.answers import Encoding
from spanledger_collector.receive.decoders import DECODERS, Signal
from spanledger_collector.receive.in_common import resource_of, scope_of

USUAL: dict[str, AttributeValue] = {
    "service.name": "shop",
    "host.name": "a",
    "process.pid": 7,
    "nested": {"a": [1, None]},
}


def test_a_usual_resource_is_kept_as_it_is() -> None:
    assert resource_of(USUAL) is USUAL
    almost: dict[str, AttributeValue] = {**USUAL, "command": "x" * 8000}
    assert resource_of(almost) is almost


def test_a_huge_one_loses_what_is_longest_and_keeps_its_order() -> None:
    huge: dict[str, AttributeValue] = {"a": "x" * 9000, **USUAL, "command": "x" * 8000, "list": ["y" * 5000]}
    assert resource_of(huge) == {**USUAL, "list": ["y" * 5000]}
    assert list(resource_of(huge)) == [*USUAL, "list"]
    assert resource_of({"service.name": "s" * 5000}) == {"service.name": "s" * 1024}


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9000) | st.integers(-(2**63), 2**63 - 1), max_size=6))
def test_it_fits_and_is_the_same_each_time(attributes: dict[str, AttributeValue]) -> None:
    found = resource_of(attributes)
    assert len(msgspec.json.encode(found)) <= 8192 + 10
    assert resource_of(dict(reversed(attributes.items()))) == found
    assert resource_of(found) == found


def test_names_of_scopes_are_cut() -> None:
    assert scope_of("tests", "1") == Scope("tests", "1")
    assert scope_of("n" * 1000, "v" * 1000) == Scope("n" * 256, "v" * 256)


@pytest.mark.parametrize("encoding", Encoding)
def test_that_holds_for_spans_in_every_encoding(encoding: Encoding) -> None:
    document = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "long", "value": {"stringValue": "x" * 9000}}]},
                "scopeSpans": [
                    {
                        "scope": {"name": "n" * 300},
                        "spans": [
                            {"traceId": "ab" * 16, "spanId": "cd" * 8, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
                        ],
                    }
                ],
            }
        ]
    }
    json_body = json.dumps(document).encode()
    sent = ParseDict(document, ExportTraceServiceRequest())
    span = sent.resource_spans[0].scope_spans[0].spans[0]
    span.trace_id, span.span_id = b"t" * 16, b"s" * 8
    body = json_body if encoding is Encoding.JSON else sent.SerializeToString()
    (received,) = DECODERS[Signal.TRACES, encoding].at_once(body).spans
    assert (received.resource, received.scope) == ({}, Scope("n" * 256))
