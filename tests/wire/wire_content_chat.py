"""Chat in the format of OpenAI with content in it: what any SDK that speaks it asks, and what it is answered."""

from typing import Any

from wire_content import IMAGE, PARAMETERS, ContentContract, Served, text
from wire_scripted import Script, answer, chat_events

from spanledger import semconv

MODEL = "model-of-a-test-001"
TRACK = {"name": "track", "description": "Finds parcels.", "parameters": PARAMETERS}
TOOLS: Any = [{"type": "function", "function": TRACK}]
CALL_17 = {"id": "call_17", "type": "function", "function": {"name": "track", "arguments": '{"number": 17}'}}
CALL_18 = {"id": "call_18", "type": "function", "function": {"name": "track", "arguments": '{"number": 18}'}}
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}
MESSAGES: Any = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Where is my parcel?"}, PICTURE]},
    {"role": "assistant", "content": None, "tool_calls": [CALL_17]},
    {"role": "tool", "tool_call_id": "call_17", "content": "In Ghent."},
]
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
HEAD = {"id": "answer-1", "object": "chat.completion", "created": 1, "model": MODEL}


def chunk(delta: object, finish_reason: str | None = None, **more: object) -> dict[str, Any]:
    """A chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice], **more}


def called(piece: dict[str, object], **more: object) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": 0, "function": piece, **more}]})


class OpenAIFormat(ContentContract):
    """Chat completions as OpenAI has them."""

    def script(self, served: Served) -> Script:
        if served == "whole":
            said = {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL_18]}
            choice = {"index": 0, "message": said, "finish_reason": "tool_calls"}
            return answer({**HEAD, "choices": [choice], "usage": USAGE})
        said = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Let me "}), chunk({"content": "look."})]
        chunks = [*said, *self.calls()]
        if served == "cut":
            return chat_events(*chunks, cut=True)
        return chat_events(*chunks, chunk({}, "tool_calls", usage=USAGE))

    def calls(self) -> list[dict[str, Any]]:
        """The chunks that bring the call of a tool."""
        return [
            called({"name": "track", "arguments": ""}, id="call_18", type="function"),
            called({"arguments": '{"number"'}),
            called({"arguments": ": 18}"}),
        ]

    def create(self, url: str) -> Any:  # noqa: ANN401
        """The method that makes a completion."""
        raise NotImplementedError

    def ask(self, url: str) -> object:
        return self.create(url)(model="m", messages=MESSAGES, tools=TOOLS)

    def ask_stream(self, url: str) -> object:
        return list(self.create(url)(model="m", messages=MESSAGES, tools=TOOLS, stream=True))


# A short exchange: a question and its answer

WHERE: Any = [{"role": "user", "content": "Where is my parcel?"}]
SHORT_ASKED = [{"role": "user", "parts": [text("Where is my parcel?")]}]
SHORT_ANSWERED = [{"role": "assistant", "parts": [text("In Ghent.")], "finish_reason": "stop"}]
BOTH = {semconv.INPUT_MESSAGES: SHORT_ASKED, semconv.OUTPUT_MESSAGES: SHORT_ANSWERED}
SHORT_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "In Ghent."}, "finish_reason": "stop"}
WHOLE = answer({**HEAD, "choices": [SHORT_CHOICE], "usage": USAGE})
STREAM = chat_events(chunk({"content": "In "}), chunk({"content": "Ghent."}), chunk({"content": ""}, "stop"))
