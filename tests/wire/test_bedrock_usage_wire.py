"""Amazon Bedrock through boto3 and aiobotocore, real, against a local server: exact usage, whatever the model.

Counts on the wire are disjoint where Bedrock made them, and the span's are inclusive: what is expected is written as
sums.
"""

from collections.abc import Callable

import pytest
from wire_bedrock import MODEL, REQUEST_ID, Document, Reply, answering, ask, ask_async, document, knows, parts, stream
from wire_recording import Recording, usage_of

from spanledger.meters import METER_BY_NAME

Ask = Callable[..., object]
both_sdks = pytest.mark.parametrize("asking", [ask, ask_async], ids=["boto3", "aiobotocore"])

MESSAGES = [{"role": "user", "content": [{"text": "Where is my parcel?"}]}]
CONVERSE_USAGE: Document = {
    "inputTokens": 12,
    "outputTokens": 50,
    "totalTokens": 1762,
    "cacheReadInputTokens": 500,
    "cacheWriteInputTokens": 1200,
    "cacheDetails": [{"ttl": "5m", "inputTokens": 200}, {"ttl": "1h", "inputTokens": 1000}],
}
CONVERSE_METERS = {
    "input": 12 + 500 + 1200,
    "cache_read": 500,
    "cache_write": 1200,
    "cache_write_5m": 200,
    "cache_write_1h": 1000,
    "output": 50,
}


def usage(**meters: int) -> dict[str, object]:
    """Usage attributes by the names of meters."""
    return {
        METER_BY_NAME[name].attribute if name in METER_BY_NAME else f"spanledger.usage.{name}": count
        for name, count in meters.items()
    }


def converse(**more: object) -> Document:
    message = {"role": "assistant", "content": [{"text": "On its way."}]}
    return {"output": {"message": message}, "stopReason": "end_turn", "metrics": {"latencyMs": 7}, **more}


def check(recording: Recording, response_id: str = REQUEST_ID, /, **meters: int) -> None:
    """The span has these counts and no other that is not zero; where nothing else is said, the answer has no id of its
    own, so that it goes by that of the request."""
    attributes = recording.attributes
    expected = usage(**meters)
    assert {name: count for name, count in attributes.items() if name in expected} == expected
    assert usage_of(recording.only).keys() <= expected.keys()
    assert attributes["spanledger.usage_status"] == "metered"
    assert attributes["gen_ai.response.id"] == response_id
    assert attributes["aws.request_id"] == REQUEST_ID
    assert attributes["gen_ai.provider.name"] == "aws.bedrock"


# Converse

knows_all = pytest.mark.skipif(
    not knows("TokenUsage", "cacheDetails") or not knows("ConverseResponse", "serviceTier"),
    reason="this version of botocore drops what it does not know",
)


@knows_all
@both_sdks
def test_converse(instrumented: Recording, asking: Ask) -> None:
    whole = converse(usage=CONVERSE_USAGE, serviceTier={"type": "priority"}, performanceConfig={"latency": "optimized"})
    with answering(document(whole)) as server:
        asking(server.url, "converse", modelId=MODEL, messages=MESSAGES)
    check(instrumented, **CONVERSE_METERS)
    attributes = instrumented.attributes
    assert instrumented.only.name == f"chat {MODEL}"
    assert instrumented.only.kind.name == "CLIENT"
    assert attributes["gen_ai.request.model"] == MODEL
    assert attributes["spanledger.region"] == "eu-west-1"
    assert attributes["spanledger.service_tier"] == "priority"
    assert attributes["spanledger.speed"] == "optimized"
    assert attributes["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert attributes["server.address"] == "127.0.0.1"
    assert "http.request.resend_count" not in attributes


@knows_all
@both_sdks
def test_converse_stream_has_its_usage_after_the_message(instrumented: Recording, asking: Ask) -> None:
    reply = stream(
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "On its way."}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "max_tokens"}},
        {"metadata": {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 7}, "serviceTier": {"type": "flex"}}},
    )
    with answering(reply) as server:
        events = asking(server.url, "converse_stream", modelId=MODEL, messages=MESSAGES)
    assert isinstance(events, list)
    check(instrumented, **CONVERSE_METERS)
    attributes = instrumented.attributes
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["spanledger.service_tier"] == "flex"
    assert attributes["gen_ai.response.finish_reasons"] == ("max_tokens",)


