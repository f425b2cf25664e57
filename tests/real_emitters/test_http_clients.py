"""The released instrumentations of HTTP clients, by the old and the new names: coverage sees what nobody metered."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.real_emitters.emitter_runs import run_app
from tests.real_emitters.environments import Environment

from spanledger_collector.cli import spanledger

CLIENTS = ("httpx", "requests", "urllib3", "aiohttp")
HTTP_CLIENTS = Environment(
    "http-clients",
    (
        "openai<3",  # later ones send with a client of their own, which has no instrumentation yet
        *CLIENTS,
        *(f"opentelemetry-instrumentation-{name}" for name in ("httpx", "requests", "urllib3", "aiohttp-client")),
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("names", ["", "http"], ids=["old names", "new names"])
def test_what_plain_clients_send_is_seen_as_unmetered(
    tmp_path: Path, names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANLEDGER_MODEL_HOSTS", "127.0.0.1")  # where the local provider is
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", names)
    outcome = run_app("http_clients", (), HTTP_CLIENTS, tmp_path)
    result = CliRunner().invoke(
        spanledger, ["coverage", "--db", str(outcome.ledger), "--format", "json", "--fail-under", "50"]
    )
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["total"] == {
        "requests": 6,
        "metered": 2,  # one by the SDK's span around it, one by a span beside it
        "without_usage": 0,
        "unseen": 4,
        "failed": 0,
        "covered_percent": "33.33",
    }
    unseen = {row["call_site"]: (row["host"], row["request"]) for row in document["rows"] if row["unseen"]}
    assert unseen == {f"with_{name}": ("127.0.0.1", "POST /v1/chat/completions") for name in CLIENTS}
    assert len(outcome.served) >= 6
    assert len(outcome.counted) == 2
