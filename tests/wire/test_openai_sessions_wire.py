"""OpenAI's sessions over a socket with the real SDK, against a scripted one: each response in them is a call."""

import asyncio
import importlib
import json
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from wire_contract import without_instrumentation
from wire_openai import openai_async_client, openai_client
from wire_recording import Recording, attributes_of
from wire_sdk_contract import counts_of

import spanledger

websockets: Any = importlib.import_module("websockets.sync.server")

Message = dict[str, Any]
Connect = Callable[[Any], Any]

USAGE = {
    "input_tokens": 120,
    "output_tokens": 90,
    "total_tokens": 210,
    "input_token_details": {
        "text_tokens": 20,
        "audio_tokens": 100,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 64},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 60},
}
COUNTS = {
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.audio.input_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 64,
    "gen_ai.usage.audio.cache_read.input_tokens": 64,
    "gen_ai.usage.output_tokens": 90,
    "gen_ai.usage.audio.output_tokens": 60,
}
SESSION: Message = {
    "type": "session.created",
    "session": {"model": "gpt-realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}},
}
AUDIO: Message = {"type": "response.output_audio.delta", "response_id": "resp_1", "delta": "AAAA"}
SPOKEN: Message = {"type": "response.output_audio_transcript.delta", "response_id": "resp_1", "delta": "Ghent"}


def created(name: str) -> Message:
    return {
        "type": "response.created",
        "response": {"id": name, "object": "realtime.response", "status": "in_progress"},
    }


def done(name: str, status: str = "completed", **more: object) -> Message:
    response: Message = {
        "id": name,
        "object": "realtime.response",
        "status": status,
        "usage": USAGE,
        "output": [],
        **more,
    }
    return {"type": "response.done", "response": response}


def response(kind: str, name: str, **more: object) -> Message:
    known: Message = {"id": name, "object": "response", "model": "gpt-5-mini-2025-08-07", "output": [], **more}
    return {"type": f"response.{kind}", "sequence_number": 1, "response": known}


def realtime(client: Any) -> Any:  # noqa: ANN401
    return client.realtime.connect(model="gpt-realtime")


def older_realtime(client: Any) -> Any:  # noqa: ANN401
    in_the_clear = client.copy(websocket_base_url=str(client.base_url).replace("http", "ws"))
    return in_the_clear.beta.realtime.connect(model="gpt-realtime")


def responses(client: Any) -> Any:  # noqa: ANN401
    return client.responses.connect()


def beta_responses(client: Any) -> Any:  # noqa: ANN401
    return client.beta.responses.connect()


def live(client: Any) -> Any:  # noqa: ANN401
    return client.live.connect()


@contextmanager
def serving(messages: Sequence[Message], *, close: int | None = None) -> Generator[str]:
    """The URL of a server that says `messages` to whoever connects, and then waits, or ends with the code `close`."""

    def handler(connection: Any) -> None:  # noqa: ANN401
        for message in messages:
            connection.send(json.dumps(message))
        if close is not None:
            connection.close(close)
        for _ in connection:
            pass

    with websockets.serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def hear(connect: Connect, messages: Sequence[Message], *, close: int | None = None) -> list[Any]:
    """What the application hears of a session that it leaves when all was said."""
    with serving(messages, close=close) as url, connect(openai_client(url)) as connection:
        return [connection.recv() for _ in messages]


SCRIPT = [SESSION, created("resp_1"), AUDIO, SPOKEN, done("resp_1")]


@pytest.mark.parametrize("connect", [realtime, older_realtime])
def test_a_response_is_one_exact_span(instrumented: Recording, connect: Connect) -> None:
    with spanledger.attribution(user="u-1"):
        hear(connect, SCRIPT)
    span, attributes = instrumented.only, instrumented.attributes
    assert counts_of(span) == COUNTS
    assert span.name == "realtime_inference gpt-realtime"
    assert attributes["spanledger.usage_status"] == "metered"
    assert attributes["gen_ai.provider.name"] == "openai"
    assert attributes["gen_ai.request.model"] == "gpt-realtime"
    assert attributes["gen_ai.response.id"] == "resp_1"
    assert attributes["gen_ai.response.finish_reasons"] == ("completed",)
    assert attributes["server.address"] == "127.0.0.1"
    assert attributes["user.id"] == "u-1"


async def test_asynchronously_and_in_the_connections_own_loop(instrumented: Recording) -> None:
    with serving(SCRIPT, close=1000) as url:
        async with realtime(openai_async_client(url)) as connection:
            heard = [event.type async for event in connection]
    assert heard == [message["type"] for message in SCRIPT]
    assert counts_of(instrumented.only) == COUNTS


def test_bytes_that_the_application_parses_count_too(instrumented: Recording) -> None:
    with serving(SCRIPT) as url, realtime(openai_client(url)) as connection:
        heard = [json.loads(connection.recv_bytes()) for _ in SCRIPT]
    assert heard == SCRIPT
    assert counts_of(instrumented.only) == COUNTS


def test_responses_at_the_same_time_are_told_apart(instrumented: Recording) -> None:
    hear(realtime, [SESSION, created("resp_1"), created("resp_2"), SPOKEN, done("resp_2", "cancelled"), done("resp_1")])
    told = [(attributes_of(span)["gen_ai.response.id"], counts_of(span)) for span in instrumented.spans]
    assert told == [("resp_2", COUNTS), ("resp_1", COUNTS)]


def test_one_that_was_joined_late_counts(instrumented: Recording) -> None:
    """As of a socket beside a call by telephone, whose model only the session tells."""
    hear(lambda client: client.realtime.connect(call_id="rtc_1"), [SESSION, done("resp_1")])
    assert counts_of(instrumented.only) == COUNTS
    assert instrumented.attributes["gen_ai.request.model"] == "gpt-realtime"


def test_a_failed_response_says_why(instrumented: Recording) -> None:
    details = {"type": "failed", "error": {"code": "rate_limit_exceeded"}}
    hear(realtime, [SESSION, created("resp_1"), done("resp_1", "failed", usage=None, status_details=details)])
    assert instrumented.attributes["error.type"] == "rate_limit_exceeded"
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"
    assert instrumented.only.status.status_code.name == "ERROR"


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"type": "duration", "seconds": 3.5}, {"spanledger.usage.second": 3.5}),
        (
            {"type": "tokens", "input_tokens": 9, "output_tokens": 4, "input_token_details": {"audio_tokens": 9}},
            {
                "gen_ai.usage.input_tokens": 9,
                "gen_ai.usage.audio.input_tokens": 9,
                "gen_ai.usage.output_tokens": 4,
            },
        ),
    ],
)
def test_what_was_heard_is_written_down_by_another_model(
    instrumented: Recording, usage: Message, counts: dict[str, object]
) -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    hear(realtime, [SESSION, {"type": kind, "item_id": "item_1", "transcript": "Where?", "usage": usage}])
    assert counts_of(instrumented.only) == counts
    assert instrumented.attributes["gen_ai.operation.name"] == "transcription"
    assert instrumented.attributes["gen_ai.request.model"] == "whisper-1"
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


