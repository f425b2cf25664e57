"""Calls that are made now and answered later, through the real SDKs: each is counted once, by what fetches it."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import anthropic
import pytest
from tests.observed import links_of, observations_of
from wire_contract import shape, without_instrumentation
from wire_openai import OpenAIContract, openai_async_client, openai_client
from wire_recording import Recording, attributes_of
from wire_scripted import Script, answer, chat_events, named_events, serving
from wire_sdk_contract import Attributes, counts_of

from spanledger._fetched import _Counted  # pyright: ignore[reportPrivateUsage]  # its bound has no other sign
from spanledger_collector.model import ReceivedSpan, Scope
from spanledger_collector.settle import settle

USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 8},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 12},
    "total_tokens": 50,
}
COUNTS = {
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 8,
    "gen_ai.usage.output_tokens": 30,
    "gen_ai.usage.reasoning.output_tokens": 12,
}
MODEL = "model-of-a-test-001"
CREATED = 1_780_000_000


def new_id(kind: str) -> str:
    """What this process has not counted yet."""
    return f"{kind}_{uuid4().hex}"


def response(response_id: str, status: str = "completed", **more: object) -> dict[str, Any]:
    usage = USAGE if status in {"completed", "incomplete"} else None
    known = {"id": response_id, "object": "response", "created_at": CREATED, "model": MODEL, "status": status}
    return {**known, "background": True, "output": [], "usage": usage, **more}


def usage_spans(recording: Recording) -> list[Mapping[str, object]]:
    return [attributes_of(span) for span in recording.spans if counts_of(span)]


class _FetchContract(OpenAIContract):
    """What fails to fetch, or breaks off before the answer is whole, tells of no call: there is no span."""

    response_model = MODEL
    kind = "resp"

    def setup_method(self) -> None:
        self.response_id = new_id(self.kind)

    def usage(self) -> Attributes:
        return COUNTS

    def check_metered(self, recording: Recording) -> None:
        attributes = recording.attributes
        assert counts_of(recording.only) == self.usage()
        assert attributes["spanledger.usage_status"] == "metered"
        assert attributes["gen_ai.operation.name"] == self.operation
        assert attributes["gen_ai.response.id"] == self.response_id
        assert attributes["gen_ai.response.model"] == self.response_model
        assert recording.only.start_time == CREATED * 10**9
        self.check_server(attributes)

    def check_partial(self, recording: Recording, evidence: str) -> None:
        assert not recording.spans, evidence

    def check_failed(self, recording: Recording) -> None:
        assert not recording.spans

    def test_a_cut_stream_is_an_error(self, instrumented: Recording) -> None:
        with self.streaming("cut") as url, pytest.raises(Exception):  # noqa: B017, PT011  # whatever the SDK raises
            list(self.ask_stream(self.client(url)))
        assert not instrumented.spans

    def check_seen(self, recording: Recording) -> None:
        assert not recording.spans

    async def ended(self, recording: Recording) -> None:
        """No span is awaited; one that should not come would be there when the event loop has closed its generators."""
        for _ in range(10):
            await asyncio.sleep(0)
        await asyncio.get_running_loop().shutdown_asyncgens()
        assert not recording.spans


class TestBackgroundResponses(_FetchContract):
    def whole(self) -> Script:
        return answer(response(str(self.response_id)))

    def events(self) -> list[dict[str, Any]]:
        delta = {"type": "response.output_text.delta", "delta": "Yes", "sequence_number": 4}
        last = {"type": "response.completed", "response": response(str(self.response_id)), "sequence_number": 5}
        return [delta, last]

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.responses.retrieve("resp_1")

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.responses.retrieve("resp_1", stream=True, starting_after=3)


class TestBatches(_FetchContract):
    streams = False
    kind = "batch"

    def whole(self) -> Script:
        return answer(batch(str(self.response_id)))

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.batches.retrieve("batch_1")

    def check_metered(self, recording: Recording) -> None:
        super().check_metered(recording)
        assert recording.attributes["spanledger.processing"] == "batch"


def batch(batch_id: str, status: str = "completed", **more: object) -> dict[str, Any]:
    known = {"id": batch_id, "object": "batch", "created_at": CREATED, "model": MODEL, "status": status}
    return {**known, "endpoint": "/v1/chat/completions", "usage": USAGE, **more}


# Background responses


def test_a_background_response_is_counted_once_however_often_it_is_polled(instrumented: Recording) -> None:
    name = new_id("resp")
    scripts = [answer(response(name, status)) for status in ("queued", "queued", "in_progress", "completed")]
    with serving(*scripts) as server:
        client = openai_client(server.url)
        client.responses.create(model="gpt-5", input="Where?", background=True)
        for _ in range(5):
            client.responses.retrieve(name)
    created, *fetched = (attributes_of(span) for span in instrumented.spans)
    assert created["gen_ai.response.id"] == name
    assert created["spanledger.usage_status"] == "unmetered"
    assert "background" in str(created["spanledger.usage_evidence"])
    assert [attributes["gen_ai.response.id"] for attributes in fetched] == [name]
    assert len(usage_spans(instrumented)) == 1


def test_created_and_fetched_are_one_call_of_a_ledger(instrumented: Recording) -> None:
    name = new_id("resp")
    with serving(answer(response(name, "queued")), answer(response(name))) as server:
        client = openai_client(server.url)
        client.responses.create(model="gpt-5", input="Where?", background=True)
        client.responses.retrieve(name)
    received = [received_of(span) for span in instrumented.spans]
    (call,) = settle(observations_of(received), links_of(received))
    assert (call.usage_status, call.request_model, call.response_model) == ("metered", "gpt-5", MODEL)
    assert call.meters["reasoning"] == 12


def received_of(span: Any) -> ReceivedSpan:  # noqa: ANN401
    """A span as the collector receives it."""
    return ReceivedSpan(
        trace_id=span.context.trace_id.to_bytes(16),
        span_id=span.context.span_id.to_bytes(8),
        parent_span_id=None,
        name=span.name,
        kind=3,
        started_ns=span.start_time,
        ended_ns=span.end_time,
        status=0,
        attributes=dict(span.attributes),
        resource={"service.name": "shop"},
        scope=Scope(span.instrumentation_scope.name, span.instrumentation_scope.version),
    )


def test_a_foreground_response_is_not_counted_again(instrumented: Recording) -> None:
    whole = answer(response(new_id("resp"), background=False))
    with serving(whole) as server:
        client = openai_client(server.url)
        client.responses.create(model="gpt-5", input="Where?")
        client.responses.retrieve("resp_1")
    assert len(instrumented.spans) == 1
    assert len(usage_spans(instrumented)) == 1


def test_a_background_stream_that_was_read_to_its_end_is_not_counted_again(instrumented: Recording) -> None:
    whole = response(new_id("resp"))
    with serving(named_events({"type": "response.completed", "response": whole}), answer(whole)) as server:
        client: Any = openai_client(server.url)
        list(client.responses.create(model="gpt-5", input="Where?", background=True, stream=True))
        client.responses.retrieve("resp_1")
    assert len(usage_spans(instrumented)) == 1


def test_a_background_stream_that_broke_off_is_counted_when_it_is_taken_up(instrumented: Recording) -> None:
    whole = response(new_id("resp"))
    first = {"type": "response.created", "response": {**whole, "status": "queued", "usage": None}}
    last = {"type": "response.completed", "response": whole}
    with serving(named_events(first, cut=True), named_events(last)) as server:
        client: Any = openai_client(server.url)
        with pytest.raises(Exception):  # noqa: B017, PT011  # whatever the SDK raises
            list(client.responses.create(model="gpt-5", input="Where?", background=True, stream=True))
        list(client.responses.retrieve("resp_1", stream=True))
        list(client.responses.retrieve("resp_1", stream=True))
    assert len(instrumented.spans) == 2
    assert len(usage_spans(instrumented)) == 1


async def test_a_raw_retrieval_counts(instrumented: Recording) -> None:
    with serving(answer(response(new_id("resp")))) as server:
        raw = await openai_async_client(server.url).responses.with_raw_response.retrieve("resp_1")
        assert raw.parse().id
    assert len(usage_spans(instrumented)) == 1


def test_a_failed_background_response_with_usage_is_an_error(instrumented: Recording) -> None:
    failed = response(new_id("resp"), "failed", usage=USAGE, error={"code": "server_error", "message": "broke"})
    with serving(answer(failed)) as server:
        openai_client(server.url).responses.retrieve("resp_1")
    assert instrumented.attributes["error.type"] == "server_error"
    assert instrumented.only.status.status_code.name == "ERROR"
    assert counts_of(instrumented.only) == COUNTS


# Batches


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling"])
def test_a_batch_that_goes_on_is_not_counted(instrumented: Recording, status: str) -> None:
    with serving(answer(batch(new_id("batch"), status))) as server:
        client = openai_client(server.url)
        client.batches.retrieve("batch_1")
        client.batches.create(completion_window="24h", endpoint="/v1/embeddings", input_file_id="file_1")
    assert not instrumented.spans


def test_an_expired_batch_counts_what_it_did(instrumented: Recording) -> None:
    usage = {"input_tokens": 20, "output_tokens": 0, "total_tokens": 20}
    name = new_id("batch")
    with serving(answer(batch(name, "expired", endpoint="/v1/embeddings", usage=usage))) as server:
        client = openai_client(server.url)
        client.batches.retrieve(name)
        client.batches.retrieve(name)
    assert counts_of(instrumented.only) == {"gen_ai.usage.input_tokens": 20}
    assert instrumented.attributes["gen_ai.operation.name"] == "embeddings"


@pytest.mark.parametrize("usage", [None, {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}])
def test_a_batch_that_did_nothing_is_no_call(instrumented: Recording, usage: object) -> None:
    with serving(answer(batch(new_id("batch"), "failed", usage=usage))) as server:
        openai_client(server.url).batches.retrieve("batch_1")
    assert not instrumented.spans


# Runs of assistants


def test_a_run_of_an_assistant_is_counted_once(instrumented: Recording) -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50}
    run = {"id": new_id("run"), "object": "thread.run", "created_at": CREATED, "status": "completed", "model": MODEL}
    event = f"event: thread.run.completed\n{chat_events({**run, 'usage': usage}).body.decode()}"
    with serving(Script(event.encode(), "text/event-stream"), answer({**run, "usage": usage})) as server:
        client: Any = openai_client(server.url)
        list(client.beta.threads.runs.create("thread_1", assistant_id="asst_1", stream=True))
        client.beta.threads.runs.retrieve("run_1", thread_id="thread_1")
    (attributes,) = usage_spans(instrumented)
    assert attributes["gen_ai.operation.name"] == "invoke_agent"
    assert attributes["gen_ai.usage.output_tokens"] == 30


# Message batches of Anthropic


def result(message_id: str, **message: object) -> dict[str, Any]:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 7, "service_tier": "batch"}
    known: dict[str, object] = {"id": message_id, "type": "message", "role": "assistant", "model": MODEL}
    return {
        "custom_id": message_id,
        "result": {"type": "succeeded", "message": {**known, "content": [], "usage": usage, **message}},
    }


def message_batch(*lines: Mapping[str, object]) -> tuple[Script, Script]:
    """The batch, and its results."""
    path = "/v1/messages/batches/msgbatch_1/results"
    found = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended", "results_url": path}
    return answer(found), Script(b"".join(answer(line).body + b"\n" for line in lines), "application/x-jsonl")


def anthropic_client(url: str) -> anthropic.Anthropic:
    http = anthropic.DefaultHttpxClient(verify=False)
    return anthropic.Anthropic(base_url=url, api_key="key-of-a-test", http_client=http)


BATCH_COUNTS = {
    "gen_ai.usage.input_tokens": 15,
    "gen_ai.usage.cache_read.input_tokens": 5,
    "gen_ai.usage.output_tokens": 7,
}


@pytest.mark.parametrize("beta", [False, True])
def test_each_result_of_a_message_batch_is_a_call(instrumented: Recording, *, beta: bool) -> None:
    names = [new_id("msg"), new_id("msg")]
    errored = {"custom_id": "c", "result": {"type": "errored", "error": {"type": "error"}}}
    scripts = message_batch(result(names[0]), errored, result(names[1]))
    with serving(*scripts, *scripts, *scripts) as server:
        client: Any = anthropic_client(server.url)
        batches = client.beta.messages.batches if beta else client.messages.batches
        observed = batches.results("msgbatch_1")
        items = [shape(item) for item in observed]
        assert len(list(batches.results("msgbatch_1"))) == 3
        with without_instrumentation():
            bare = batches.results("msgbatch_1")
            assert items == [shape(item) for item in bare]
        assert type(observed) is type(bare)
    found = usage_spans(instrumented)
    assert [attributes["gen_ai.response.id"] for attributes in found] == names
    for attributes in found:
        assert {name: attributes[name] for name in BATCH_COUNTS} == BATCH_COUNTS
        assert attributes["spanledger.processing"] == "batch"
        assert attributes["spanledger.usage_status"] == "metered"
        assert attributes["gen_ai.operation.name"] == "chat"


async def test_results_are_read_asynchronously(instrumented: Recording) -> None:
    with serving(*message_batch(result(new_id("msg")), result(new_id("msg")))) as server:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        client = anthropic.AsyncAnthropic(base_url=server.url, api_key="key-of-a-test", http_client=http)
        results = await client.messages.batches.results("msgbatch_1")
        assert len([item async for item in results]) == 2
    assert len(usage_spans(instrumented)) == 2


def test_results_that_are_left_count_as_far_as_they_were_read(instrumented: Recording) -> None:
    with serving(*message_batch(result(new_id("msg")), result(new_id("msg")))) as server:
        for _ in anthropic_client(server.url).messages.batches.results("msgbatch_1"):
            break
    assert len(usage_spans(instrumented)) == 1


def test_counting_tokens_is_no_call(instrumented: Recording) -> None:
    with serving(answer({"input_tokens": 12})) as server:
        client = anthropic_client(server.url)
        assert client.messages.count_tokens(model="claude-sonnet-5", messages=[]).input_tokens == 12
        assert client.beta.messages.count_tokens(model="claude-sonnet-5", messages=[]).input_tokens == 12
    assert not usage_spans(instrumented)
    assert not any("spanledger.usage_status" in attributes_of(span) for span in instrumented.spans)


# What is remembered


def test_the_oldest_ids_are_forgotten() -> None:
    counted = _Counted(2)
    assert [counted.add(name) for name in "aabbcc"] == [True, False, True, False, True, False]
    assert counted.add("a")
