"""A local Ollama: chat, generate and embed, with a word for a token, and the truth of what was served.

The header `x-provider-fault` asks for trouble: `400`, or `cut2` (the connection breaks after two lines).
"""

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from wire_local import LocalHandler, local_server

from provider_server import Served, Usage

ANSWER = ("Your", "parcel", "is", "on", "its", "way")
Document = dict[str, Any]


@dataclass
class OllamaServer:
    """A running server; with `cached` it leaves out the count of the prompt, as Ollama does when it has seen it."""

    url: str
    served: list[Served] = field(default_factory=list[Served])
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    cached: bool = False


@contextmanager
def running() -> Generator[OllamaServer]:
    """A server on a free port of this machine."""
    server = OllamaServer("")
    with local_server(_handler_of(server)) as server.url:
        yield server


def _handler_of(server: OllamaServer) -> type[LocalHandler]:
    class Handler(LocalHandler):
        def reply(self, body: bytes) -> None:
            request = json.loads(body)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            fault = self.headers.get("x-provider-fault", "")
            model, status = request["model"], 200
            lines = list(_lines(server, self.path, request))
            if fault == "400" or model == "no-such-model":
                status = 400 if fault else 404
                lines = [{"error": f"model '{model}' does not exist"}]
            server.served.append(_served(self.path, request, status))
            self._send(lines, status, cut=int(fault.removeprefix("cut")) if fault.startswith("cut") else None)

        def _send(self, lines: list[Document], status: int, cut: int | None) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/x-ndjson" if len(lines) > 1 else "application/json")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for line in lines[:cut]:
                self.send_chunk(json.dumps(line).encode() + b"\n")
            if cut is None:
                self.send_chunk(b"")
            self.close_connection = self.close_connection or cut is not None

    return Handler


def _prompt(request: Document) -> str:
    messages = cast("list[Document]", request.get("messages", []))
    texts = [str(message["content"]) for message in messages]
    return " ".join([*texts, str(request.get("prompt", "")), " ".join(request.get("input", []))])


def _served(path: str, request: Document, status: int) -> Served:
    words, embeds = len(_prompt(request).split()), path == "/api/embed"
    usage = Usage(input=words, output=0 if embeds else len(ANSWER)) if status == 200 else None
    model = request["model"]
    return Served("", "openai", path, model, status, model=f"{model}:latest", usage=usage, usage_sent=True)


def _lines(server: OllamaServer, path: str, request: Document) -> Iterator[Document]:
    head = {"model": f"{request['model']}:latest", "created_at": "2026-01-01T00:00:00Z"}
    count = {} if server.cached else {"prompt_eval_count": len(_prompt(request).split())}
    if path == "/api/embed":
        yield {**head, "embeddings": [[0.1, 0.2]], **count}
        return
    last = {"done": True, "done_reason": "stop", "total_duration": 7, "eval_count": len(ANSWER), **count}
    if not request.get("stream"):
        yield {**head, **_said(path, " ".join(ANSWER)), **last}
        return
    for word in ANSWER:
        yield {**head, **_said(path, word), "done": False}
    yield {**head, **_said(path, ""), **last}


def _said(path: str, text: str) -> Document:
    return {"message": {"role": "assistant", "content": text}} if path == "/api/chat" else {"response": text}
