"""What many small spans may take of memory and of the event loop: a byte of them becomes twenty."""

import http.client
import json
import random
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from otlp_http import JSON, MIB, ONE, PROTOBUF, send
from receiving import CHAT, START, PatientJournal, Receiving, in_json, received, receiving, request, stored

from spanledger_collector.demo.processes import collector
from spanledger_collector.journal import Journal
from spanledger_collector.journal.frames import Held
from spanledger_collector.journal.intake import Intake
from spanledger_collector.model import AttributeValue
from spanledger_collector.receive import receiver as receiver_module
from spanledger_collector.receive.answers import Encoding
from spanledger_collector.receive.decoded import Decoded
from spanledger_collector.receive.decoders import DECODERS, Signal
from spanledger_collector.receive.room import Room
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.settings import Address

KEY = Signal.TRACES, Encoding.PROTOBUF


def length(size: int) -> bytes:
    """As protobuf writes it."""
    found = bytearray()
    while size > 127:
        found.append(size & 127 | 128)
        size >>= 7
    return bytes([*found, size])


def minimal(spans: int, seed: int) -> bytes:
    """Spans of 48 bytes, with nothing but ids and times."""
    rng = random.Random(seed)
    times = b"\x39" + START.to_bytes(8, "little") + b"\x41" + (START + 1).to_bytes(8, "little")
    content = b"".join(
        b"\x12\x2e\x0a\x10" + rng.randbytes(16) + b"\x12\x08" + rng.randbytes(8) + times for _ in range(spans)
    )
    scope = b"\x12" + length(len(content)) + content
    return b"\x0a" + length(len(scope)) + scope


def memory_mib(pid: int, word: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{word}:")[2].split()[0]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell what memory is used")
def test_many_bodies_of_small_spans_take_little_memory(tmp_path: Path) -> None:
    """Forty at a time of 6,000 spans each, which decoded would take 150 MB."""
    bodies = [minimal(6000, seed) for seed in range(40)]
    with collector(tmp_path / "ledger.duckdb", tmp_path / "serve.log") as ledger:
        pid = ledger.running.process.pid
        before = memory_mib(pid, "VmRSS")

        def post(body: bytes) -> int:
            connection = http.client.HTTPConnection(*Address.parse(ledger.http), timeout=90)
            connection.request("POST", "/v1/traces", body, {"content-type": PROTOBUF})
            status = connection.getresponse().status
            connection.close()
            return status

        with ThreadPoolExecutor(len(bodies)) as clients:
            answers = [*clients.map(post, bodies)]
        grown = memory_mib(pid, "VmHWM") - before
    assert set(answers) <= {200, 503}
    assert 200 in answers
    assert grown < 110, f"{grown:.0f} MiB"


@pytest.mark.parametrize(
    ("body", "on_the_loop"),
    [
        (ONE, True),
        (minimal(4000, 1), True),
        (minimal(5000, 2), False),
        (request([received(number, {"note": "x" * 800}) for number in range(512)]).SerializeToString(), True),
        (request([received(number, {"note": "x" * 1600}) for number in range(512)]).SerializeToString(), False),
        (minimal(20_000, 3), False),
    ],
    ids=["one", "many", "more", "with content", "large", "very large"],
)
def test_only_what_is_quick_is_decoded_on_the_event_loop(
    db: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, on_the_loop: bool
) -> None:
    """Whatever is decoded in a thread lets others in whenever they want; the rest is over soon."""
    decoder = DECODERS[KEY]
    threads: list[str] = []

    def at_once(body: bytes) -> Decoded:
        decoded = decoder.at_once(body)
        threads.append(threading.current_thread().name)
        return decoded

    def in_parts(body: bytes) -> Iterator[Decoded]:
        for part in decoder.in_parts(body):
            threads.append(threading.current_thread().name)
            yield part

    monkeypatch.setattr(
        receiver_module, "DECODERS", {**DECODERS, KEY: replace(decoder, at_once=at_once, in_parts=in_parts)}
    )
    with receiving(db, max_request_bytes=2 * MIB) as receiver:
        assert send(receiver, body).status == 200
    assert threads
    assert all(name.startswith("asyncio_") is not on_the_loop for name in threads)