@pytest.mark.parametrize("connect", [responses, beta_responses])
def test_responses_over_a_socket(instrumented: Recording, connect: Connect) -> None:
    usage = {
        "input_tokens": 20,
        "output_tokens": 30,
        "total_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 12},
    }
    delta = {"type": "response.output_text.delta", "delta": "Yes", "item_id": "msg_1", "sequence_number": 2}
    search = {"type": "web_search_call", "action": {"type": "search", "query": "parcel"}}
    last = response("completed", "resp_1", status="completed", usage=usage, output=[search])
    failed = response("failed", "resp_2", status="failed", error={"code": "server_error"})
    hear(connect, [response("created", "resp_1"), delta, last, response("created", "resp_2"), failed])
    first, second = instrumented.spans
    assert counts_of(first) == {
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "spanledger.usage.web_search": 1,
    }
    assert attributes_of(first)["gen_ai.operation.name"] == "chat"
    assert attributes_of(first)["gen_ai.response.model"] == "gpt-5-mini-2025-08-07"
    assert attributes_of(second)["error.type"] == "server_error"


def test_a_live_session_is_billed_by_the_second_and_what_it_delegates_by_itself(instrumented: Recording) -> None:
    session = {"id": "live_1", "model": "gpt-live-1", "status": "active"}
    usage = {"input_tokens": 20, "output_tokens": 30, "total_tokens": 50}
    delegated = [response("created", "resp_1"), response("completed", "resp_1", status="completed", usage=usage)]
    decided: Message = {
        "type": "decision.completed",
        "decision": {"model": "gpt-6-luna", "answers": [], "usage": usage},
    }
    hear(
        live,
        [
            {"type": "session.started", "event_id": "1", "session": session},
            {"type": "session.usage.updated", "event_id": "2", "usage": {"seconds": 4.5}},
            *({"type": "response.event", "event_id": "3", "event": event} for event in delegated),
            {"type": "decision.event", "event_id": "4", "event": decided},
            {"type": "session.usage.updated", "event_id": "5", "usage": {"seconds": 9.5}},
            {
                "type": "session.closed",
                "event_id": "6",
                "reason": "expired",
                "session": session,
                "usage": {"seconds": 12},
            },
        ],
    )
    told = [(attributes_of(span)["gen_ai.request.model"], counts_of(span)) for span in instrumented.spans]
    tokens = {"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 30}
    assert told == [
        ("gpt-5-mini-2025-08-07", tokens),
        ("gpt-6-luna", tokens),
        ("gpt-live-1", {"spanledger.usage.second": 12}),
    ]
    assert {attributes_of(span)["spanledger.usage_status"] for span in instrumented.spans} == {"metered"}


def test_a_live_session_that_is_left_is_an_estimate(instrumented: Recording) -> None:
    hear(live, [{"type": "session.usage.updated", "event_id": "2", "usage": {"seconds": 4.5}}])
    assert counts_of(instrumented.only) == {"spanledger.usage.second": 4.5}
    assert instrumented.attributes["spanledger.usage_status"] == "estimated"


def test_a_session_that_never_told_its_seconds_is_unmetered(instrumented: Recording) -> None:
    session = {"id": "live_1", "model": "gpt-live-1", "status": "active"}
    hear(live, [{"type": "session.started", "event_id": "1", "session": session}])
    assert instrumented.attributes["gen_ai.request.model"] == "gpt-live-1"
    assert unfinished(instrumented) == "stream closed; chunks=1 characters=0"


def test_a_session_that_translates_tells_of_no_usage(instrumented: Recording) -> None:
    session = {"id": "sess_1", "model": "gpt-realtime-translate"}
    messages = [{"type": kind, "event_id": "1", "session": session} for kind in ("session.created", "session.closed")]
    hear(lambda client: client.realtime.translations.connect(model="gpt-realtime-translate"), messages)
    assert instrumented.attributes["gen_ai.request.model"] == "gpt-realtime-translate"
    assert unfinished(instrumented) == "stream read; chunks=2 characters=0"


# Every way out


def unfinished(recording: Recording) -> str:
    assert recording.attributes["spanledger.usage_status"] == "unmetered"
    return str(recording.attributes["spanledger.usage_evidence"])


def test_a_connection_that_the_application_closes(instrumented: Recording) -> None:
    hear(realtime, SCRIPT[:-1])
    assert unfinished(instrumented) == "stream closed; chunks=3 characters=5"


def test_a_connection_that_is_dropped(instrumented: Recording) -> None:
    with serving(SCRIPT[:-1]) as url:
        connection = realtime(openai_client(url)).enter()
        for _ in SCRIPT[:-1]:
            connection.recv()
        inner = connection._connection  # closed by the test, so that the server ends
        del connection
        assert unfinished(instrumented) == "stream abandoned; chunks=3 characters=5"
        inner.close()


@pytest.mark.parametrize(("code", "ending"), [(1000, "closed"), (1011, "failed")])
def test_a_connection_that_the_server_ends(instrumented: Recording, code: int, ending: str) -> None:
    with serving(SCRIPT[:-1], close=code) as url, realtime(openai_client(url)) as connection:
        for _ in SCRIPT[:-1]:
            connection.recv()
        with pytest.raises(Exception, match=str(code)):
            connection.recv()
        assert unfinished(instrumented) == f"stream {ending}; chunks=3 characters=5"
    assert (instrumented.only.status.status_code.name == "ERROR") is (ending == "failed")


# Invisible


def test_what_is_heard_is_the_same(instrumented: Recording) -> None:
    observed = hear(realtime, SCRIPT)
    with without_instrumentation():
        bare = hear(realtime, SCRIPT)
    assert [type(event) for event in observed] == [type(event) for event in bare]
    assert [event.to_dict() for event in observed] == [event.to_dict() for event in bare]
    assert instrumented.spans


ODD: list[Message] = [
    {"type": "response.done", "response": None},
    {"type": "response.created"},
    {"type": "response.done", "response": {"id": 7, "usage": "much"}},
    {"type": "session.usage.updated", "usage": [1]},
    {"type": "decision.event", "event": "decision.completed"},
    {"type": ["response.created"]},
]


def test_odd_messages_do_not_harm(instrumented: Recording) -> None:
    assert len(hear(realtime, [*ODD, *SCRIPT])) == len(ODD) + len(SCRIPT)
    assert [span for span in instrumented.spans if counts_of(span) == COUNTS]


def test_other_messages_are_no_calls(instrumented: Recording) -> None:
    hear(realtime, [SESSION, {"type": "rate_limits.updated", "rate_limits": []}, {"type": "error", "error": {}}])
    assert not instrumented.spans


def test_uninstrument_reaches_connections_that_are_open(instrumented: Recording) -> None:
    with serving(SCRIPT) as url, realtime(openai_client(url)) as connection:
        for _ in SCRIPT[:-1]:
            connection.recv()
        with without_instrumentation():
            assert connection.recv().type == "response.done"
    assert unfinished(instrumented).startswith("stream ")


async def test_waiting_may_be_given_up(instrumented: Recording) -> None:
    with serving(SCRIPT[:-1]) as url:
        async with realtime(openai_async_client(url)) as connection:
            for _ in SCRIPT[:-1]:
                await connection.recv()
            waiting = asyncio.create_task(connection.recv())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert not instrumented.spans
        assert unfinished(instrumented) == "stream closed; chunks=3 characters=5"