@knows_all
@pytest.mark.parametrize(
    ("model", "said", "contained"),
    [
        ("us.openai.gpt-5.6", 4995, 4995),  # as measured: the cached ones, and two more
        ("us.openai.gpt-5.6", 2, 4993 + 2),
        (MODEL, 4995, 4993 + 4995),
    ],
)
def test_streams_of_openai_count_cached_tokens_twice(
    instrumented: Recording, model: str, said: int, contained: int
) -> None:
    counts = {"inputTokens": said, "cacheWriteInputTokens": 4993, "outputTokens": 19, "totalTokens": said + 4993 + 19}
    with answering(stream({"messageStop": {"stopReason": "end_turn"}}, {"metadata": {"usage": counts}})) as server:
        ask(server.url, "converse_stream", modelId=model, messages=MESSAGES)
    check(instrumented, input=contained, cache_write=4993, output=19)
    assert ("spanledger.usage_evidence" in instrumented.attributes) is (said == contained)


@knows_all
def test_the_model_that_a_prompt_router_chose(instrumented: Recording) -> None:
    chosen = "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"
    whole = converse(usage=CONVERSE_USAGE, trace={"promptRouter": {"invokedModelId": chosen}})
    router = "arn:aws:bedrock:eu-west-1:123456789012:default-prompt-router/anthropic.claude:1"
    with answering(document(whole)) as server:
        ask(server.url, "converse", modelId=router, messages=MESSAGES)
    assert instrumented.attributes["gen_ai.request.model"] == router
    assert instrumented.attributes["gen_ai.response.model"] == chosen


# InvokeModel: the body is in the format of the model's maker, what it does not say is in the headers

CLAUDE: Document = {
    "id": "msg_bdrk_1",
    "type": "message",
    "model": "claude-sonnet-4-5",
    "stop_reason": "end_turn",
    "content": [],
    "usage": {
        "input_tokens": 4,
        "cache_read_input_tokens": 300,
        "cache_creation_input_tokens": 900,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 900},
        "output_tokens": 20,
    },
}
CLAUDE_METERS = {
    "input": 4 + 300 + 900,
    "cache_read": 300,
    "cache_write": 900,
    "cache_write_5m": 0,
    "cache_write_1h": 900,
    "output": 20,
}
NOVA_USAGE = {"inputTokens": 7, "outputTokens": 53, "cacheReadInputTokenCount": 10, "cacheWriteInputTokenCount": 0}
NOVA_METERS = {"input": 7 + 10, "cache_read": 10, "cache_write": 0, "output": 53}
OPENAI_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 40,
    "total_tokens": 140,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 25},
}
OPENAI_METERS = {"input": 100, "cache_read": 60, "output": 40, "reasoning": 25}
ID_BY_MODEL = {
    MODEL: "msg_bdrk_1",
    "openai.gpt-oss-120b-1:0": "chatcmpl-of-openai",
    "openai.gpt-oss-20b-1:0": "chatcmpl-of-openai",
    "cohere.command-r-v1:0": "0f6e3a1c-of-cohere",
}
"""The ids of answers, of those that have any."""
CHOICES = [{"index": 0, "message": {"role": "assistant", "content": "Yes"}, "finish_reason": "stop"}]

