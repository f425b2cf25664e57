"""The server: which path is answered by what, who may ask, what is recorded, and how it starts and stops."""

import asyncio
import json
import logging
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from provider_server import anthropic_messages, google_generate, openai_chat, openai_embeddings, openai_responses
from provider_server.answers import Account, Answer
from provider_server.documents import JsonObject, as_object
from provider_server.errors import ProviderError, error_body
from provider_server.faults import FAULT_HEADER, Faults
from provider_server.prompts import PromptCache
from provider_server.records import Provider, Served

__all__ = ["ProviderServer", "running"]

_REQUEST_ID_HEADER: dict[Provider, str] = {
    "openai": "x-request-id",
    "anthropic": "request-id",
    "google": "x-request-id",
}
_API_KEY_HEADER: dict[Provider, str] = {"anthropic": "x-api-key", "google": "x-goog-api-key"}
_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Endpoint:
    path: str
    provider: Provider
    name: str
    answer: Callable[[JsonObject, Account], Answer]
    addressed: Callable[[dict[str, str]], JsonObject] = lambda _path: {}


_ENDPOINTS = (
    _Endpoint("/v1/chat/completions", "openai", "chat.completions", openai_chat.answer),
    _Endpoint("/v1/responses", "openai", "responses", openai_responses.answer),
    _Endpoint("/v1/embeddings", "openai", "embeddings", openai_embeddings.answer),
    _Endpoint("/v1/messages", "anthropic", "messages", anthropic_messages.answer),
    _Endpoint("/v1/messages/count_tokens", "anthropic", "messages.count_tokens", anthropic_messages.answer_count),
    _Endpoint(
        "/{version}/models/{model}:{method}",
        "google",
        "generateContent",
        google_generate.answer,
        google_generate.addressed,
    ),
)


class _StreamCutError(Exception):
    """Ends a stream without its end, so that the server drops the connection."""


class ProviderServer:
    """A running server. `url` is its root: the base URL of Anthropic clients; OpenAI clients add `/v1`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._served: list[Served] = []
        self._cache = PromptCache()
        self._faults = Faults()

    @property
    def served(self) -> Sequence[Served]:
        """Every request so far, in order of arrival, also the refused ones."""
        return tuple(self._served)

    def build_app(self) -> Starlette:
        """The application: the endpoints, and the records as JSON at `/_served`."""
        routes = [Route(endpoint.path, self._handler(endpoint), methods=["POST"]) for endpoint in _ENDPOINTS]
        return Starlette(routes=[*routes, Route("/_served", self._show_served)])

    async def _show_served(self, _request: Request) -> Response:
        return JSONResponse([record.document for record in self._served])

    def _handler(self, endpoint: _Endpoint) -> Callable[[Request], object]:
        async def handle(request: Request) -> Response:
            return self._serve(endpoint, request, await request.body())

        return handle

    def _serve(self, endpoint: _Endpoint, request: Request, raw: bytes) -> Response:
        record = Served(f"req_{secrets.token_hex(12)}", endpoint.provider, endpoint.name, "", 200)
        headers = {_REQUEST_ID_HEADER[endpoint.provider]: record.request_id}
        try:
            body = _json_object(raw) | endpoint.addressed(request.path_params)
            record = replace(record, request_model=str(body.get("model", "")), streamed=bool(body.get("stream")))
            account = Account(_api_key(endpoint.provider, request), self._cache)
            cut = self._faults.check(request.headers.get(FAULT_HEADER), raw)
            answer = endpoint.answer(body, account)
        except ProviderError as error:
            self._served.append(replace(record, status=error.status))
            content = error_body(endpoint.provider, error, record.request_id)
            return JSONResponse(content, error.status, headers | {"retry-after-ms": "1"})
        self._served.append(_completed(record, answer, cut))
        if answer.events is None:
            return JSONResponse(answer.body, headers=headers)
        return StreamingResponse(_send(answer.events, cut), headers=headers, media_type="text/event-stream")


@contextmanager
def running(port: int = 0) -> Generator[ProviderServer]:
    """Serve on 127.0.0.1 in a thread of its own until the block ends; port 0 picks a free one.

    Raises OSError if the port is taken, RuntimeError if the server does not start within ten seconds.
    """
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = ProviderServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        web = uvicorn.Server(uvicorn.Config(server.build_app(), lifespan="off", log_config=None, access_log=False))
        thread = threading.Thread(target=web.run, args=([listener],), name="provider-server", daemon=True)
        thread.start()
        logging.getLogger("uvicorn.error").addFilter(_is_not_a_cut_stream)
        try:
            _wait_until_started(web, thread)
            yield server
        finally:
            web.should_exit = web.force_exit = True
            thread.join()


def _wait_until_started(web: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not web.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the provider server did not start")
        time.sleep(0.005)


def _is_not_a_cut_stream(record: logging.LogRecord) -> bool:
    """Keep streams that are cut on purpose out of the error log."""
    return not (record.exc_info and isinstance(record.exc_info[1], _StreamCutError))


def _json_object(raw: bytes) -> JsonObject:
    try:
        body = as_object(json.loads(raw))
    except ValueError as error:
        raise ProviderError(400, f"We could not parse the JSON body of your request: {error}") from error
    if body is None:
        raise ProviderError(400, "The body of your request must be a JSON object.")
    return body


def _api_key(provider: Provider, request: Request) -> str:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    key = request.headers.get(_API_KEY_HEADER.get(provider, ""), bearer)
    if not key:
        raise ProviderError(401, "You didn't provide an API key.", code="invalid_api_key")
    return key


def _completed(record: Served, answer: Answer, cut: int | None) -> Served:
    """The record of an answer. A cut stream is billed like a whole one, but its end never arrives."""
    whole = cut is None or answer.events is None
    return replace(
        record,
        id=answer.id,
        model=answer.model,
        finished=whole,
        usage=answer.usage,
        usage_sent=answer.usage_sent and whole,
        tier=answer.tier,
    )


async def _send(events: Sequence[str], cut: int | None) -> AsyncIterator[str]:
    for event in events[:cut]:
        yield event
        await asyncio.sleep(0)
    if cut is not None:
        raise _StreamCutError
