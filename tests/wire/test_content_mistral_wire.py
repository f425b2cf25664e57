"""Prompts and completions of Mistral's SDK: chat, conversations, and what the SDK writes by itself."""

from typing import Any

from mistralai.client import Mistral
from mistralai.extra.observability import configure_telemetry
from wire_content import ContentContract, Said, Served, events, on_spans, said_on, text
from wire_content_chat import MESSAGES, SHORT_ASKED, TOOLS, WHERE, WHOLE, OpenAIFormat, called
from wire_recording import Recording
from wire_scripted import Script, answer, named_events, serving

from spanledger import semconv

__all__ = ["events", "on_spans"]


class TestMistral(OpenAIFormat):
    def calls(self) -> list[dict[str, Any]]:
        return [called({"name": "track", "arguments": '{"number": 18}'}, id="call_18")]

    def ask(self, url: str) -> object:
        return Mistral(api_key="k", server_url=url).chat.complete(model="m", messages=MESSAGES, tools=TOOLS)

    def ask_stream(self, url: str) -> object:
        return list(Mistral(api_key="k", server_url=url).chat.stream(model="m", messages=MESSAGES, tools=TOOLS))


class TestConversation(ContentContract):
    """Mistral's conversations."""

    def script(self, served: Served) -> Script:
        head = {"conversation_id": "c-1"}
        call = {"type": "function.call", "id": "f", "tool_call_id": "call_2", "name": "track"}
        searched = {"type": "tool.execution", "id": "t", "name": "web_search", "arguments": "{}"}
        message = {"type": "message.output", "id": "m", "role": "assistant", "content": "In Ghent."}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        if served == "whole":
            outputs: list[Said] = [searched, message, {**call, "arguments": '{"number": 18}'}]
            return answer({**head, "object": "conversation.response", "outputs": outputs, "usage": usage})

        def said(kind: str, index: int, **more: object) -> Said:
            return {"type": kind, "output_index": index, "id": "x", **more}

        kinds: list[Said] = [
            {"type": "conversation.response.started", **head},
            said("tool.execution.started", 0, name="web_search", arguments="{}") | {"id": "t"},
            said("tool.execution.done", 0, name="web_search") | {"id": "t"},
            said("message.output.delta", 1, role="assistant", content="In "),
            said("message.output.delta", 1, role="assistant", content={"type": "text", "text": "Ghent."}),
            said("function.call.delta", 2, tool_call_id="call_2", name="track", arguments='{"number": '),
            said("function.call.delta", 2, tool_call_id="call_2", name="track", arguments="18}"),
        ]
        if served == "streamed":
            kinds.append({"type": "conversation.response.done", "usage": usage})
        return named_events(*kinds, cut=served == "cut")

    def arguments(self) -> Any:  # noqa: ANN401
        result = {"type": "function.result", "tool_call_id": "call_1", "result": "In Ghent."}
        return {
            "model": "m",
            "instructions": "Be brief.",
            "inputs": [{"type": "message.input", "role": "user", "content": "Where is my parcel?"}, result],
            "tools": [{"type": "web_search"}],
        }

    def ask(self, url: str) -> object:
        return Mistral(api_key="k", server_url=url).beta.conversations.start(**self.arguments())

    def ask_stream(self, url: str) -> object:
        return list(Mistral(api_key="k", server_url=url).beta.conversations.start_stream(**self.arguments()))

    def asked(self) -> Said:
        found = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "In Ghent."}]}
        return {
            semconv.INPUT_MESSAGES: [*SHORT_ASKED, found],
            semconv.SYSTEM_INSTRUCTIONS: [text("Be brief.")],
            semconv.TOOL_DEFINITIONS: [{"type": "web_search", "name": "web_search"}],
        }

    def answered(self) -> list[Said]:
        details = {"type": "web_search", "arguments": "{}", "info": None}
        parts = [
            {"type": "server_tool_call", "id": "t", "name": "web_search", "server_tool_call": details},
            text("In Ghent."),
            {"type": "tool_call", "id": "call_2", "name": "track", "arguments": {"number": 18}},
        ]
        return [{"role": "assistant", "parts": parts, "finish_reason": "tool_call"}]


def test_what_an_sdk_wrote_to_its_own_span_stays(on_spans: Recording) -> None:
    """Mistral's SDK writes messages by itself when it is told to trace, whatever our variable says."""
    with serving(WHOLE) as server:
        client = Mistral(api_key="k", server_url=server.url)
        configure_telemetry(client, provider="global")
        client.chat.complete(model="m", messages=WHERE)
    asked = said_on(on_spans)[semconv.INPUT_MESSAGES]
    assert [message["role"] for message in asked] == ["user"]
