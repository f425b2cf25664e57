"""Prompts and completions of Groq's, Together's and Ollama's SDKs."""

import json
from typing import Any

import groq
import httpx
import ollama
import together
from wire_content import BRIEF, IMAGE, PARAMETERS, TOOL, ContentContract, Said, Served, events, image, text
from wire_content_chat import MESSAGES, MODEL, SHORT_ANSWERED, SHORT_ASKED, TOOLS, OpenAIFormat
from wire_scripted import Script, answer

from spanledger import semconv

__all__ = ["events"]


class TestGroq(OpenAIFormat):
    def create(self, url: str) -> Any:  # noqa: ANN401
        return groq.Groq(base_url=url, api_key="k", http_client=httpx.Client(verify=False)).chat.completions.create


class TestTogether(OpenAIFormat):
    def create(self, url: str) -> Any:  # noqa: ANN401
        return together.Together(base_url=url, api_key="k").chat.completions.create


CALL_WITHOUT_ID: Any = {"type": "tool_call", "name": "track", "arguments": {"number": 18}}


LLAMA: Any = {
    "model": "m",
    "tools": TOOLS,
    "messages": [
        MESSAGES[0],
        {"role": "user", "content": "Where is my parcel?", "images": [IMAGE]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "track", "arguments": {"number": 17}}}],
        },
        {"role": "tool", "content": "In Ghent."},
    ],
}


def client(url: str) -> Any:  # noqa: ANN401
    """A client of Ollama, whose types are not all known."""
    return ollama.Client(url)


class TestOllama(ContentContract):
    """Images are beside the text, arguments are no text, and calls have no ids."""

    def script(self, served: Served) -> Script:
        calls = [{"function": {"name": "track", "arguments": {"number": 18}}}]
        head = {"model": MODEL, "created_at": "2026-01-01T00:00:00Z"}
        last = {"done": True, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 5}
        if served == "whole":
            said = {"role": "assistant", "content": "Let me look.", "tool_calls": calls}
            return answer({**head, "message": said, **last})
        lines: list[Said] = [{"role": "assistant", "content": "Let me "}, {"role": "assistant", "content": "look."}]
        lines.append({"role": "assistant", "content": "", "tool_calls": calls})
        documents: list[Any] = [{**head, "message": line, "done": False} for line in lines]
        if served == "streamed":
            documents.append({**head, "message": {"role": "assistant", "content": ""}, **last})
        body = "".join(json.dumps(document) + "\n" for document in documents)
        return Script(body.encode(), "application/x-ndjson", cut=served == "cut")

    def ask(self, url: str) -> object:
        return client(url).chat(**LLAMA)

    def ask_stream(self, url: str) -> object:
        return list(client(url).chat(**LLAMA, stream=True))

    def asked(self) -> Said:
        user = {"role": "user", "parts": [text("Where is my parcel?"), image(None)]}
        without_id = [{"role": "assistant", "parts": [{**CALL_WITHOUT_ID, "arguments": {"number": 17}}]}]
        found = {"role": "tool", "parts": [{"type": "tool_call_response", "response": "In Ghent."}]}
        system = {"role": "system", "parts": [BRIEF]}
        tool = {**TOOL, "parameters": PARAMETERS}
        return {
            semconv.INPUT_MESSAGES: [system, user, *without_id, found],
            semconv.TOOL_DEFINITIONS: [tool],
        }

    def answered(self) -> list[Said]:
        return [{"role": "assistant", "parts": [text("Let me look."), CALL_WITHOUT_ID], "finish_reason": "stop"}]


THINKS = "thinking" in ollama.GenerateResponse.model_fields
"""Older versions of the SDK leave the thoughts out of what they return."""


class TestOllamaGenerate(ContentContract):
    def script(self, served: Served) -> Script:
        head = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
        last = {"done": True, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 5}
        if served == "whole":
            return answer({**head, "thinking": "Where?", "response": "In Ghent.", **last})
        lines: list[Said] = [{**head, "thinking": "Where?", "response": "", "done": False}]
        lines += [{**head, "response": piece, "done": False} for piece in ("In ", "Ghent.")]
        lines += [{**head, "response": "", **last}] if served == "streamed" else []
        body = "".join(json.dumps(line) + "\n" for line in lines)
        return Script(body.encode(), "application/x-ndjson", cut=served == "cut")

    def ask(self, url: str) -> object:
        return ollama.Client(url).generate("m", "Where is my parcel?", system="Be brief.")

    def ask_stream(self, url: str) -> object:
        return list(ollama.Client(url).generate("m", "Where is my parcel?", system="Be brief.", stream=True))

    def asked(self) -> Said:
        return {semconv.INPUT_MESSAGES: SHORT_ASKED, semconv.SYSTEM_INSTRUCTIONS: [text("Be brief.")]}

    def answered(self) -> list[Said]:
        thoughts = [{"type": "reasoning", "content": "Where?"}] if THINKS else []
        return [{**SHORT_ANSWERED[0], "parts": [*thoughts, text("In Ghent.")]}]
