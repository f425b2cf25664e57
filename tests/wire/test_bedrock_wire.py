"""What an application sees of boto3 and aiobotocore is the same with and without the instrumentation."""

import asyncio
import gc
import inspect
import io
import json
import weakref
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from typing import Any

import pytest
import wire_bedrock
from opentelemetry import baggage, context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from wire_bedrock import MODEL, Document, Reply, answering, document, knows, parts, stream
from wire_contract import without_instrumentation
from wire_recording import Recording

import spanledger
from spanledger.instrumentor import SpanLedgerInstrumentor

botocore_client: Any = import_module("botocore.client")
botocore_exceptions: Any = import_module("botocore.exceptions")
botocore_stub: Any = import_module("botocore.stub")

MESSAGES = [{"role": "user", "content": [{"text": "Where is my parcel?"}]}]
USAGE = {"inputTokens": 12, "outputTokens": 5, "totalTokens": 17}
WHOLE: Document = {
    "output": {"message": {"role": "assistant", "content": [{"text": "On its way."}]}},
    "stopReason": "end_turn",
    "usage": USAGE,
    "metrics": {"latencyMs": 7},
}
EVENTS: tuple[Document, ...] = (
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "On its way."}}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": USAGE, "metrics": {"latencyMs": 7}}},
)
BODY: Document = {"generation": "Yes " * 700, "prompt_token_count": 12, "generation_token_count": 5}
INVOCATION: Document = {"modelId": "meta.llama3-8b-instruct-v1:0", "body": "{}"}
CONVERSATION: Document = {"modelId": MODEL, "messages": MESSAGES}


@contextmanager
def converse_stream(cut: int | None = None) -> Generator[Any]:
    with answering(stream(*EVENTS, cut=cut)) as server:
        yield wire_bedrock.client(server.url).converse_stream(**CONVERSATION)["stream"]


@asynccontextmanager
async def async_converse_stream(cut: int | None = None) -> AsyncGenerator[Any]:
    with answering(stream(*EVENTS, cut=cut)) as server:
        async with wire_bedrock.async_client(server.url) as client:
            yield (await client.converse_stream(**CONVERSATION))["stream"]


@contextmanager
def body(reply: Reply | None = None) -> Generator[Any]:
    with answering(reply or document(BODY)) as server:
        yield wire_bedrock.client(server.url).invoke_model(**INVOCATION)["body"]


def check_metered(recording: Recording) -> None:
    attributes = recording.attributes
    assert attributes["gen_ai.usage.input_tokens"] == 12
    assert attributes["gen_ai.usage.output_tokens"] == 5
    assert attributes["spanledger.usage_status"] == "metered"


def check_unmetered(recording: Recording, evidence: str) -> None:
    attributes = recording.attributes
    assert attributes["spanledger.usage_status"] == "unmetered"
    assert evidence in str(attributes["spanledger.usage_evidence"])
    assert "gen_ai.usage.output_tokens" not in attributes


# Every way out of a stream ends the span once


def test_a_closed_stream(instrumented: Recording) -> None:
    with converse_stream() as events:
        next(iter(events))
        events.close()
        check_unmetered(instrumented, "stream closed; chunks=1")


def test_a_stream_that_is_left_and_dropped(instrumented: Recording) -> None:
    with converse_stream() as events:
        for _ in events:
            break
        del events
    check_unmetered(instrumented, "chunks=1")


def test_a_stream_that_is_never_read(instrumented: Recording) -> None:
    with converse_stream() as events:
        assert not instrumented.spans
        del events
    check_unmetered(instrumented, "chunks=0")


def test_a_stream_that_is_cut(instrumented: Recording) -> None:
    with converse_stream(cut=2) as events, pytest.raises(Exception, match=r"ended prematurely|IncompleteRead|broken"):
        list(events)
    check_unmetered(instrumented, "stream failed; chunks=2 characters=11")
    assert instrumented.only.status.status_code.name == "ERROR"


async def test_an_async_stream_that_is_closed(instrumented: Recording) -> None:
    async with async_converse_stream() as events:
        await anext(aiter(events))
        events.close()
        check_unmetered(instrumented, "stream closed; chunks=1")


async def test_an_async_stream_that_is_cut(instrumented: Recording) -> None:
    async with async_converse_stream(cut=2) as events:
        with pytest.raises(Exception, match="payload is not completed"):
            _ = [event async for event in events]
    check_unmetered(instrumented, "stream failed; chunks=2")


async def test_an_async_stream_whose_reader_is_cancelled(instrumented: Recording) -> None:
    async with async_converse_stream() as events:
        started = asyncio.Event()

        async def read() -> None:
            async for _ in events:
                started.set()
                await asyncio.Event().wait()

        reader = asyncio.create_task(read())
        await started.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        events.close()
        check_unmetered(instrumented, "chunks=1")


