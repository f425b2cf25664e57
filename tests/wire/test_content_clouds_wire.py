"""Prompts and completions of Gemini, Bedrock and xAI, whose formats and transports are their own."""

import importlib
import json
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from wire_bedrock import Reply, answering, ask, parts, stream
from wire_bedrock import document as bedrock_document
from wire_content import (
    ANSWERED,
    ASKED,
    BRIEF,
    CALLED,
    FOUND,
    IMAGE,
    PARAMETERS,
    TOOL,
    ContentContract,
    Said,
    Served,
    call,
    events,
    text,
)
from wire_scripted import EVENTS, Script, answer
from wire_xai import serving_xai

from spanledger import semconv

__all__ = ["events"]

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


class _Bedrock(ContentContract):
    def script(self, served: Served) -> Script:
        raise NotImplementedError(served)  # answered by a server of its own

    def reply(self, served: Served) -> Reply:
        raise NotImplementedError

    @contextmanager
    def serving(self, served: Served) -> Generator[str]:
        with answering(self.reply(served)) as server:
            yield server.url


class TestConverse(_Bedrock):
    """Results of tools come in messages of the user, and images as bytes."""

    def reply(self, served: Served) -> Reply:
        thought = {"reasoningContent": {"reasoningText": {"text": "Where?", "signature": "s"}}}
        use = {"toolUseId": "call_18", "name": "track"}
        usage = {"usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}, "metrics": {"latencyMs": 7}}
        if served == "whole":
            content = [thought, {"text": "Let me look."}, {"toolUse": {**use, "input": {"number": 18}}}]
            said = {"message": {"role": "assistant", "content": content}}
            return bedrock_document({"output": said, "stopReason": "tool_use", **usage})
        deltas: list[tuple[int, Said]] = [
            (0, {"reasoningContent": {"text": "Where?"}}),
            (1, {"text": "Let me "}),
            (1, {"text": "look."}),
            (2, {"toolUse": {"input": '{"number"'}}),
            (2, {"toolUse": {"input": ": 18}"}}),
        ]
        kinds: list[Said] = [{"messageStart": {"role": "assistant"}}]
        kinds += [{"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}} for index, delta in deltas]
        kinds.insert(4, {"contentBlockStart": {"contentBlockIndex": 2, "start": {"toolUse": use}}})
        last: list[Said] = [{"messageStop": {"stopReason": "tool_use"}}, {"metadata": usage}]
        return stream(*kinds, *last, cut=len(kinds) if served == "cut" else None)

    def params(self) -> Said:
        specified = {"name": "track", "description": "Finds parcels.", "inputSchema": {"json": PARAMETERS}}
        picture = {"image": {"format": "png", "source": {"bytes": BYTES}}}
        use = {"toolUseId": "call_17", "name": "track", "input": {"number": 17}}
        result = {"toolUseId": "call_17", "content": [{"text": "In Ghent."}]}
        return {
            "modelId": "amazon.nova-lite-v1:0",
            "system": [{"text": "Be brief."}],
            "toolConfig": {"tools": [{"toolSpec": specified}]},
            "messages": [
                {"role": "user", "content": [{"text": "Where is my parcel?"}, picture]},
                {"role": "assistant", "content": [{"toolUse": use}]},
                {"role": "user", "content": [{"toolResult": result}]},
            ],
        }

    def ask(self, url: str) -> object:
        return ask(url, "converse", **self.params())

    def ask_stream(self, url: str) -> object:
        return ask(url, "converse_stream", **self.params())

    def asked(self) -> Said:
        return {
            semconv.INPUT_MESSAGES: [ASKED, CALLED, {**FOUND, "role": "user"}],
            semconv.SYSTEM_INSTRUCTIONS: [BRIEF],
            semconv.TOOL_DEFINITIONS: [TOOL],
        }

    def answered(self) -> list[Said]:
        return [{**ANSWERED, "parts": [{"type": "reasoning", "content": "Where?"}, *ANSWERED["parts"]]}]


class _Invoke(_Bedrock):
    """A body in the format of the model's maker: `body`, the `whole` answer and the `parts` of a stream, of which the
    last has the reason for the end."""

    model = "m"
    body: Said
    whole: Said
    parts: tuple[Said, ...]
    reason = "stop"

    def reply(self, served: Served) -> Reply:
        if served == "whole":
            return bedrock_document(self.whole)
        return parts(*self.parts, cut=len(self.parts) - 1 if served == "cut" else None)

    def ask(self, url: str) -> object:
        return ask(url, "invoke_model", modelId=self.model, body=json.dumps(self.body))

    def ask_stream(self, url: str) -> object:
        body = json.dumps(self.body).encode()
        return ask(url, "invoke_model_with_response_stream", modelId=self.model, body=body)

    def asked(self) -> Said:
        return {semconv.INPUT_MESSAGES: [{"role": "user", "parts": [text("Where?")]}]}

    def answered(self) -> list[Said]:
        return [{"role": "assistant", "parts": [text("In Ghent.")], "finish_reason": self.reason}]


def delta(said: str) -> Said:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": said}}


def maker(name: str, body: Said, whole: Said, *pieces: Said, reason: str = "stop") -> type[_Invoke]:
    """The contract for the format of one maker."""
    return type(name, (_Invoke,), {"body": body, "whole": whole, "parts": pieces, "reason": reason})


WHERE: Said = {"messages": [{"role": "user", "content": "Where?"}]}

TestClaude = maker(
    "TestClaude",
    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, **WHERE},
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "In Ghent."}],
        "stop_reason": "end_turn",
    },
    {"type": "message_start", "message": {"role": "assistant"}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    delta("In "),
    delta("Ghent."),
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
)
TestLlama = maker(
    "TestLlama",
    {"prompt": "Where?"},
    {"generation": "In Ghent.", "stop_reason": "length"},
    {"generation": "In ", "stop_reason": None},
    {"generation": "Ghent.", "stop_reason": None},
    {"generation": "", "stop_reason": "length"},
    reason="length",
)
TestTitan = maker(
    "TestTitan",
    {"inputText": "Where?"},
    {"results": [{"outputText": "In Ghent.", "completionReason": "FINISH"}]},
    {"outputText": "In Ghent.", "completionReason": None},
    {"outputText": "", "completionReason": "FINISH"},
)
TestNova = maker(
    "TestNova",
    {"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": "Where?"}]}]},
    {"output": {"message": {"role": "assistant", "content": [{"text": "In Ghent."}]}}, "stopReason": "end_turn"},
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "In Ghent."}}},
    {"messageStop": {"stopReason": "end_turn"}},
)
TestOpenWeights = maker(
    "TestOpenWeights",
    WHERE,
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "In Ghent."}, "finish_reason": "stop"}]},
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "In Ghent."}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
)


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
