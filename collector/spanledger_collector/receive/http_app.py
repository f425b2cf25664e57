"""OTLP over HTTP: an ASGI application of three endpoints."""

import asyncio
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from spanledger_collector.errors import (
    BadRequest,
    ReceiveError,
    RetryableError,
    Stopping,
    TooLarge,
    TooSlow,
    Unauthenticated,
    UnsupportedMedia,
    WrongMethod,
    WrongPath,
)
from spanledger_collector.receive.answers import ANSWERS, Encoding, error_status
from spanledger_collector.receive.bodies import Hold
from spanledger_collector.receive.receiver import Receiver, Signal
from spanledger_collector.receive.senders import admit

__all__ = ["build_http_app"]

_BODY_SECONDS = 30.0
"""How long a client may take to send its body: a slow one must not hold memory for ever."""

_SIGNALS = {f"/v1/{signal.value}": signal for signal in Signal}


def build_http_app(receiver: Receiver, cors_origins: Sequence[str] = ()) -> ASGIApp:
    """The application behind the OTLP/HTTP port. Pages of the origins may send to it from a browser."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await _answer(receiver, request)
        await response(scope, receive, send)

    if not cors_origins:
        return app
    # Exporters set headers of their operator's choice, a key among them; no cookie is ever needed.
    return CORSMiddleware(
        app, cors_origins, allow_methods=["POST"], allow_headers=["*"], expose_headers=["retry-after"]
    )


async def _answer(receiver: Receiver, request: Request) -> Response:
    encoding = Encoding.of(request.headers.get("content-type", ""))
    signal = _SIGNALS.get(request.scope["path"])  # `request.url` would put a whole URL together, to take it apart
    try:
        with receiver.counted("http", signal.value if signal else "none"):
            signal, encoding = _checked(request, signal, encoding)
            host = request.client.host if request.client else ""
            sender = admit(receiver.keys, request.headers.get("authorization", ""), host)
            with receiver.budget.hold(sender.name) as hold:
                sent = await _body(request, receiver.max_request_bytes, hold)
                body = await receiver.undone(sender, sent, request.headers.get("content-encoding", ""))
                hold.grow(max(0, len(body) - len(sent)))
                answer = await receiver.export(sender, signal, encoding, body)
    except ReceiveError as error:
        return _refusal(error, encoding or Encoding.JSON)
    return Response(answer, media_type=encoding.value)


def _checked(request: Request, signal: Signal | None, encoding: Encoding | None) -> tuple[Signal, Encoding]:
    if signal is None:
        raise WrongPath(
            f"There is nothing at {request.scope['path']}: OTLP/HTTP is POST {', '.join(_SIGNALS)}. "
            "Set OTEL_EXPORTER_OTLP_ENDPOINT to this host and port without a path; the exporter adds it."
        )
    if request.method != "POST":
        raise WrongMethod(f"OTLP/HTTP is POST only; this was {request.method}.")
    if encoding is None:
        raise UnsupportedMedia(
            f"The content type {request.headers.get('content-type', '')!r} is not supported; "
            f"use {' or '.join(known.value for known in Encoding)}."
        )
    return signal, encoding


async def _body(request: Request, limit: int, hold: Hold) -> bytes:
    """The body as it was sent; refused as early as it is known to be too large."""
    if int(request.headers.get("content-length", 0)) > limit:
        raise TooLarge(limit)
    received: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                hold.grow(len(chunk))
                received.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise TooLarge(limit)
    except TimeoutError as error:
        raise TooSlow(f"The body did not arrive within {_BODY_SECONDS:.0f} s.") from error
    except ClientDisconnect as error:
        raise BadRequest("The client went away before its body was complete.") from error
    except asyncio.CancelledError as error:  # by the end of the server; the timeout's own has become TimeoutError
        raise Stopping("The server is stopping; send the same request again.") from error
    return b"".join(received)


def _refusal(error: ReceiveError, encoding: Encoding) -> Response:
    headers: dict[str, str] = {}
    if isinstance(error, WrongMethod):
        headers["allow"] = "POST"
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="SpanLedger"'
    if isinstance(error, RetryableError):
        headers["retry-after"] = str(error.retry_after)
    body = encoding.encode(error_status(error))
    return Response(body, ANSWERS[type(error)].http, headers, encoding.value)
