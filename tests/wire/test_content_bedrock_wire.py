"""Prompts and completions of Bedrock: Converse, and InvokeModel in the format of each maker."""

import json
from collections.abc import Generator
from contextlib import contextmanager

from wire_bedrock import Reply, answering, ask, knows, parts, stream
from wire_bedrock import document as bedrock_document
from wire_content import (
    ANSWERED,
    ASKED,
    BRIEF,
    CALLED,
    FOUND,
    PARAMETERS,
    TOOL,
    ContentContract,
    Said,
    Served,
    events,
    text,
)
from wire_scripted import Script

from spanledger import semconv

__all__ = ["events"]

BYTES = b"ABCD"
THINKS = knows("ContentBlock", "reasoningContent")
"""Older versions of the SDK leave the thoughts out of whole answers."""


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
            content = [
                *([thought] if THINKS else []),
                {"text": "Let me look."},
                {"toolUse": {**use, "input": {"number": 18}}},
            ]
            said = {"message": {"role": "assistant", "content": content}}
            return bedrock_document({"output": said, "stopReason": "tool_use", **usage})
        deltas: list[tuple[int, Said]] = [
            *([(0, {"reasoningContent": {"text": "Where?"}})] if THINKS else []),
            (1, {"text": "Let me "}),
            (1, {"text": "look."}),
            (2, {"toolUse": {"input": '{"number"'}}),
            (2, {"toolUse": {"input": ": 18}"}}),
        ]
        kinds: list[Said] = [{"messageStart": {"role": "assistant"}}]
        kinds += [{"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}} for index, delta in deltas]
        kinds.insert(len(kinds) - 2, {"contentBlockStart": {"contentBlockIndex": 2, "start": {"toolUse": use}}})
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
        thoughts = [{"type": "reasoning", "content": "Where?"}] if THINKS else []
        return [{**ANSWERED, "parts": [*thoughts, *ANSWERED["parts"]]}]


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
