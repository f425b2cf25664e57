"""What the programs in `exporters/` send, whatever they are written in, and whether it arrived."""

from pathlib import Path

from receiving import Receiving, stored

__all__ = ["PROGRAMS", "check_exported"]

PROGRAMS = Path(__file__).parent / "exporters"
_OBSERVED = "SELECT service, name, kind, scope, started_at <= ended_at, parent_span_id IS NULL FROM spans ORDER BY name"
_READ = """
SELECT dialect, request_model, CAST(reading->'meters' AS VARCHAR), attributes->>'half', attributes->>'yes',
       CAST(attributes->'gen_ai.response.finish_reasons' AS VARCHAR)
FROM observations
"""


def check_exported(receiver: Receiving, service: str, transport: str) -> None:
    """The two spans are there, every attribute with its type."""
    assert receiver.counted("requests", transport, "traces", "ok") >= 1
    assert stored(receiver.ledger, _OBSERVED) == [
        (service, "chat", "client", "spanledger", True, False),
        (service, "outer", "internal", "spanledger", True, True),
    ]
    ((dialect, model, meters, half, yes, reasons),) = stored(receiver.ledger, _READ)
    assert (model, meters, half, yes, reasons) == ("gpt-4o-mini", '{"input":12,"output":3}', "0.5", "true", '["stop"]')
    assert dialect
