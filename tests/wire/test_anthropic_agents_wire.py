"""Sessions of Anthropic's managed agents, with the real SDK: each request to a model in their events counts."""

from typing import Any
from uuid import uuid4

import anthropic
import pytest
from wire_contract import shape, without_instrumentation
from wire_recording import Recording, attributes_of
from wire_scripted import Script, answer, named_events, serving
from wire_sdk_contract import counts_of

NOW = "2026-11-22T12:00:00Z"
COUNTS = {
    "gen_ai.usage.input_tokens": 112,
    "gen_ai.usage.cache_read.input_tokens": 100,
    "gen_ai.usage.cache_write.input_tokens": 4,
    "gen_ai.usage.output_tokens": 30,
}


def session(name: str, **more: object) -> Script:
    agent = {"id": "agent_1", "type": "agent", "name": "a", "version": 1, "model": {"id": "claude-opus-5"}, **more}
    known: dict[str, object] = {
        "id": name,
        "type": "session",
        "status": "idle",
        "created_at": NOW,
        "updated_at": NOW,
        "usage": {},
    }
    return answer({**known, "agent": agent, "environment_id": "env_1", "metadata": {}})


def event(name: str, **more: object) -> dict[str, object]:
    usage = {
        "input_tokens": 8,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 4,
        "output_tokens": 30,
        "speed": "fast",
    }
    kind = "span.model_request_end"
    return {"type": kind, "id": name, "model_request_start_id": "s", "processed_at": NOW, "model_usage": usage, **more}


STATUS: dict[str, object] = {"type": "session.status_idle", "id": "sevt_0", "processed_at": NOW}


def client_of(url: str) -> Any:  # noqa: ANN401
    http = anthropic.DefaultHttpxClient(verify=False)
    return anthropic.Anthropic(base_url=url, api_key="key-of-a-test", max_retries=0, http_client=http)


def new(kind: str) -> str:
    """What this process has not seen yet."""
    return f"{kind}_{uuid4().hex}"


def test_each_request_to_a_model_is_a_call_once(instrumented: Recording) -> None:
    name, first, second = new("sesn"), new("sevt"), new("sevt")
    stream = named_events(STATUS, event(first), STATUS, event(second))
    page = answer({"data": [STATUS, event(first), event(second)], "next_page": None})
    with serving(session(name), stream, page) as server:
        sessions = client_of(server.url).beta.sessions
        sessions.create(agent="agent_1", environment_id="env_1")
        assert len(list(sessions.events.stream(name))) == 4
        assert len(list(sessions.events.list(name))) == 3
    found = [span for span in instrumented.spans if counts_of(span)]
    assert [attributes_of(span)["gen_ai.response.id"] for span in found] == [first, second]
    for span in found:
        assert counts_of(span) == COUNTS
        assert attributes_of(span)["gen_ai.response.model"] == "claude-opus-5"
        assert attributes_of(span)["spanledger.speed"] == "fast"
        assert attributes_of(span)["spanledger.usage_status"] == "metered"
        assert attributes_of(span)["gen_ai.provider.name"] == "anthropic"


def test_a_page_of_events_counts_by_itself(instrumented: Recording) -> None:
    names = [new("sevt"), new("sevt")]
    with serving(answer({"data": [event(name) for name in names], "next_page": None})) as server:
        assert len(list(client_of(server.url).beta.sessions.events.list(new("sesn")))) == 2
    found = [attributes_of(span) for span in instrumented.spans if counts_of(span)]
    assert [attributes["gen_ai.response.id"] for attributes in found] == names
    assert "gen_ai.response.model" not in found[0]
    assert "session was not seen here" in str(found[0]["spanledger.usage_evidence"])


@pytest.mark.parametrize("multiagent", [None, {"type": "coordinator", "agents": []}])
async def test_the_model_is_known_where_one_agent_is_at_work(instrumented: Recording, multiagent: object) -> None:
    name = new("sesn")
    with serving(session(name, multiagent=multiagent), named_events(event(new("sevt"), is_error=True))) as server:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        client: Any = anthropic.AsyncAnthropic(base_url=server.url, api_key="key-of-a-test", http_client=http)
        await client.beta.sessions.retrieve(name)
        async for _ in await client.beta.sessions.events.stream(name):
            pass
    [found] = [span for span in instrumented.spans if counts_of(span)]
    assert ("gen_ai.response.model" in attributes_of(found)) is (multiagent is None)
    assert attributes_of(found)["error.type"] == "model_request_error"


def test_the_events_are_the_same(instrumented: Recording) -> None:
    with serving(named_events(STATUS, {"type": "span.model_request_end", "id": None}, event(new("sevt")))) as server:
        sessions = client_of(server.url).beta.sessions
        observed = [shape(item) for item in sessions.events.stream("sesn_1")]
        with without_instrumentation():
            assert observed == [shape(item) for item in sessions.events.stream("sesn_1")]
    assert len([span for span in instrumented.spans if counts_of(span)]) == 1
