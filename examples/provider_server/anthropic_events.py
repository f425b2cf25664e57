"""A whole Anthropic message as the events of its stream (https://docs.anthropic.com/en/docs/build-with-claude/streaming)."""

import json
from collections.abc import Iterator

from provider_server.answers import sse
from provider_server.documents import JsonObject
from provider_server.replies import pieces

__all__ = ["stream"]

_DELTA_USAGE = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "output_tokens_details",
    "server_tool_use",
)
"""What `message_delta` counts, cumulatively; the split of cache writes by time to live is in `message_start` only."""


def stream(message: JsonObject) -> Iterator[str]:
    """The events, from `message_start` with a first partial count to `message_delta` with the final one."""
    usage: JsonObject = message["usage"]
    first = usage | {"output_tokens": 1, "output_tokens_details": None, "server_tool_use": None}
    begun: JsonObject = message | {"content": [], "stop_reason": None, "usage": first}
    yield _event({"type": "message_start", "message": begun})
    yield _event({"type": "ping"})
    for index, block in enumerate(message["content"]):
        yield _event({"type": "content_block_start", "index": index, "content_block": _opened(block)})
        for delta in _deltas(block):
            yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": end, "usage": {name: usage[name] for name in _DELTA_USAGE}})
    yield _event({"type": "message_stop"})


def _event(data: JsonObject) -> str:
    return sse(data, data["type"])


def _opened(block: JsonObject) -> JsonObject:
    """A block as it starts: what the deltas bring is still empty."""
    empty: dict[str, JsonObject] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
        "server_tool_use": {"input": {}},
    }
    return block | empty.get(block["type"], {})


def _deltas(block: JsonObject) -> Iterator[JsonObject]:
    match block["type"]:
        case "text":
            yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"]))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use" | "server_tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            for piece in pieces(json.dumps(block["input"])):
                yield {"type": "input_json_delta", "partial_json": piece}
        case _:
            return