async def test_an_async_stream_that_is_read_in_another_task(instrumented: Recording) -> None:
    async with async_converse_stream() as events:

        async def read() -> None:
            async for _ in events:
                pass

        await asyncio.create_task(read())
        check_metered(instrumented)


def test_the_first_event_may_be_asked_for_alone(instrumented: Recording) -> None:
    with converse_stream() as events:
        with pytest.raises(Exception, match="not of the initial-response type"):
            events.get_initial_response()
        assert len(list(events)) == len(EVENTS) - 1
    check_metered(instrumented)


# Every way to read a body

READINGS: dict[str, Callable[[Any], bytes]] = {
    "read": lambda body: body.read(),
    "read in pieces": lambda body: b"".join(iter(lambda: body.read(100), b"")),
    "read to its length": lambda body: body.read(len(json.dumps(BODY))),
    "iterate": b"".join,
    "iter_chunks": lambda body: b"".join(body.iter_chunks(7)),
    "iter_lines": lambda body: b"".join(body.iter_lines()),
    "readlines": lambda body: b"".join(body.readlines()),
    "with": lambda body: body.__enter__().read(),
    "buffered": lambda body: io.BufferedReader(body._raw_stream).read(),
}


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
def test_a_body_however_it_is_read(instrumented: Recording, reading: Callable[[Any], bytes]) -> None:
    with body() as answer:
        assert not instrumented.spans
        assert json.loads(reading(answer)) == BODY
        check_metered(instrumented)


def test_a_body_that_is_never_read_is_known_by_its_headers(instrumented: Recording) -> None:
    with body(document(BODY, input_token_count="12", output_token_count="5")) as answer:
        del answer
    check_metered(instrumented)


def test_a_body_that_is_closed(instrumented: Recording) -> None:
    with body() as answer:
        answer.read(3)
        answer.close()
        check_unmetered(instrumented, "call closed")


def test_a_body_that_is_cut(instrumented: Recording) -> None:
    with body(document(BODY, promised=9)) as answer, pytest.raises(Exception, match=r"bytes|IncompleteRead"):
        answer.read()
    check_unmetered(instrumented, "call failed")
    assert "error.type" in instrumented.attributes


async def read_whole(answer: Any) -> bytes:  # noqa: ANN401
    return await answer.read()


async def read_pieces(answer: Any) -> bytes:  # noqa: ANN401
    return b"".join([piece async for piece in answer.iter_chunks(100)])


async def read_lines(answer: Any) -> bytes:  # noqa: ANN401
    return b"".join([line async for line in answer.iter_lines()])


async def read_within(answer: Any) -> bytes:  # noqa: ANN401
    async with answer as opened:
        return await opened.read()


@pytest.mark.parametrize("reading", [read_whole, read_pieces, read_lines, read_within])
async def test_an_async_body_however_it_is_read(instrumented: Recording, reading: Callable[[Any], Any]) -> None:
    with answering(document(BODY)) as server:
        async with wire_bedrock.async_client(server.url) as client:
            answer = await client.invoke_model(**INVOCATION)
            assert not instrumented.spans
            assert json.loads(await reading(answer["body"])) == BODY
            check_metered(instrumented)


async def test_an_async_body_that_is_closed(instrumented: Recording) -> None:
    with answering(document(BODY)) as server:
        async with wire_bedrock.async_client(server.url) as client:
            answer = await client.invoke_model(**INVOCATION)
            answer["body"].close()
    check_unmetered(instrumented, "call closed")


# Invisible

CALLS = [
    pytest.param("converse", document(WHOLE), CONVERSATION, None, id="converse"),
    pytest.param("converse_stream", stream(*EVENTS), CONVERSATION, "stream", id="converse_stream"),
    pytest.param("invoke_model", document(BODY), INVOCATION, "body", id="invoke_model"),
    pytest.param("invoke_model_with_response_stream", parts(BODY), INVOCATION, "body", id="invoke_stream"),
]


def seen(url: str, method: str, params: Document, held: str | None) -> list[object]:
    """Types and contents of what boto3 gives, without the time at which the server said so."""
    answer = getattr(wire_bedrock.client(url), method)(**params)
    answer["ResponseMetadata"]["HTTPHeaders"].pop("date")
    part: Any = answer.pop(held) if held else ()
    content = part.read() if method == "invoke_model" else list(part)
    return [answer, *types_of(answer, part, getattr(part, "_raw_stream", None)), content]


def types_of(*values: object) -> list[type[object]]:
    return [type(value) for value in values]


@pytest.mark.parametrize(("method", "reply", "params", "held"), CALLS)
def test_an_answer_is_unchanged(
    instrumented: Recording, method: str, reply: Reply, params: Document, held: str | None
) -> None:
    with answering(reply) as server:
        observed = seen(server.url, method, params, held)
        with without_instrumentation():
            assert observed == seen(server.url, method, params, held)
    assert instrumented.only


