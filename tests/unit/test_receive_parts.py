"""Large requests cut into parts: together they say the same, and none of them is large."""

import random
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger_collector.errors import BadRequest, TooLarge
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.receive import parts
from spanledger_collector.receive.decode import decode_traces
from spanledger_collector.receive.decoded import AT_ONCE, TooMuchAtOnce
from spanledger_collector.receive.decoders import DECODERS, Encoding, Signal
from spanledger_collector.receive.parts import parts_of

MIB = 1024 * 1024
TRACES = DECODERS[Signal.TRACES, Encoding.PROTOBUF]
ANY_BYTES = st.binary(max_size=40)


def a_request(spans: int, seed: int = 1, *, size: int = 0) -> ExportTraceServiceRequest:
    """So many spans, of several scopes of several resources, each with some attributes and a text of that size."""
    rng = random.Random(seed)
    sent = ExportTraceServiceRequest()
    for number in range(1, spans + 1):
        if number == 1 or rng.random() < 0.1:
            sent.resource_spans.add(schema_url="later").resource.attributes.add(
                key="service.name"
            ).value.int_value = number
        resource_spans = sent.resource_spans[-1]
        if not resource_spans.scope_spans or rng.random() < 0.2:
            resource_spans.scope_spans.add().scope.name = f"scope {number}"
        span = resource_spans.scope_spans[-1].spans.add(trace_id=number.to_bytes(16), span_id=number.to_bytes(8))
        span.start_time_unix_nano, span.end_time_unix_nano = number, number + 1
        for key in range(rng.randrange(5)):
            span.attributes.add(key=f"k{key}").value.string_value = "x" * size
    return sent


def in_parts(body: bytes) -> list[ReceivedSpan]:
    return [span for decoded in TRACES.in_parts(body) for span in decoded.spans]


@pytest.mark.parametrize("room", [200, 2_000, 100_000])
@pytest.mark.parametrize("spans", [0, 1, 300])
def test_the_parts_say_what_the_whole_says(monkeypatch: pytest.MonkeyPatch, room: int, spans: int) -> None:
    monkeypatch.setattr(parts, "_ROOM", room)
    body = a_request(spans, size=30).SerializeToString()
    assert in_parts(body) == [*decode_traces(body).spans]
    assert all(len(part) <= 2 * room + 200 for part in parts_of(body))


@given(st.integers(0, 60), st.integers(), st.binary(max_size=30), st.integers(0, 10**6))
def test_a_damaged_request_is_cut_or_refused(spans: int, seed: int, damage: bytes, place: int) -> None:
    body = a_request(spans, seed).SerializeToString()
    place %= len(body) + 1
    damaged = body[:place] + damage + body[place + len(damage) :]
    with suppress(BadRequest):  # and nothing else
        found = in_parts(damaged)
        with suppress(BadRequest):  # for what is left out unread
            assert found == [*decode_traces(damaged).spans]


@given(st.integers(20, 60), st.integers(), st.binary(max_size=30), st.integers(0, 10**6))
def test_what_is_malformed_is_refused_before_the_first_part(spans: int, seed: int, damage: bytes, place: int) -> None:
    """So nothing of it is stored."""
    body = a_request(spans, seed, size=20).SerializeToString()
    place %= len(body) + 1
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parts, "_ROOM", 1000)
        found = TRACES.in_parts(body[:place] + damage + body[place + len(damage) :])
        try:
            next(found)
        except BadRequest:
            return
        list(found)


def test_what_is_not_read_may_be_malformed_in_large_requests_as_in_small_ones() -> None:
    """Text that is not UTF-8, in what an event says and in the state of a trace."""
    sent = a_request(5)
    span = sent.resource_spans[0].scope_spans[0].spans[0]
    span.trace_state = "caf1"
    span.events.add(name="e").attributes.add(key="k").value.string_value = "caf2"
    span.attributes.add(key="k").value.string_value = "caf3"
    body = sent.SerializeToString()
    odd = body.replace(b"caf1", b"\xff\xfe\xfd\xfc").replace(b"caf2", b"\xff\xfe\xfd\xfc")
    assert in_parts(odd) == [*decode_traces(odd).spans] == [*decode_traces(body).spans]
    read = body.replace(b"caf3", b"\xff\xfe\xfd\xfc")
    for decode in (decode_traces, in_parts):
        with pytest.raises(BadRequest):
            decode(read)


