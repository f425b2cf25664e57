"""What `ingest.py` sends: requests of 512 spans, serialised before the clock runs; and what is stored before."""

import http.client
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger_collector.ledger.store import Ledger
from spanledger_collector.receive.answers import Encoding
from spanledger_collector.receive.receiver import Signal
from spanledger_collector.settings import Address

__all__ = ["SENDERS", "SPANS", "Sent", "fill", "requests_of", "send_all"]

SPANS = 512
_MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "o3-mini")
_WORDS = ("the", "quick", "brown", "fox", "asks", "a", "model", "whether", "the", "lazy", "dog", "has", "been", "fed")
_PART = 1_000_000
_FILL = """
    INSERT INTO store.spans
    SELECT hash(i // 8), hash(i // 8 + 1), hash(i, 'span'), NULL, 'GET /items', 3, 'shop', 'spanledger',
           make_timestamp_ns($end - i * 50_000), make_timestamp_ns($end - i * 50_000 + 1_000_000), 0, 'items.internal',
           hash(i, 'payload'), make_timestamp_ns($end - i * 50_000 + 2_000_000)
    FROM range($first, $last) t(i)
"""


@dataclass(frozen=True)
class Sent:
    """How long sending took, in seconds, all of it and each request."""

    seconds: float
    each: Sequence[float]


def requests_of(count: int, retries: float, *, content: bool) -> list[bytes]:
    """So many requests, a share of which (`retries`) comes twice, at any distance. `content`: half of the model calls
    carry prompts and answers."""
    random = Random(1)
    bodies = [_request(random, content=content) for _ in range(count)]
    for _ in range(int(retries * count)):
        bodies.insert(random.randrange(len(bodies)), random.choice(bodies))
    return bodies


def _request(random: Random, *, content: bool) -> bytes:
    """One request, in traces of eight spans: half of them model calls, half HTTP calls."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "shop"
    spans = resource_spans.scope_spans.add()
    spans.scope.name, spans.scope.version = "spanledger", "0.1.0"
    now = time.time_ns()
    trace_ids = [random.randbytes(16) for _ in range(SPANS // 8)]
    for number in range(SPANS):
        parent = b"" if number % 8 == 0 else spans.spans[number - number % 8].span_id
        span = spans.spans.add(trace_id=trace_ids[number // 8], span_id=random.randbytes(8), parent_span_id=parent)
        span.start_time_unix_nano = now + number
        span.end_time_unix_nano = now + number + random.randrange(10**9)
        attributes = _model_call(random) if number % 2 else _http_call(random)
        if content and number % 4 == 1:
            attributes |= {"gen_ai.input.messages": _said(random), "gen_ai.output.messages": _said(random)}
        span.kind, span.name = Span.SPAN_KIND_CLIENT, str(attributes.get("gen_ai.request.model", "GET /items"))
        for key, value in attributes.items():
            pair = span.attributes.add(key=key).value
            if isinstance(value, int):
                pair.int_value = value
            else:
                pair.string_value = value
    return request.SerializeToString()


def _model_call(random: Random) -> dict[str, str | int]:
    model = random.choice(_MODELS)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.response.id": f"chatcmpl-{random.getrandbits(96):024x}",
        "gen_ai.usage.input_tokens": random.randrange(100, 9000),
        "gen_ai.usage.output_tokens": random.randrange(900),
        "gen_ai.usage.cache_read.input_tokens": random.randrange(100),
        "server.address": "api.openai.com",
        "server.port": 443,
        "user.id": f"user-{random.randrange(50)}",
        "session.id": f"session-{random.randrange(500)}",
        "spanledger.feature": "search",
        "gen_ai.request.max_tokens": 1000,
    }


def _http_call(random: Random) -> dict[str, str | int]:
    return {
        "http.request.method": "GET",
        "url.full": f"http://items.internal/items/{random.randrange(10**6)}",
        "server.address": "items.internal",
        "server.port": 80,
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    }


def _said(random: Random) -> str:
    """One to two thousand characters."""
    return " ".join(random.choices(_WORDS, k=random.randrange(220, 440)))


def fill(db: Path, stored: int) -> None:
    """Make a ledger that holds so many skeletons, each 50 microseconds older than the one before."""
    with Ledger.open(db) as ledger:
        cursor = ledger.cursor()
        end = time.time_ns() - 3600 * 10**9
        for first in range(0, stored, _PART):
            cursor.execute(_FILL, {"end": end, "first": first, "last": min(first + _PART, stored)})
        cursor.close()
        ledger.checkpoint()


Send = Callable[[bytes], None]


def _http_sender(address: Address) -> Send:
    """Sends on a connection of its own, with what an exporter would take from the same variable (a peer's key)."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    headers = dict(re.findall(r"([^=,\s]+)=([^,]*)", unquote(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""))))
    headers["content-type"] = Encoding.PROTOBUF.value

    def send(body: bytes) -> None:
        connection.request("POST", "/v1/traces", body, headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status

    return send


def _grpc_sender(address: Address) -> Send:
    """Sends on a channel of its own."""
    channel: Any = grpc.insecure_channel(str(address), [("grpc.use_local_subchannel_pool", 1)])
    call = channel.unary_unary(f"/{Signal.TRACES.service}/Export")

    def send(body: bytes) -> None:
        call(body, timeout=60)

    return send


SENDERS: dict[str, Callable[[Address], Send]] = {"http": _http_sender, "grpc": _grpc_sender}


def send_all(senders: Sequence[Send], bodies: Sequence[bytes], rate: int) -> Sent:
    """Send every body once, over all senders at the same time. Raises what the first failing sender raised."""
    work, taken, failed = iter(bodies), list[float](), list[Exception]()
    turn, started = threading.Lock(), time.perf_counter()
    sent = 0

    def run(send: Send) -> None:
        nonlocal sent
        try:
            while not failed:
                with turn:
                    body = next(work, None)
                    due = started + sent * SPANS / rate if rate else 0.0
                    sent += 1
                if body is None:
                    return
                time.sleep(max(0.0, due - time.perf_counter()))
                began = time.perf_counter()
                send(body)
                taken.append(time.perf_counter() - began)
        except Exception as error:  # noqa: BLE001 - told by the thread that started this one
            failed.append(error)

    threads = [threading.Thread(target=run, args=(send,)) for send in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return Sent(time.perf_counter() - started, sorted(taken))
