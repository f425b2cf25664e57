"""The server's own metrics over OTLP: to another server, and never to itself."""

from dataclasses import replace
from pathlib import Path
from typing import Never

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from otlp_http import send
from receiving import CHAT, Receiving, received, request, until
from whole_server import server_with

from spanledger_collector import own_metrics
from spanledger_collector.errors import ExportsToItself
from spanledger_collector.own_metrics import send_metrics
from spanledger_collector.receive import receiver as receiver_module
from spanledger_collector.receive.answers import Encoding
from spanledger_collector.receive.decoded import Decoded
from spanledger_collector.receive.decoders import DECODERS
from spanledger_collector.receive.receiver import Signal
from spanledger_collector.serve.metrics import LedgerFamilies
from spanledger_collector.settings import Address, Settings


def test_every_counter_and_the_ledger_arrive_with_their_labels(
    receiver: Receiving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    key = Signal.METRICS, Encoding.PROTOBUF
    decoder = DECODERS[key]

    def look(body: bytes) -> Decoded:
        bodies.append(body)
        return decoder.at_once(body)

    monkeypatch.setattr(receiver_module, "DECODERS", {**DECODERS, key: replace(decoder, at_once=look)})
    monkeypatch.setattr(own_metrics, "_EVERY_SECONDS", 3600.0)
    settings = Settings(db=tmp_path / "other.duckdb", metrics_endpoint=receiver.http.url)
    with server_with(settings) as server:
        assert send(server, request([received(1, CHAT), received(2)]).SerializeToString()).status == 200
        until(lambda: server.state.pending() == 0)
    assert len(bodies) == 1, "once, at the end"
    sent = ExportMetricsServiceRequest.FromString(bodies[0]).resource_metrics[0]
    assert {each.key: each.value.string_value for each in sent.resource.attributes}["service.name"] == "spanledger"
    metrics = {metric.name: metric for metric in sent.scope_metrics[0].metrics}
    journaled = metrics["spanledger_spans_journaled"].sum
    assert (journaled.is_monotonic, [point.as_double for point in journaled.data_points]) == (True, [2.0])
    ((point),) = metrics["spanledger_requests"].sum.data_points
    labels = {pair.key: pair.value.string_value for pair in point.attributes}
    assert (labels, point.as_double) == ({"transport": "http", "signal": "traces", "outcome": "ok"}, 1.0)
    assert metrics["spanledger_observations_pending"].gauge.data_points[0].as_double == 0.0
    ((priced),) = metrics["spanledger_ledger_calls"].gauge.data_points
    assert {pair.key: pair.value.string_value for pair in priced.attributes}["price_status"] == "priced"
    assert priced.as_double == 1.0
    assert metrics["spanledger_ledger_settle_lag_seconds"].gauge.data_points[0].as_double == 0.0
    assert receiver.counted("requests", "http", "metrics", "ok") == 1


def unread() -> Never:
    """Nothing is sent, so nothing is read."""
    pytest.fail("read")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "ledger.example"])
def test_a_server_does_not_send_to_itself(receiver: Receiving, host: str) -> None:
    own = [Address("ledger.example", 4318), Address("0.0.0.0", 4317)]
    for endpoint in (f"http://{host}:4318", f"http://{host}:4317/v1/metrics"):
        with pytest.raises(ExportsToItself, match="is this server itself"):
            send_metrics(receiver.stats, LedgerFamilies(unread), endpoint, own)


def test_a_server_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    settings = Settings(db=tmp_path / "ledger.duckdb", metrics_endpoint="http://127.0.0.1:9")
    with server_with(settings) as server:
        assert send(server, request([received(1, CHAT)]).SerializeToString()).status == 200
