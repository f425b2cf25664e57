"""Requests to models as HTTP instrumentations write them, by the old and the new names of the HTTP conventions."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.observed import make_span

from spanledger_collector.dialects import Reader
from spanledger_collector.dialects.http_calls import http_call
from spanledger_collector.model import AttributeValue, Observation, Scope

HTTPX = Scope("opentelemetry.instrumentation.httpx", "0.66b2")
Write = Callable[..., dict[str, AttributeValue]]
CHAT = "https://api.openai.com/v1/chat/completions"


def old(url: str, method: str = "POST", status: int = 200) -> dict[str, AttributeValue]:
    """As httpx, requests, urllib3 and aiohttp write a request by default."""
    return {"http.method": method, "http.url": url, "http.status_code": status}


def new(url: str, method: str = "POST", status: int = 200) -> dict[str, AttributeValue]:
    """As they write it with OTEL_SEMCONV_STABILITY_OPT_IN=http."""
    host = url.split("/")[2].partition(":")[0] if "//" in url else url
    return {
        "http.request.method": method,
        "url.full": url,
        "server.address": host,
        "http.response.status_code": status,
        "network.protocol.version": "1.1",
    }


def read(attributes: dict[str, AttributeValue], reader: Reader = Reader(), kind: int = 3) -> Observation | None:  # noqa: B008 - frozen
    """What is read of such a span, at once and again from what is kept."""
    span = make_span(attributes, HTTPX, kind=kind, name="POST")
    found = reader.recognise(span)
    assert reader.recognise(replace(span, attributes=reader.kept_attributes(span))) == found
    return found


@pytest.mark.parametrize("write", [old, new])
@pytest.mark.parametrize(
    ("url", "provider", "path"),
    [
        (CHAT, "openai", "/v1/chat/completions"),
        ("https://api.openai.com/v1/responses?stream=1", "openai", "/v1/responses"),
        ("https://api.openai.com/v1/threads/thread_abcdefghijklmnop/runs", "openai", "/v1/threads/{id}/runs"),
        ("https://api.anthropic.com/v1/messages", "anthropic", "/v1/messages"),
        (
            "https://north.openai.azure.com/openai/deployments/our-gpt-4o/chat/completions?api-version=1",
            "azure.ai.openai",
            "/openai/deployments/our-gpt-4o/chat/completions",
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:streamGenerateContent?key=secret",
            "gcp.gemini",
            "/v1beta/models/gemini-3-pro:streamGenerateContent",
        ),
        (
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/g:predict",
            "gcp.vertex_ai",
            "/v1/projects/p/locations/l/publishers/google/models/g:predict",
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
            "aws.bedrock",
            "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
        ),
        ("https://openrouter.ai/api/v1/chat/completions", "openrouter", "/api/v1/chat/completions"),
    ],
)
def test_a_request_to_a_model_is_seen(write: Write, url: str, provider: str, path: str) -> None:
    found = read(write(url))
    assert found is not None
    assert (found.dialect, found.role, found.provider, found.operation) == (
        "http-client",
        "ignored",
        provider,
        f"POST {path}",
    )
    assert (found.usage_status, found.meters, found.error_type) == ("unmetered", {}, None)


@pytest.mark.parametrize("write", [old, new])
@pytest.mark.parametrize(
    ("url", "method"),
    [
        ("https://api.openai.com/v1/models", "GET"),
        ("https://api.openai.com/v1/chat/completions/chatcmpl-1", "GET"),
        ("https://api.openai.com/v1/files", "POST"),
        ("https://api.openai.com/v1/batches", "POST"),
        ("https://api.openai.com/v1/moderations", "POST"),
        ("https://api.openai.com/v1/threads/thread_abcdefghijklmnop/messages", "POST"),
        ("https://api.anthropic.com/v1/messages/count_tokens", "POST"),
        ("https://api.anthropic.com/v1/messages/batches", "POST"),
        ("https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:countTokens", "POST"),
        ("https://storage.googleapis.com/v1/chat/completions", "POST"),
        ("https://bucket.s3.amazonaws.com/embeddings", "POST"),
        ("https://bedrock.us-east-1.amazonaws.com/model/m/invoke", "POST"),
        ("https://shop.example/v1/chat/completions", "POST"),
        ("https://evil-openai.com/v1/chat/completions", "POST"),
        ("no url at all", "POST"),
        ("https://[::1/v1/chat/completions", "POST"),
    ],
)
def test_what_bills_nothing_or_goes_elsewhere_is_not(write: Write, url: str, method: str) -> None:
    assert read(write(url, method)) is None


def test_only_client_spans_count() -> None:
    assert read(new(CHAT), kind=2) is None


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"http.response.status_code": 429}, "429"),
        ({"error.type": "ConnectTimeout"}, "ConnectTimeout"),
        ({"http.response.status_code": 200}, None),
    ],
)
def test_a_failure_is_told(changed: dict[str, AttributeValue], error: str | None) -> None:
    found = read(new(CHAT) | changed)
    assert found is not None
    assert found.error_type == error


def test_a_query_is_never_kept() -> None:
    for write in (old, new):
        span = make_span(write(f"{CHAT}?key=secret"), HTTPX)
        assert "secret" not in repr(Reader().kept_attributes(span))


def test_hosts_of_ones_own() -> None:
    gateway = "http://llm.north.example:8080/v1/chat/completions"
    assert read(new(gateway) | {"server.address": "llm.north.example"}) is None
    for named in ("llm.north.example", "north.example"):
        found = read(old(gateway), Reader(model_hosts=(named,)))
        assert found is not None
        assert (found.provider, found.server_address) == ("", "llm.north.example")
    assert read(old(gateway), Reader(model_hosts=("th.example",))) is None


def test_a_span_about_a_model_call_is_no_mere_request() -> None:
    both = new(CHAT) | {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini"}
    found = read(both)
    assert found is not None
    assert found.role == "candidate"
    assert http_call(make_span({})) is None