BODIES = [
    pytest.param(MODEL, document(CLAUDE), CLAUDE_METERS, id="anthropic"),
    pytest.param(
        "anthropic.claude-v2:1",
        document({"type": "completion", "completion": " Yes"}, input_token_count="18", output_token_count="87"),
        {"input": 18, "output": 87},
        id="anthropic text",
    ),
    pytest.param(
        "us.amazon.nova-lite-v1:0", document({"stopReason": "end_turn", "usage": NOVA_USAGE}), NOVA_METERS, id="nova"
    ),
    pytest.param(
        "amazon.titan-text-express-v1",
        document({"inputTextTokenCount": 5, "results": [{"tokenCount": 10, "completionReason": "FINISH"}]}),
        {"input": 5, "output": 10},
        id="titan",
    ),
    pytest.param(
        "meta.llama3-1-70b-instruct-v1:0",
        document({"generation": "Yes", "prompt_token_count": 11, "generation_token_count": 9, "stop_reason": "stop"}),
        {"input": 11, "output": 9},
        id="llama",
    ),
    pytest.param(
        "mistral.mistral-large-2402-v1:0",
        document({"outputs": [{"text": "Yes", "stop_reason": "stop"}]}, input_token_count="6", output_token_count="2"),
        {"input": 6, "output": 2},
        id="mistral",
    ),
    pytest.param(
        "cohere.command-r-v1:0",
        document(
            {"response_id": "0f6e3a1c-of-cohere", "text": "Yes", "finish_reason": "COMPLETE"},
            input_token_count="9",
            output_token_count="3",
        ),
        {"input": 9, "output": 3},
        id="cohere",
    ),
    pytest.param(
        "ai21.jamba-1-5-large-v1:0", document({"choices": CHOICES, "usage": OPENAI_USAGE}), OPENAI_METERS, id="ai21"
    ),
    pytest.param(
        "openai.gpt-oss-120b-1:0",
        document({"id": "chatcmpl-of-openai", "choices": CHOICES, "usage": OPENAI_USAGE}),
        OPENAI_METERS,
        id="openai",
    ),
    pytest.param(
        "us.deepseek.r1-v1:0",
        document({"choices": [{"text": "Yes"}]}, input_token_count="14", output_token_count="30"),
        {"input": 14, "output": 30},
        id="deepseek",
    ),
    pytest.param(
        "some.model-of-the-future-v1:0",
        document({}, input_token_count="4", output_token_count="2", cache_read_input_token_count="96"),
        {"input": 4 + 96, "cache_read": 96, "output": 2},
        id="headers only",
    ),
    pytest.param(
        "amazon.titan-embed-text-v2:0",
        document({"embedding": [0.1], "inputTextTokenCount": 9}),
        {"input": 9},
        id="embed",
    ),
    pytest.param(
        "cohere.embed-english-v3",
        document({"embeddings": [[0.1]]}, input_token_count="8"),
        {"input": 8},
        id="embed cohere",
    ),
    pytest.param("amazon.nova-canvas-v1:0", document({"images": ["a", "b"]}), {"image": 2}, id="images"),
]


@both_sdks
@pytest.mark.parametrize(("model", "reply", "meters"), BODIES)
def test_invoke_model(instrumented: Recording, asking: Ask, model: str, reply: Reply, meters: dict[str, int]) -> None:
    with answering(reply) as server:
        asking(server.url, "invoke_model", modelId=model, body="{}")
    check(instrumented, ID_BY_MODEL.get(model, REQUEST_ID), **meters)
    assert instrumented.attributes["gen_ai.request.model"] == model
    assert "gen_ai.response.model" not in instrumented.attributes


METRICS = {"inputTokenCount": 4, "outputTokenCount": 20, "invocationLatency": 9, "firstByteLatency": 3}
LAST = {"amazon-bedrock-invocationMetrics": METRICS}
CACHED = {"cacheReadInputTokenCount": 300, "cacheWriteInputTokenCount": 900}

