"""A local Bedrock that knows what it served: each request has its own counts, in the shape of the method asked for."""

import base64
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import unquote

from tests.wire.wire_event_stream import encoded
from tests.wire.wire_local import LocalHandler, local_server

from provider_server import Served, Usage

__all__ = ["serving_bedrock"]

Document = Mapping[str, Any]


@contextmanager
def serving_bedrock() -> Generator[tuple[str, list[Served]]]:
    """The URL of the server, and what it served so far."""
    served: list[Served] = []
    numbers = count(1)

    class Handler(LocalHandler):
        def reply(self, body: bytes) -> None:  # noqa: ARG002 - the answer depends on nothing that was said
            _, _, model, method = self.path.split("/")
            number = next(numbers)
            usage = Usage(input=10 + number, cache_read=1000 * number, cache_write=100 * number, output=20 + number)
            record = Served(
                f"req-{number:020}",
                "anthropic",  # by the format of the models; nothing here depends on it
                method,
                unquote(model),
                200,
                id=_claude(usage)["id"] if "invoke" in method else None,
                model=unquote(model),
                streamed="stream" in method,
                usage=usage,
                usage_sent=True,
            )
            served.append(record)
            self.send_response(200)
            self.send_header("x-amzn-requestid", record.request_id)
            if record.streamed:
                self._stream(_EVENTS[method](usage))
            else:
                self._whole(_DOCUMENTS[method](usage), usage)

        def _whole(self, document: Document, usage: Usage) -> None:
            answer = json.dumps(document).encode()
            headers = {
                "content-type": "application/json",
                "x-amzn-bedrock-input-token-count": usage.input,
                "x-amzn-bedrock-output-token-count": usage.output,
                "x-amzn-bedrock-cache-read-input-token-count": usage.cache_read,
                "x-amzn-bedrock-cache-write-input-token-count": usage.cache_write,
                "content-length": len(answer),
            }
            for name, value in headers.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(answer)

        def _stream(self, events: list[bytes]) -> None:
            self.send_header("content-type", "application/vnd.amazon.eventstream")
            self.send_header("x-amzn-bedrock-content-type", "application/json")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for event in (*events, b""):
                self.send_chunk(event)

    with local_server(Handler) as url:
        yield url, served


def _converse_usage(usage: Usage) -> Document:
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.output,
        "totalTokens": usage.input_tokens + usage.output,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write,
    }


def _converse(usage: Usage) -> Document:
    message = {"role": "assistant", "content": [{"text": "On its way."}]}
    end = {"stopReason": "end_turn", "metrics": {"latencyMs": 7}}
    return {"output": {"message": message}, "usage": _converse_usage(usage), **end}


def _converse_stream(usage: Usage) -> list[bytes]:
    events = (
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "On its way."}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": _converse_usage(usage), "metrics": {"latencyMs": 7}}),
    )
    return [encoded(kind, payload) for kind, payload in events]


def _claude(usage: Usage) -> Document:
    """Claude's own format, which InvokeModel passes on."""
    counts = {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
    }
    return {
        "id": f"msg_bdrk_{usage.input:020}",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [{"type": "text", "text": "On its way."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": counts,
    }


def _claude_stream(usage: Usage) -> list[bytes]:
    message = _claude(usage)
    metrics = {
        "inputTokenCount": usage.input,
        "outputTokenCount": usage.output,
        "cacheReadInputTokenCount": usage.cache_read,
        "cacheWriteInputTokenCount": usage.cache_write,
    }
    begun: Document = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    documents: tuple[Document, ...] = (
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "On its way."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": usage.output}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics},
    )
    return [encoded("chunk", {"bytes": base64.b64encode(json.dumps(each).encode()).decode()}) for each in documents]


_DOCUMENTS = {"converse": _converse, "invoke": _claude}
_EVENTS = {"converse-stream": _converse_stream, "invoke-with-response-stream": _claude_stream}
