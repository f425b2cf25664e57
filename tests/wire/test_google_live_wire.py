"""Gemini's live API with the real SDK, against a scripted socket: each turn of the model is a call."""

import importlib
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from wire_recording import Recording, attributes_of
from wire_sdk_contract import counts_of

import spanledger

genai: Any = importlib.import_module("google.genai")  # shares its name space with stubs that do not know it
websockets: Any = importlib.import_module("websockets.asyncio.server")

Message = dict[str, Any]

SPOKEN: Message = {"serverContent": {"modelTurn": {"role": "model", "parts": [{"text": "In Ghent."}]}}}
COMPLETE: Message = {"serverContent": {"turnComplete": True}}
TOOL_CALL: Message = {"toolCall": {"functionCalls": [{"id": "1", "name": "where", "args": {}}]}}


def usage(prompt: int, answered: int) -> Message:
    return {
        "usageMetadata": {
            "promptTokenCount": prompt,
            "responseTokenCount": answered,
            "thoughtsTokenCount": 2,
            "totalTokenCount": prompt + answered,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 3}],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": answered}],
        }
    }


def counted(prompt: int, answered: int) -> dict[str, object]:
    return {
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.audio.input_tokens": 3,
        "gen_ai.usage.output_tokens": answered + 2,
        "gen_ai.usage.audio.output_tokens": answered,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }


@asynccontextmanager
async def connected(messages: Sequence[Message]) -> AsyncGenerator[Any]:
    """A session with a server that says `messages` as soon as something is said to it."""

    async def handler(connection: Any) -> None:  # noqa: ANN401
        await connection.recv()
        await connection.send(json.dumps({"setupComplete": {}}))
        await connection.recv()
        for message in messages:
            await connection.send(json.dumps(message))
        await connection.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = genai.Client(api_key="key-of-a-test", http_options={"base_url": url})
        async with client.aio.live.connect(model="model-of-a-test", config={}) as session:
            await session.send_client_content(turns={"parts": [{"text": "Where is my parcel?"}]})
            yield session


@pytest.fixture(autouse=True)
def in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK always encrypts; our socket does not."""
    live: Any = importlib.import_module("google.genai.live")
    connect = live.ws_connect

    def connect_in_the_clear(uri: str, **arguments: object) -> Any:  # noqa: ANN401
        arguments.pop("ssl", None)
        return connect(uri.replace("wss://", "ws://"), **arguments)

    monkeypatch.setattr(live, "ws_connect", connect_in_the_clear)


async def read(session: Any, messages: int) -> None:  # noqa: ANN401
    for _ in range(messages):
        await session._receive()


async def test_a_turn_is_one_exact_span(instrumented: Recording) -> None:
    script = [SPOKEN, SPOKEN, {**COMPLETE, **usage(20, 7)}]
    with spanledger.attribution(user="u-1"):
        async with connected(script) as session:
            assert len([message async for message in session.receive()]) == 3
    span, attributes = instrumented.only, instrumented.attributes
    assert counts_of(span) == counted(20, 7)
    assert attributes["spanledger.usage_status"] == "metered"
    assert attributes["gen_ai.operation.name"] == "realtime_inference"
    assert attributes["gen_ai.request.model"] == "model-of-a-test"
    assert attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert attributes["server.address"] == "127.0.0.1"
    assert attributes["user.id"] == "u-1"


@pytest.mark.parametrize(
    "script",
    [
        [{**TOOL_CALL, **usage(20, 7)}, SPOKEN, {**COMPLETE, **usage(30, 9)}],
        [SPOKEN, {**COMPLETE, **usage(20, 7)}, SPOKEN, usage(30, 1), {**COMPLETE, **usage(30, 9)}],
        [SPOKEN, COMPLETE, usage(20, 7), SPOKEN, COMPLETE, usage(30, 9)],
    ],
    ids=["a tool call ends a turn", "counts within a turn are cumulative", "usage may come after the end"],
)
async def test_two_turns_are_two_calls(instrumented: Recording, script: Sequence[Message]) -> None:
    async with connected(script) as session:
        await read(session, len(script))
    assert [counts_of(span) for span in instrumented.spans] == [counted(20, 7), counted(30, 9)]


async def test_turns_without_usage_are_unmetered(instrumented: Recording) -> None:
    async with connected([SPOKEN, COMPLETE, SPOKEN]) as session:
        await read(session, 3)
        assert len(instrumented.spans) == 1
    statuses = [attributes_of(span)["spanledger.usage_status"] for span in instrumented.spans]
    evidence = [str(attributes_of(span)["spanledger.usage_evidence"]) for span in instrumented.spans]
    assert statuses == ["unmetered", "unmetered"]
    assert "stream read; chunks=2 characters=9" in evidence[0]
    assert "stream closed; chunks=1 characters=9" in evidence[1]


async def test_a_lost_connection_is_an_error(instrumented: Recording) -> None:
    async with connected([SPOKEN]) as session:
        await read(session, 1)
        await session._ws.close()
        with pytest.raises(Exception, match="1000"):
            await session._receive()
        assert instrumented.only.status.status_code.name == "ERROR"


async def test_messages_about_the_session_are_no_calls(instrumented: Recording) -> None:
    async with connected([{"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}}]) as session:
        await read(session, 1)
    assert not instrumented.spans