def test_after_what_took_long_all_others_have_their_turn(receiver: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    rested: list[Room] = []
    rest = Room.rest

    async def counted(room: Room) -> None:
        rested.append(room)
        await rest(room)

    monkeypatch.setattr(Room, "rest", counted)
    for long, times in ((3600.0, 0), (-1.0, 1)):
        monkeypatch.setattr(receiver_module, "_LONG_SECONDS", long)
        assert (send(receiver, ONE).status, len(rested)) == (200, times)


class _Attributes(dict[str, AttributeValue]):
    """Attributes of which one can tell whether they are there still."""


def test_spans_are_freed_as_soon_as_they_are_read(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before they are durable, not after the answer: the CPU's cache has them no longer then, and freeing them takes
    several times as long, on the event loop."""
    there: list[weakref.ref[_Attributes]] = []
    when_logged: list[int] = []
    decoder, log = DECODERS[KEY], Intake.append

    def at_once(body: bytes) -> Decoded:
        decoded = decoder.at_once(body)
        kept = {place: _Attributes(span.attributes) for place, span in enumerate(decoded.spans)}
        there.extend(map(weakref.ref, kept.values()))
        return replace(decoded, spans=ReceivedSpans(decoded.spans.skeletons, (), kept))

    def append(intake: Intake, held: Held, payload: bytes) -> tuple[int, Held]:
        when_logged.append(sum(each() is not None for each in there))
        return log(intake, held, payload)

    monkeypatch.setattr(receiver_module, "DECODERS", {**DECODERS, KEY: replace(decoder, at_once=at_once)})
    monkeypatch.setattr(Intake, "append", append)
    monkeypatch.setattr(PatientJournal, "append", Journal.append)  # it keeps them while it waits for the database
    spans = [received(number, CHAT) for number in range(20)]
    with receiving(db) as receiver:
        assert send(receiver, request(spans).SerializeToString()).status == 200
    assert (len(there), when_logged) == (20, [0])


def test_a_request_in_parts_is_answered_when_all_of_it_is_durable(db: Path) -> None:
    body = minimal(20_000, 4)
    with receiving(db, max_request_bytes=2 * MIB) as receiver:
        assert send(receiver, body).status == 200
        assert (receiver.counted("spans_received"), receiver.counted("spans_logged")) == (20_000, 20_000)
        assert stored(receiver.ledger, "SELECT count(*) FROM spans") == [(20_000,)]
        assert send(receiver, body).status == 200
        assert receiver.counted("spans_duplicate") == 20_000


@pytest.mark.parametrize(
    "odd",
    [
        request([received(1, name="caf")]).SerializeToString().replace(b"caf", b"\xff\xfe\xfd"),
        request([received(1, {"said": "caf"})]).SerializeToString().replace(b"caf", b"\xff\xfe\xfd"),
        ONE[:-1],
    ],
    ids=["a name", "an attribute", "cut off"],
)
def test_of_a_large_request_that_is_malformed_nothing_is_stored(receiver: Receiving, odd: bytes) -> None:
    answer = send(receiver, minimal(17_000, 5) + odd)
    assert (answer.status, answer.refusal().message) == (
        400,
        "The body is not an ExportTraceServiceRequest in protobuf.",
    )
    assert receiver.counted("requests", "http", "traces", "undecodable") == 1
    assert (receiver.counted("spans_received"), receiver.counted("spans_logged")) == (0, 0)


def test_what_is_found_malformed_late_is_refused_and_the_rest_known_when_it_comes_again(db: Path) -> None:
    """A number of JSON that is none, behind thousands of spans that are stored by then."""
    one = json.loads(in_json(request([received(0)])))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    spans = [one | {"spanId": f"{number:016x}"} for number in range(1, 6001)]

    def sent(*more: object) -> bytes:
        return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [*spans, *more]}]}]}).encode()

    with receiving(db, max_request_bytes=4 * MIB) as receiver:
        assert send(receiver, sent(one | {"startTimeUnixNano": "soon"}), JSON).status == 400
        stored_before = receiver.counted("spans_logged")
        assert 0 < stored_before <= 6000
        assert send(receiver, sent(), JSON).status == 200
        assert receiver.counted("spans_duplicate") == stored_before
        assert stored(receiver.ledger, "SELECT count(*) FROM spans") == [(6000,)]