@pytest.mark.parametrize(("method", "reply", "params", "held"), CALLS)
async def test_an_async_answer_is_unchanged(
    instrumented: Recording, method: str, reply: Reply, params: Document, held: str | None
) -> None:
    async def types(url: str) -> list[object]:
        async with wire_bedrock.async_client(url) as client:
            answer = await getattr(client, method)(**params)
            part = answer.get(held)
            return [sorted(answer), *types_of(answer, part, getattr(part, "_raw_stream", None))]

    with answering(reply) as server:
        observed = await types(server.url)
        with without_instrumentation():
            assert observed == await types(server.url)
    assert instrumented.only


def test_exceptions_are_unchanged(instrumented: Recording) -> None:
    def failing(url: str) -> BaseException:
        with pytest.raises(botocore_exceptions.ClientError) as caught:
            wire_bedrock.client(url).converse(**CONVERSATION)
        return caught.value

    with answering(wire_bedrock.failure("AccessDeniedException", "No access.", 403)) as server:
        observed = failing(server.url)
        with without_instrumentation():
            bare = failing(server.url)
    assert type(observed).__name__ == type(bare).__name__ == "AccessDeniedException"
    assert str(observed) == str(bare)
    assert observed.__cause__ is bare.__cause__
    assert instrumented.only


def test_signatures_are_unchanged(instrumented: Recording) -> None:
    def signature() -> tuple[object, ...]:
        call = botocore_client.BaseClient._make_api_call
        return inspect.signature(call), inspect.iscoroutinefunction(call), call.__qualname__

    observed = signature()
    with without_instrumentation():
        assert observed == signature()
    assert not instrumented.spans


def test_context_is_left_as_it_was_and_baggage_stays_here(instrumented: Recording) -> None:
    sent: list[object] = []

    def note(**_: object) -> None:
        sent.append(dict(baggage.get_all()))

    with (
        answering(stream(*EVENTS)) as server,
        spanledger.attribution(user="u-17", propagate=True),
    ):
        before = context.get_current()
        client = wire_bedrock.client(server.url)
        client.meta.events.register("before-send", note)
        for _ in client.converse_stream(**CONVERSATION)["stream"]:
            assert context.get_current() == before
        assert context.get_current() == before
    assert sent == [{}]
    assert instrumented.attributes["user.id"] == "u-17"


def test_nothing_is_kept_alive(instrumented: Recording) -> None:
    with converse_stream() as events:
        references = [weakref.ref(events), weakref.ref(events._raw_stream)]
        list(events)
        del events
    with body() as answer:
        references += [weakref.ref(answer), weakref.ref(answer._raw_stream)]
        answer.read()
        del answer
    gc.collect()
    assert [reference() for reference in references] == [None] * 4
    assert len(instrumented.spans) == 2


def test_other_services_are_not_observed(instrumented: Recording) -> None:
    with answering(document({"TableNames": ["parcels"]})) as server:
        assert wire_bedrock.client(server.url, "dynamodb").list_tables()["TableNames"] == ["parcels"]
    assert not instrumented.spans


@pytest.mark.skipif(not knows("ApplyGuardrailResponse", "usage"), reason="this version has no guardrails to apply")
def test_operations_that_call_no_model_are_not_observed(instrumented: Recording) -> None:
    with answering(document({"action": "NONE", "usage": {"topicPolicyUnits": 1}})) as server:
        guardrail = {"guardrailIdentifier": "g", "guardrailVersion": "1", "source": "INPUT"}
        wire_bedrock.client(server.url).apply_guardrail(**guardrail, content=[{"text": {"text": "Hello"}}])
        assert server.paths
    assert not instrumented.spans


def test_a_stubbed_client_is_left_alone(instrumented: Recording) -> None:
    client = wire_bedrock.client("http://127.0.0.1:1")
    with botocore_stub.Stubber(client) as stub:
        stub.add_response("invoke_model", {"body": io.BytesIO(b"{}"), "contentType": "application/json"})
        assert client.invoke_model(**INVOCATION)["body"].read() == b"{}"
    check_unmetered(instrumented, "response without usage")


def test_suppression_is_honoured(instrumented: Recording) -> None:
    with answering(document(WHOLE)) as server, suppress_instrumentation():
        wire_bedrock.client(server.url).converse(**CONVERSATION)
    assert not instrumented.spans


def test_uninstrument_reaches_clients_that_exist(recording: Recording) -> None:
    instrumentor = SpanLedgerInstrumentor()
    bare = botocore_client.BaseClient._make_api_call
    with answering(document(WHOLE)) as server:
        client = wire_bedrock.client(server.url)
        instrumentor.instrument()
        client.converse(**CONVERSATION)
        assert len(recording.spans) == 1
        instrumentor.uninstrument()
        client.converse(**CONVERSATION)
    assert len(recording.spans) == 1
    assert botocore_client.BaseClient._make_api_call is bare
