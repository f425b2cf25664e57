"""The Anthropic SDK's clients for clouds, real, against a scripted server: who bills, and in which region."""

import base64
import json
from collections.abc import Awaitable
from typing import Any

import anthropic
import pytest
from anthropic.lib.bedrock import AnthropicBedrock, AsyncAnthropicBedrock
from anthropic.lib.vertex import AnthropicVertex, AsyncAnthropicVertex
from wire_event_stream import encoded
from wire_recording import Recording
from wire_scripted import Script, answer, named_events, serving
from wire_sdk_contract import Attributes, Case, SdkContract, held

from spanledger.hosts import provider_of_host

USAGE = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 7}
MESSAGE: dict[str, Any] = {
    "id": "answer-1",
    "type": "message",
    "role": "assistant",
    "model": "model-of-a-test-001",
    "content": [{"type": "text", "text": "In Ghent."}],
    "stop_reason": "end_turn",
    "usage": USAGE,
}
START: dict[str, Any] = {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "In Ghent."}}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
BAD = answer({"type": "error", "error": {"type": "invalid_request_error", "message": "not good"}}, status=400)
BUSY = answer({"type": "error", "error": {"type": "rate_limit_error", "message": "come back later"}}, status=429)


def aws_events(*events: dict[str, Any], cut: bool = False) -> Script:
    """A stream as Bedrock sends it: events of Anthropic in those of AWS."""
    parts = ({"bytes": base64.b64encode(json.dumps(event).encode()).decode()} for event in events)
    body = b"".join(encoded("chunk", part) for part in parts)
    return Script(body, "application/vnd.amazon.eventstream", cut=cut)


class _Platform(SdkContract):
    lazy = False
    error_type = "anthropic.BadRequestError"
    provider: str
    region: str

    def usage(self) -> Attributes:
        return {
            "gen_ai.usage.input_tokens": 15,
            "gen_ai.usage.cache_read.input_tokens": 5,
            "gen_ai.usage.output_tokens": 7,
        }

    def events(self, *events: dict[str, Any], cut: bool = False) -> Script:
        return named_events(*events, cut=cut)

    def scripts(self, case: Case) -> tuple[Script, ...]:
        cases = {
            "answer": (answer(MESSAGE),),
            "stream": (self.events(START, TEXT, DELTA, {"type": "message_stop"}),),
            "cut": (self.events(START, TEXT, cut=True),),
            "held": (held(self.events(START)),),
            "error": (BAD,),
            "busy": (BUSY, answer(MESSAGE)),
            "odd": (self.events(START, {"type": "content_block_delta", "delta": None}, DELTA),),
        }
        return cases[case]

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.messages.create(model=self.model, max_tokens=9, messages=[])

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.messages.create(model=self.model, max_tokens=9, messages=[], stream=True)

    def ask_async(self, client: Any) -> Awaitable[Any]:  # noqa: ANN401
        return self.ask(client)

    def ask_stream_async(self, client: Any) -> Any:  # noqa: ANN401
        return self.ask_stream(client)

    def check_failed(self, recording: Recording) -> None:
        # On its own span the SDK writes the type of the error last, in its own words.
        said = str(recording.attributes["error.type"])
        assert said in {self.error_type, "400", "invalid_request_error", "BadRequestError"}
        assert recording.attributes["spanledger.usage_evidence"] == "call failed"
        assert recording.only.status.status_code.name == "ERROR"

    def check_metered(self, recording: Recording) -> None:
        super().check_metered(recording)
        assert recording.attributes["gen_ai.provider.name"] == self.provider
        assert recording.attributes["spanledger.region"] == self.region


@pytest.fixture(params=[True, False], ids=["adopted", "own"], autouse=True)
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the SDK's own spans, and without them."""
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", str(request.param).lower())


class TestBedrock(_Platform):
    provider = "aws.bedrock"
    region = "eu-central-1"

    def events(self, *events: dict[str, Any], cut: bool = False) -> Script:
        return aws_events(*events, cut=cut)

    def client(self, url: str) -> AnthropicBedrock:
        http = anthropic.DefaultHttpxClient(verify=False)
        return AnthropicBedrock(
            aws_access_key="a", aws_secret_key="s", aws_region=self.region, base_url=url, http_client=http
        )

    def async_client(self, url: str) -> AsyncAnthropicBedrock:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        return AsyncAnthropicBedrock(
            aws_access_key="a", aws_secret_key="s", aws_region=self.region, base_url=url, http_client=http
        )


class TestVertex(_Platform):
    provider = "gcp.vertex_ai"
    region = "us-east5"

    def client(self, url: str) -> AnthropicVertex:
        http = anthropic.DefaultHttpxClient(verify=False)
        return AnthropicVertex(access_token="t", project_id="p", region=self.region, base_url=url, http_client=http)

    def async_client(self, url: str) -> AsyncAnthropicVertex:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        return AsyncAnthropicVertex(
            access_token="t", project_id="p", region=self.region, base_url=url, http_client=http
        )


class TestBetaVertex(TestVertex):
    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.beta.messages.create(model=self.model, max_tokens=9, messages=[])

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.beta.messages.create(model=self.model, max_tokens=9, messages=[], stream=True)


@pytest.mark.skipif(not hasattr(anthropic, "AnthropicFoundry"), reason="this version has no client for Foundry")
def test_foundry_behind_a_gateway_is_known_by_its_client(instrumented: Recording) -> None:
    whole = {"id": "msg_1", "type": "message", "usage": {"input_tokens": 3, "output_tokens": 4}}
    with serving(answer(whole)) as server:
        http = anthropic.DefaultHttpxClient(verify=False)
        client = anthropic.AnthropicFoundry(base_url=server.url, api_key="k", http_client=http)
        client.messages.create(model="claude-x", max_tokens=9, messages=[])
    assert instrumented.attributes["gen_ai.provider.name"] == "azure.ai.inference"
    assert "spanledger.region" not in instrumented.attributes


@pytest.mark.parametrize(
    "host", ["us-east5-aiplatform.googleapis.com", "aiplatform.googleapis.com", "aiplatform.eu.rep.googleapis.com"]
)
def test_vertex_is_known_by_its_hosts(host: str) -> None:
    assert provider_of_host(host, "openai") == "gcp.vertex_ai"
    assert provider_of_host("generativelanguage.googleapis.com", "openai") == "gcp.gemini"