STREAMS = [
    pytest.param(
        MODEL,
        parts(
            {"type": "message_start", "message": {**CLAUDE, "usage": {**CLAUDE["usage"], "output_tokens": 1}}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Yes"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}},
            {"type": "message_stop", "amazon-bedrock-invocationMetrics": {**METRICS, **CACHED}},
        ),
        CLAUDE_METERS,
        id="anthropic",
    ),
    pytest.param(
        "anthropic.claude-v2",
        parts({"type": "completion", "completion": " Yes", "stop_reason": "stop_sequence", **LAST}),
        {"input": 4, "output": 20},
        id="anthropic text",
    ),
    pytest.param(
        "amazon.nova-micro-v1:0",
        parts(
            {"contentBlockDelta": {"delta": {"text": "Yes"}}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": NOVA_USAGE}, **LAST},
        ),
        NOVA_METERS,
        id="nova",
    ),
    pytest.param(
        "amazon.titan-text-lite-v1",
        parts({"outputText": "Yes", "index": 0, "totalOutputTextTokenCount": 10.0, "inputTextTokenCount": 5.0}),
        {"input": 5, "output": 10},
        id="titan without metrics",
    ),
    pytest.param(
        "meta.llama3-8b-instruct-v1:0",
        parts(
            {"generation": "Y", "prompt_token_count": 4, "generation_token_count": 1},
            {
                "generation": "es",
                "prompt_token_count": None,
                "generation_token_count": 20,
                "stop_reason": "stop",
                **LAST,
            },
        ),
        {"input": 4, "output": 20},
        id="llama",
    ),
    pytest.param(
        "mistral.mistral-7b-instruct-v0:2",
        parts({"outputs": [{"text": "Yes", "stop_reason": None}]}, {"outputs": [{"stop_reason": "stop"}], **LAST}),
        {"input": 4, "output": 20},
        id="mistral",
    ),
    pytest.param(
        "cohere.command-text-v14",
        parts({"is_finished": False, "text": "Yes"}, {"is_finished": True, "finish_reason": "COMPLETE", **LAST}),
        {"input": 4, "output": 20},
        id="cohere",
    ),
    pytest.param(
        "openai.gpt-oss-20b-1:0",
        parts(
            {"id": "chatcmpl-of-openai", "choices": [{"delta": {"content": "Yes"}, "finish_reason": "stop"}]},
            {"id": "chatcmpl-of-openai", "choices": [], "usage": OPENAI_USAGE, **LAST},
        ),
        OPENAI_METERS,
        id="openai",
    ),
    pytest.param(
        "some.model-of-the-future-v1:0",
        parts({"words": "Yes"}, {"amazon-bedrock-invocationMetrics": {**METRICS, **CACHED}}),
        {"input": 4 + 300 + 900, "cache_read": 300, "cache_write": 900, "output": 20},
        id="metrics only",
    ),
]


@both_sdks
@pytest.mark.parametrize(("model", "reply", "meters"), STREAMS)
def test_invoke_model_with_response_stream(
    instrumented: Recording, asking: Ask, model: str, reply: Reply, meters: dict[str, int]
) -> None:
    with answering(reply) as server:
        asking(server.url, "invoke_model_with_response_stream", modelId=model, body="{}")
    check(instrumented, ID_BY_MODEL.get(model, REQUEST_ID), **meters)


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        ("amazon.titan-embed-text-v2:0", "embeddings"),
        ("us.cohere.embed-v4:0", "embeddings"),
        ("cohere.rerank-v3-5:0", "rerank"),
        ("amazon.nova-canvas-v1:0", "image_generation"),
        ("stability.sd3-5-large-v1:0", "image_generation"),
        ("us.meta.llama3-3-70b-instruct-v1:0", "chat"),
    ],
)
def test_the_operation_is_that_of_the_model(instrumented: Recording, model: str, operation: str) -> None:
    with answering(document({})) as server:
        ask(server.url, "invoke_model", modelId=model, body="{}")
    assert instrumented.attributes["gen_ai.operation.name"] == operation


def test_the_tier_of_an_invocation_is_in_a_header(instrumented: Recording) -> None:
    with answering(document(CLAUDE, service_tier="flex", performanceconfig_latency="optimized")) as server:
        ask(server.url, "invoke_model", modelId=MODEL, body="{}")
    assert instrumented.attributes["spanledger.service_tier"] == "flex"
    assert instrumented.attributes["spanledger.speed"] == "optimized"
