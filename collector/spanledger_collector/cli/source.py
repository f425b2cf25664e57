"""Where commands read from: a running server's API, or the ledger file when no server runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request
from urllib.response import addinfourl

from spanledger_collector.cli.access import Access
from spanledger_collector.errors import (
    BadQuery,
    CannotReach,
    LedgerLocked,
    LedgerMissing,
    LedgerUnreadable,
    QueryError,
    SpanLedgerError,
)
from spanledger_collector.ledger.queries import Arguments, Document, Question, answer
from spanledger_collector.settings import Settings
from spanledger_collector.sidecar import LEDGER_HEADER, Sidecar, ledger_tag, read_sidecar

__all__ = ["DEFAULT_DB", "DEFAULT_URL", "Where", "ask", "fetch", "living_server", "server_url"]

_DEFAULTS = Settings()
DEFAULT_URL = _DEFAULTS.web.url
DEFAULT_DB = _DEFAULTS.db

_SECONDS = 60.0
"""Longer than a server gives one question, so that its answer says what was wrong."""
_ERRORS: Mapping[int, type[SpanLedgerError]] = {1: QueryError, 2: BadQuery, 3: CannotReach}
_OPEN = Access()


@dataclass(frozen=True, slots=True)
class Where:
    """What the user named: a server, a file, or neither; and how to get into a server."""

    url: str | None = None
    db: Path | None = None
    access: Access = _OPEN


def ask(question: Question, arguments: Arguments, where: Where) -> Document:
    """The answer, from the server or the file that `where` names, or else from what is running or lies here.

    Raises CannotReach, LedgerError and QueryError.
    """
    if where.url is not None:
        return _ask_server(question, arguments, where.url, where.access)
    if where.db is not None:
        return _ask_file_or_its_server(question, arguments, where.db, where.access)
    if living_server(DEFAULT_DB):
        return _ask_file_or_its_server(question, arguments, DEFAULT_DB, where.access)
    try:
        return _ask_server(question, arguments, DEFAULT_URL, where.access)
    except CannotReach as error:
        if not DEFAULT_DB.exists():
            raise CannotReach(
                f"{error} And there is no ledger {DEFAULT_DB} here. Start `spanledger serve`, or name a server "
                "with --url or a file with --db."
            ) from error
    return _ask_file_or_its_server(question, arguments, DEFAULT_DB, where.access)


def server_url(where: Where) -> str:
    """The web port of the server that `where` names, or of the one that owns the file, or else the usual one."""
    if where.url is not None:
        return where.url
    sidecar = living_server(where.db or DEFAULT_DB)
    return DEFAULT_URL if sidecar is None else sidecar.web


def fetch(
    url: str,
    path: str,
    access: Access = _OPEN,
    *,
    body: Document | None = None,
    tag: str | None = None,
    seconds: float = _SECONDS,
) -> Document:
    """The JSON object at a path of a server, which must keep the ledger of the `tag` where one is given.

    Raises CannotReach, and QueryError where the server refuses.
    """
    address = f"{_checked(url)}{path}"
    data = None if body is None else json.dumps(body).encode()
    request = Request(address, data, {"content-type": "application/json"} if data else {})  # noqa: S310 - checked: http(s)
    access.introduce(request)
    try:
        with access.opener(url).open(request, timeout=seconds) as response:
            return _parsed(url, tag, response)
    except HTTPError as error:
        with error:
            raise _refusal(url, _parsed(url, tag, error)) from error
    except (URLError, OSError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        remedy = " Name what signed its certificate with --ca." if isinstance(reason, SSLCertVerificationError) else ""
        raise CannotReach(f"No server answers at {url}: {reason}.{remedy}") from error


def _ask_server(question: Question, arguments: Arguments, url: str, access: Access, tag: str | None = None) -> Document:
    in_path = {parameter.name for parameter in question.parameters if parameter.in_path}
    path = question.path.format(**{name: quote(arguments[name][0], safe="") for name in in_path})
    if question.posted_as:
        body = {question.posted_as: arguments[question.parameters[0].name][0]}
        return fetch(url, path, access, body=body, tag=tag)
    rest = {name: values for name, values in arguments.items() if name not in in_path}
    return fetch(url, f"{path}?{urlencode(rest, doseq=True)}" if rest else path, access, tag=tag)


def _ask_file_or_its_server(question: Question, arguments: Arguments, db: Path, access: Access) -> Document:
    """The server of the file answers; the file itself, where it has none that lives."""
    sidecar = living_server(db)
    unreachable: CannotReach | None = None
    if sidecar is not None:
        try:
            return _ask_server(question, arguments, sidecar.web, access, ledger_tag(db))
        except CannotReach as error:
            unreachable = error
    try:
        return _ask_file(question, arguments, db)
    except LedgerLocked as error:
        if unreachable is None:
            raise
        raise CannotReach(
            f"The ledger {db} is in use by the server of process {error.pid}, but: {unreachable}"
        ) from error
    except LedgerMissing:
        if unreachable is None:
            raise
        raise unreachable from None


def living_server(db: Path) -> Sidecar | None:
    """The server that owns the file, if it lives."""
    sidecar = read_sidecar(db)
    return sidecar if sidecar is not None and sidecar.is_alive() else None


def _ask_file(question: Question, arguments: Arguments, db: Path) -> Document:
    # Only now, because a server can be asked without the extra.
    import duckdb  # noqa: PLC0415

    from spanledger_collector.cli.leftovers import take_in  # noqa: PLC0415
    from spanledger_collector.ledger.store import Ledger  # noqa: PLC0415

    with Ledger.open(db, read_only=True) as ledger:
        try:
            take_in(ledger)
            return answer(question, ledger.cursor(), arguments)
        except duckdb.Error as error:
            raise LedgerUnreadable(db, f"{error} (from DuckDB {duckdb.__version__})") from error


def _checked(url: str) -> str:
    """The URL without a slash at the end. Raises BadQuery for anything that is not http or https."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadQuery(f"The URL of a server is like {DEFAULT_URL}, not {url!r}.")
    return url.rstrip("/")


def _parsed(url: str, tag: str | None, response: addinfourl) -> Document:
    found = response.headers.get(LEDGER_HEADER)
    if found is None:
        raise CannotReach(f"What answers at {url} is not a SpanLedger server. Name another with --url.")
    if tag not in (None, found):
        raise CannotReach(f"The server at {url} keeps another ledger.")
    try:
        document = json.loads(response.read())
    except ValueError as error:
        raise CannotReach(f"The server at {url} answered with something that is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise CannotReach(f"The server at {url} answered with something that is no JSON object.")
    return cast("Document", document)


def _refusal(url: str, problem: Document) -> SpanLedgerError:
    kind = _ERRORS.get(problem.get("exit_code", 1), QueryError)
    return kind(str(problem.get("detail", f"The server at {url} refused without saying why.")))
