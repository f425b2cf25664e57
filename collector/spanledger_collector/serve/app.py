"""The application behind the web port."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from html import escape
from http import HTTPStatus
from typing import Protocol

import duckdb
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from spanledger._version import __version__
from spanledger_collector.dialects.attribution_map import AttributionMap
from spanledger_collector.errors import SpanLedgerError
from spanledger_collector.keys import KeyRing
from spanledger_collector.ledger.actions import ACTIONS, Action
from spanledger_collector.ledger.queries import QUESTIONS, STATUS, Arguments, Document, Question, answer
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import PriceBook
from spanledger_collector.serve.acts import Acts
from spanledger_collector.serve.guard import Guard, is_loopback
from spanledger_collector.serve.metrics import LedgerGauges
from spanledger_collector.serve.openapi import openapi
from spanledger_collector.serve.problems import failed, not_http, problem, refused
from spanledger_collector.serve.readers import Readers
from spanledger_collector.serve.requests import read_arguments, read_posted
from spanledger_collector.settings import Settings
from spanledger_collector.sidecar import ledger_tag
from spanledger_collector.stats import Stats

__all__ = ["Served", "build_app"]


class Served(Protocol):
    """What the web port needs of a running server (`service_state.ServiceState` has more)."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def stats(self) -> Stats: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def book(self) -> PriceBook: ...
    @property
    def keys(self) -> KeyRing | None: ...
    @property
    def attribution(self) -> AttributionMap: ...
    @property
    def waiting(self) -> int: ...
    @property
    def trouble(self) -> str | None: ...
    def refuses(self) -> str | None: ...


def build_app(state: Served, readers: Readers, acts: Acts | None = None) -> Starlette:
    """The web port of a running server. Its owner closes the `readers` when the server ends. Without `acts` it only
    reads."""
    web = _Web(state, readers, () if acts is None else ACTIONS)
    tag = ledger_tag(state.ledger.path)
    app = Starlette(
        routes=[
            *(Route(page.path, web.endpoint(page)) for page in _PAGES),
            *(Route(question.path, web.asked(question), methods=_methods(question)) for question in QUESTIONS),
            *([] if acts is None else [_route(acts, action) for action in ACTIONS]),
        ],
        middleware=[
            Middleware(
                Guard,
                on_loopback=is_loopback(state.settings.web.host),
                keys=state.keys,
                tag=tag,
            )
        ],
        exception_handlers={SpanLedgerError: refused, HTTPException: not_http, Exception: failed},
    )
    app.state.ledger_tag = tag
    return app


def _route(acts: Acts, action: Action) -> Route:
    """The endpoint of an action."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await acts.run(action, await read_posted(request, action.parameters)))
        except duckdb.Error as error:
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"Nothing was changed: {error}", exit_code=1)

    return Route(action.path, endpoint, methods=["POST"])


def _methods(question: Question) -> list[str]:
    return ["GET", "POST"] if question.posted_as or question.posted else ["GET"]


class _Web:
    """The endpoints, over what they share."""

    def __init__(self, state: Served, readers: Readers, actions: Sequence[Action]) -> None:
        self._state = state
        self._actions = actions
        self._readers = readers
        self._gauges = LedgerGauges(readers)

    def endpoint(self, page: "_Page") -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a path that is no question."""

        async def endpoint(_request: Request) -> Response:
            return await page.answer(self)

        return endpoint

    def asked(self, question: Question) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a question."""

        async def endpoint(request: Request) -> Response:
            arguments = await read_arguments(request, question)
            return Response(
                await self._readers.run(lambda cursor: self._document(question, arguments, cursor)),
                media_type="application/json",
            )

        return endpoint

    def _document(self, question: Question, arguments: Arguments, cursor: duckdb.DuckDBPyConnection) -> bytes:
        waiting = self._state.waiting  # first: what is not here any more is in the file
        document = answer(question, cursor, arguments, book=lambda: self._state.book)
        if "pending" in document:
            document["pending"] += waiting
        if question is STATUS:
            document |= self._serving()
        return json.dumps(document, ensure_ascii=False).encode()

    def _serving(self) -> Document:
        """What only a running server can say of itself."""
        return {
            "db": str(self._state.ledger.path),
            "pid": os.getpid(),
            "version": __version__,
            "started_at": self._state.started_at.isoformat().replace("+00:00", "Z"),
            "attribution_map": self._state.attribution.said(),
            "trouble": self._state.trouble,
            "counters": self._state.stats.snapshot(),
        }

    async def index(self) -> Response:
        """A plain page of links."""
        paths = {question.path: question.help for question in QUESTIONS} | {page.path: page.help for page in _PAGES}
        items = "".join(
            f'<li><a href="{escape(path)}">{escape(path)}</a> {escape(text)}</li>' for path, text in paths.items()
        )
        return HTMLResponse(
            f"<!doctype html><title>SpanLedger</title><h1>SpanLedger {__version__}</h1><ul>{items}</ul>"
        )

    async def alive(self) -> Response:
        """The process runs and its event loop turns."""
        return PlainTextResponse("ok\n")

    async def ready(self) -> Response:
        """The ledger answers, and what is sent can be stored. What else fails is told beside: who sends to another
        server for that would lose more."""
        refusal = await asyncio.to_thread(self._refusal)  # not by the readers, whom somebody's questions may keep busy
        if refusal is not None:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, refusal)
        trouble = self._state.trouble
        return PlainTextResponse("ready\n" if trouble is None else f"ready\n{trouble}\n")

    def _refusal(self) -> str | None:
        try:
            with closing(self._state.ledger.cursor()) as cursor:
                cursor.execute("SELECT 1").fetchall()
        except duckdb.Error as error:
            return f"The ledger does not answer: {error}"
        return self._state.refuses()

    async def metrics(self) -> Response:
        """Counters of the process, then gauges over the ledger."""
        try:
            counters = await asyncio.to_thread(generate_latest, self._state.stats.registry)
            text = counters + await self._gauges.text()
        except duckdb.Error as error:  # it gave up, and the server is about to end: no trace is needed in its log
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, f"The ledger does not answer: {error}")
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def description(self) -> Response:
        """The API in OpenAPI's words."""
        return JSONResponse(openapi(QUESTIONS, {page.path: page.help for page in _PAGES}, self._actions))


@dataclass(frozen=True, slots=True)
class _Page:
    """A path that is no question."""

    path: str
    help: str
    answer: Callable[[_Web], Awaitable[Response]]


_PAGES = (
    _Page("/", "This page.", _Web.index),
    _Page("/healthz", "Whether the process is alive.", _Web.alive),
    _Page("/readyz", "Whether the ledger answers and takes what is sent.", _Web.ready),
    _Page("/metrics", "Counters and gauges for Prometheus.", _Web.metrics),
    _Page("/openapi.json", "This API, described.", _Web.description),
)
