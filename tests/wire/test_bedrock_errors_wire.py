"""What goes wrong at Amazon Bedrock, through boto3 and aiobotocore: one span each; the error is the application's."""

from collections.abc import Callable
from typing import Any

import pytest
from wire_bedrock import MODEL, REQUEST_ID, Document, Reply, answering, ask, ask_async, document, failure, parts, stream
from wire_recording import Recording

Ask = Callable[..., object]
both_sdks = pytest.mark.parametrize("asking", [ask, ask_async], ids=["boto3", "aiobotocore"])

MESSAGES = [{"role": "user", "content": [{"text": "Where is my parcel?"}]}]
WHOLE: Document = {
    "output": {"message": {"role": "assistant", "content": [{"text": "On its way."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 12, "outputTokens": 5, "totalTokens": 17},
    "metrics": {"latencyMs": 7},
}
LAST = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 4, "outputTokenCount": 20}}


@both_sdks
def test_a_retried_call_is_one_span(instrumented: Recording, asking: Ask) -> None:
    throttled = failure("ThrottlingException", "Too many requests", 429)
    with answering(throttled, document(WHOLE)) as server:
        asking(server.url, "converse", attempts=2, modelId=MODEL, messages=MESSAGES)
        assert len(server.paths) == 2
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 5
    assert instrumented.attributes["http.request.resend_count"] == 1


@both_sdks
@pytest.mark.parametrize("method", ["converse", "converse_stream", "invoke_model", "invoke_model_with_response_stream"])
def test_a_failing_call_is_an_unmetered_error(instrumented: Recording, asking: Ask, method: str) -> None:
    params: Document = {"messages": MESSAGES} if "converse" in method else {"body": "{}"}
    with (
        answering(failure("ValidationException", "The model identifier is invalid.", 400)) as server,
        pytest.raises(Exception, match="identifier is invalid") as caught,
    ):
        asking(server.url, method, modelId="no-such-model", **params)
    assert type(caught.value).__name__ == "ValidationException"
    attributes = instrumented.attributes
    assert attributes["error.type"] == "ValidationException"
    assert attributes["gen_ai.response.id"] == REQUEST_ID
    assert attributes["spanledger.usage_status"] == "unmetered"
    assert attributes["spanledger.usage_evidence"] == "call failed"
    assert instrumented.only.status.status_code.name == "ERROR"


@both_sdks
def test_an_exception_in_a_stream_is_the_applications(instrumented: Recording, asking: Ask) -> None:
    reply = stream(
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "On"}}},
        {"modelStreamErrorException": {"message": "The model failed."}},
    )
    with answering(reply) as server, pytest.raises(Exception, match="The model failed") as caught:
        asking(server.url, "converse_stream", modelId=MODEL, messages=MESSAGES)
    assert type(caught.value).__name__ == "EventStreamError"
    assert instrumented.attributes["error.type"] == "modelStreamErrorException"
    assert instrumented.attributes["spanledger.usage_evidence"] == "stream failed; chunks=1 characters=2"


@both_sdks
@pytest.mark.parametrize(
    "reply",
    [
        parts({"usage": None, "choices": None}, LAST),
        parts({"type": "message_delta", "usage": None, "delta": None}, LAST),
        parts([1, 2], "text", None, LAST),
        stream({"chunk": {}}, {"chunk": {"bytes": ""}}, *[{"chunk": {"bytes": "e30="}}]),
    ],
    ids=["nulls", "null delta", "no objects", "no bytes"],
)
def test_odd_parts_do_not_harm(instrumented: Recording, asking: Ask, reply: Reply) -> None:
    with answering(reply) as server:
        events: Any = asking(server.url, "invoke_model_with_response_stream", modelId=MODEL, body="{}")
    assert events
    assert instrumented.attributes["gen_ai.response.id"] == REQUEST_ID


@both_sdks
def test_a_body_that_is_no_json_does_not_harm(instrumented: Recording, asking: Ask) -> None:
    with answering(Reply(b"[]", headers={"x-amzn-bedrock-input-token-count": "3"})) as server:
        assert asking(server.url, "invoke_model", modelId="cohere.embed-english-v3", body="{}") == []
    assert instrumented.attributes["gen_ai.usage.input_tokens"] == 3
