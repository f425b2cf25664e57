"""Errors as RFC 9457 problem details (`application/problem+json`)."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from spanledger_collector.errors import (
    Ambiguous,
    BadQuery,
    MemoryTooSmall,
    NoMatch,
    QueryTimedOut,
    SpanLedgerError,
    Stopping,
)
from spanledger_collector.sidecar import LEDGER_HEADER

__all__ = ["failed", "not_http", "problem", "refused"]

# RFC 9110, section 15: 409 because the ledger's state (two ids that begin alike) is what stands against the request.
# RFC 4918, section 11.5: 507 because the server has no room for what the request changes.
_STATUS: dict[type[SpanLedgerError], HTTPStatus] = {
    BadQuery: HTTPStatus.BAD_REQUEST,
    NoMatch: HTTPStatus.NOT_FOUND,
    Ambiguous: HTTPStatus.CONFLICT,
    QueryTimedOut: HTTPStatus.GATEWAY_TIMEOUT,
    MemoryTooSmall: HTTPStatus.INSUFFICIENT_STORAGE,
    Stopping: HTTPStatus.SERVICE_UNAVAILABLE,
}


def problem(status: HTTPStatus, detail: str, **extra: object) -> Response:
    """A problem whose type is its status, which is what `about:blank` (the default of `type`) means."""
    document = {"title": status.phrase, "status": status.value, "detail": detail, **extra}
    return JSONResponse(document, status, media_type="application/problem+json")


def refused(_request: Request, error: Exception) -> Response:
    """A question that cannot be answered; `exit_code` is what the CLI ends with."""
    assert isinstance(error, SpanLedgerError)  # noqa: S101 - registered for it
    return problem(_STATUS.get(type(error), HTTPStatus.BAD_REQUEST), str(error), exit_code=error.exit_code)


def not_http(_request: Request, error: Exception) -> Response:
    """What the router refuses: no such path, no such method, a body that is too large."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    status = HTTPStatus(error.status_code)
    answer = problem(status, f"{error.detail}. /openapi.json lists what is here.")
    answer.headers.update(error.headers or {})
    return answer


def failed(request: Request, error: Exception) -> Response:
    """Our own fault; the server logs the error after this answer, which passes the guard by: it says here whose it
    is."""
    answer = problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, f"The server failed to answer ({type(error).__name__}); see its log."
    )
    answer.headers[LEDGER_HEADER] = request.app.state.ledger_tag
    return answer
