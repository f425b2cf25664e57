"""Prompts and completions of Gemini and xAI, whose formats and transports are their own."""

import importlib
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from wire_content import (
    ASKED,
    BRIEF,
    IMAGE,
    PARAMETERS,
    TOOL,
    ContentContract,
    Said,
    Served,
    call,
    events,
    on_spans,
    said_on,
    text,
)
from wire_recording import Recording
from wire_scripted import EVENTS, Script, answer
from wire_xai import serving_xai

from spanledger import semconv

__all__ = ["events", "on_spans"]

# Neither has types, or shares its name space with stubs that do not know it.
genai: Any = importlib.import_module("google.genai")
types: Any = genai.types
xai_sdk: Any = importlib.import_module("xai_sdk")
xai_chat: Any = importlib.import_module("xai_sdk.chat")

BYTES = b"ABCD"


def without_id(part: Said) -> Said:
    return {name: value for name, value in part.items() if name != "id"}


class TestGemini(ContentContract):
    """Calls of tools have no ids, and instructions are apart from the messages."""

    def script(self, served: Served) -> Script:
        thought = {"text": "Where?", "thought": True}
        said = [{"text": "Let me "}, {"text": "look."}]
        asked = {"functionCall": {"name": "track", "args": {"number": 18}}}
        if served == "whole":
            said = [{"text": "Let me look."}]
            return answer(self.content([thought, *said, asked], finishReason="STOP"))
        chunks = [self.content([thought]), self.content(said[:1]), self.content(said[1:]), self.content([asked])]
        if served == "streamed":
            chunks.append(self.content([{"text": ""}], finishReason="STOP"))
        body = b"".join(b"data: " + answer(chunk).body + b"\r\n\r\n" for chunk in chunks)
        return Script(body, EVENTS, cut=served == "cut")

    def content(self, said: list[Any], **more: object) -> Said:
        candidate = {"index": 0, "content": {"role": "model", "parts": said}, **more}
        return {"responseId": "answer-1", "modelVersion": "m-001", "candidates": [candidate]}

    def arguments(self) -> Said:
        declared = {"name": "track", "description": "Finds parcels.", "parameters_json_schema": PARAMETERS}
        picture = types.Part.from_bytes(data=BYTES, mime_type="image/png")
        given = types.Part.from_function_response(name="track", response={"result": "In Ghent."})
        tools = [types.Tool(function_declarations=[declared]), types.Tool(google_search=types.GoogleSearch())]
        return {
            "model": "m",
            "contents": [
                types.Content(role="user", parts=[types.Part(text="Where is my parcel?"), picture]),
                types.Content(role="model", parts=[types.Part.from_function_call(name="track", args={"number": 17})]),
                types.Content(role="user", parts=[given]),
            ],
            "config": types.GenerateContentConfig(system_instruction="Be brief.", tools=tools),
        }

    def models(self, url: str) -> Any:  # noqa: ANN401
        """The client is kept, as it closes its connections when it is collected."""
        self.open_client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
        return self.open_client.models

    def ask(self, url: str) -> object:
        return self.models(url).generate_content(**self.arguments())

    def ask_stream(self, url: str) -> object:
        return list(self.models(url).generate_content_stream(**self.arguments()))

    def asked(self) -> Said:
        called = {"role": "assistant", "parts": [without_id(call(17))]}
        response = {"type": "tool_call_response", "id": "track", "response": {"result": "In Ghent."}}
        return {
            semconv.INPUT_MESSAGES: [ASKED, called, {"role": "user", "parts": [response]}],
            semconv.SYSTEM_INSTRUCTIONS: [BRIEF],
            semconv.TOOL_DEFINITIONS: [{"type": "googleSearch", "name": "googleSearch"}, TOOL],
        }

    def answered(self) -> list[Said]:
        said = [{"type": "reasoning", "content": "Where?"}, text("Let me look."), without_id(call(18))]
        return [{"role": "assistant", "parts": said, "finish_reason": "tool_call"}]


class TestXai(ContentContract):
    """Its SDK makes the span and writes its own names to it; ours come besides."""

    def script(self, served: Served) -> Script:
        raise NotImplementedError(served)  # served over gRPC

    def serving(self, served: Served) -> AbstractContextManager[str]:
        return serving_xai("answer" if served == "whole" else "stream" if served == "streamed" else "cut")

    def chat(self, url: str) -> Any:  # noqa: ANN401
        client = xai_sdk.Client(api_key="k", api_host=url, use_insecure_channel=True)
        tool = xai_chat.tool("track", "Finds parcels.", PARAMETERS)
        chat = client.chat.create(model="m", tools=[tool], messages=[xai_chat.system("Be brief.")])
        chat.append(xai_chat.user("Where is my parcel?", xai_chat.image(f"data:image/png;base64,{IMAGE}")))
        return chat

    def ask(self, url: str) -> object:
        return self.chat(url).sample()

    def ask_stream(self, url: str) -> object:
        return list(self.chat(url).stream())

    def asked(self) -> Said:
        system = {"role": "system", "parts": [BRIEF]}
        return {semconv.INPUT_MESSAGES: [system, ASKED], semconv.TOOL_DEFINITIONS: [TOOL]}

    def answered(self) -> list[Said]:
        return [{"role": "assistant", "parts": [text("In Ghent.")], "finish_reason": "stop"}]


def test_a_deferred_answer_of_xai(on_spans: Recording) -> None:
    """What was asked went with the request that started it, which is no call."""
    with serving_xai("answer") as url:
        client = xai_sdk.Client(api_key="k", api_host=url, use_insecure_channel=True)
        client.chat.create(model="m", messages=[xai_chat.user("Where?")]).defer(interval=timedelta(milliseconds=1))
    assert said_on(on_spans) == {
        semconv.OUTPUT_MESSAGES: [{"role": "assistant", "parts": [text("In Ghent.")], "finish_reason": "stop"}]
    }