def test_more_spans_than_are_decoded_at_once_come_in_parts() -> None:
    body = a_request(3 * AT_ONCE).SerializeToString()
    with pytest.raises(TooMuchAtOnce):
        TRACES.at_once(body)
    found = [len(decoded.spans) for decoded in TRACES.in_parts(body)]
    assert (sum(found), max(found) <= AT_ONCE) == (3 * AT_ONCE, True)


def wrapped(tag: int, content: bytes) -> bytes:
    """Content as a field."""
    length, size = bytearray(), len(content)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([tag, *length, size]) + content


def of_spans(spans: bytes) -> bytes:
    """A request of one scope with these fields in it."""
    return wrapped(0x0A, wrapped(0x12, spans))


EMPTY_SPAN, EMPTY_ATTRIBUTE = b"\x12\x00", b"\x4a\x00"


@pytest.mark.parametrize(
    ("body", "most_in_a_part"),
    [
        (of_spans(EMPTY_SPAN * 100_000), AT_ONCE),
        (wrapped(0x0A, b"\x12\x00" * 100_000), AT_ONCE),
        (b"\x0a\x00" * 100_000, AT_ONCE),
        (of_spans(wrapped(0x12, EMPTY_ATTRIBUTE * 90_000)), 1),
    ],
    ids=["spans", "scopes", "resources", "attributes"],
)
def test_what_is_empty_by_the_hundred_thousand_is_given_up_or_taken_in_small_parts(
    body: bytes, most_in_a_part: int
) -> None:
    def until_given_up() -> Iterator[bytes]:
        with suppress(TooLarge):
            yield from parts_of(body)

    found = [*until_given_up()]
    assert found
    assert all(part.count(b"\x00") <= most_in_a_part or len(found) == 1 for part in found)
    assert len(found) <= 8 + 3 * len(body) // 2**18


def test_many_lists_are_left_to_the_longer_way_and_huge_ones_are_not_read() -> None:
    some = wrapped(0x4A, wrapped(0x0A, b"some") + wrapped(0x12, wrapped(0x2A, wrapped(0x0A, b"\x18\x07") * 5_000)))
    huge = wrapped(0x4A, wrapped(0x0A, b"huge") + wrapped(0x12, wrapped(0x2A, b"\x0a\x00" * 150_000)))
    ids = (
        wrapped(0x0A, b"t" * 16)
        + wrapped(0x12, b"s" * 8)
        + b"\x39"
        + bytes([1] * 7 + [0])
        + b"\x41"
        + bytes([1] * 7 + [0])
    )
    one = wrapped(0x12, ids + some)
    (span,) = TRACES.at_once(of_spans(one)).spans
    assert span.attributes == {"some": [7] * 5_000}
    with pytest.raises(TooMuchAtOnce):
        TRACES.at_once(of_spans(one * 4))
    assert [span.attributes for span in in_parts(of_spans(one * 4))] == [{"some": [7] * 5_000}] * 4
    assert [span.attributes for span in in_parts(of_spans(wrapped(0x12, ids + huge)))] == [{"huge": None}]


def test_spans_that_say_nothing_are_given_up_before_all_of_them_are_read() -> None:
    with pytest.raises(TooLarge, match="spans, most of which say nothing"):
        list(parts_of(of_spans(EMPTY_SPAN * MIB)))


def test_too_much_about_one_span_is_refused() -> None:
    with pytest.raises(TooLarge, match="100000 attributes and events in one span"):
        list(parts_of(of_spans(wrapped(0x12, EMPTY_ATTRIBUTE * 200_000))))


def test_too_much_in_common_is_refused_since_each_part_repeats_it() -> None:
    resource = wrapped(0x0A, bytes(300_000))
    with pytest.raises(TooLarge, match="in common, such as a resource"):
        list(parts_of(wrapped(0x0A, resource + wrapped(0x12, EMPTY_SPAN * 10))))


@given(ANY_BYTES)
def test_any_bytes_are_cut_or_refused(body: bytes) -> None:
    with suppress(BadRequest):  # and nothing else
        list(parts_of(body))
