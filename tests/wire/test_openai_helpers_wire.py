"""Legacy completions of the OpenAI SDK, and helpers that make calls: those that parse, and one that runs tools."""

from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel
from wire_openai import OpenAIContract, openai_client
from wire_recording import Recording, attributes_of
from wire_scripted import Script, answer, serving
from wire_sdk_contract import Attributes, counts_of

USAGE: dict[str, Any] = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4},
}
COUNTS = {
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.output_tokens": 5,
}
HEAD = {"id": "answer-1", "created": 1, "model": "model-of-a-test-001"}


class TestLegacyCompletions(OpenAIContract):
    operation = "text_completion"

    def usage(self) -> Attributes:
        return COUNTS

    def part(self, said: str, reason: str | None, **more: object) -> dict[str, Any]:
        choice = {"index": 0, "text": said, "finish_reason": reason, "logprobs": None}
        return {**HEAD, "object": "text_completion", "choices": [choice], **more}

    def whole(self) -> Script:
        return answer(self.part("In Ghent.", "stop", usage=USAGE))

    def events(self) -> list[dict[str, Any]]:
        return [self.part("In ", None), self.part("Ghent.", "stop", usage=USAGE)]

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.completions.create(model=self.model, prompt="Where is it?")

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.completions.create(model=self.model, prompt="Where is it?", stream=True)


class Place(BaseModel):
    city: str


def parsed_chat(client: openai.OpenAI) -> Place | None:
    question: Any = [{"role": "user", "content": "Where is it?"}]
    completion = client.chat.completions.parse(model="m", messages=question, response_format=Place)
    return completion.choices[0].message.parsed


def parsed_response(client: openai.OpenAI) -> Place | None:
    return client.responses.parse(model="m", input="Where is it?", text_format=Place).output_parsed


SAID = '{"city": "Ghent"}'
CHOICE = {"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}
PART: dict[str, Any] = {"type": "output_text", "text": SAID, "annotations": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [PART]}
RESPONSE: dict[str, Any] = {
    "id": "answer-1",
    "object": "response",
    "created_at": 1,
    "model": "model-of-a-test-001",
    "status": "completed",
    "output": [MESSAGE],
    "usage": {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    },
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}


@pytest.mark.parametrize(
    ("ask", "document"),
    [
        (parsed_chat, {**HEAD, "object": "chat.completion", "choices": [CHOICE], "usage": USAGE}),
        (parsed_response, RESPONSE),
    ],
)
def test_an_answer_that_is_parsed_is_one_exact_span(instrumented: Recording, ask: Any, document: object) -> None:  # noqa: ANN401
    with serving(answer(document)) as server:
        assert ask(openai_client(server.url)) == Place(city="Ghent")
    assert counts_of(instrumented.only) == COUNTS
    assert instrumented.attributes["spanledger.usage_status"] == "metered"
    assert instrumented.attributes["gen_ai.response.id"] == "answer-1"


@pytest.mark.skipif(not hasattr(anthropic, "beta_tool"), reason="this version of the SDK runs no tools")
def test_each_request_of_a_tool_runner_is_a_call(instrumented: Recording) -> None:
    def message(name: str, reason: str, tokens: int, *content: object) -> Script:
        head = {"id": name, "type": "message", "role": "assistant", "model": "m-001", "stop_sequence": None}
        usage = {"input_tokens": tokens, "output_tokens": 7}
        return answer({**head, "stop_reason": reason, "content": content, "usage": usage})

    def track(number: int) -> str:
        """Finds a parcel."""
        return f"{number} is in Ghent."

    use = {"type": "tool_use", "id": "call_1", "name": "track", "input": {"number": 17}}
    said = {"type": "text", "text": "In Ghent."}
    with serving(message("msg_1", "tool_use", 10, use), message("msg_2", "end_turn", 30, said)) as server:
        http = anthropic.DefaultHttpxClient(verify=False)
        client: Any = anthropic.Anthropic(base_url=server.url, api_key="k", http_client=http)
        question = [{"role": "user", "content": "Where is parcel 17?"}]
        tools = [anthropic.beta_tool(track)]
        runner = client.beta.messages.tool_runner(model="m", max_tokens=9, messages=question, tools=tools)
        assert runner.until_done().id == "msg_2"
    counted = [attributes_of(span) for span in instrumented.spans if counts_of(span)]
    assert [attributes["gen_ai.response.id"] for attributes in counted] == ["msg_1", "msg_2"]
    assert [attributes["gen_ai.usage.input_tokens"] for attributes in counted] == [10, 30]


@pytest.mark.skipif(not hasattr(openai.OpenAI, "decisions"), reason="this version of the SDK makes no decisions")
def test_decisions(instrumented: Recording) -> None:
    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 4},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 23,
    }
    decision = {"answers": [{"type": "predicate", "probability": 0.5}], "model": "gpt-6-luna", "usage": usage}
    with serving(answer(decision)) as server:
        client: Any = openai_client(server.url)
        client.decisions.create(model="gpt-6-luna", input="Where?", questions=[{"type": "predicate", "text": "Is it?"}])
    assert counts_of(instrumented.only) == {
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "gen_ai.usage.cache_write.input_tokens": 4,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }
    assert instrumented.attributes["gen_ai.response.model"] == "gpt-6-luna"
    assert instrumented.attributes["spanledger.usage_status"] == "metered"
