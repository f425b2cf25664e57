# ruff: noqa: N818 - the names say what happened, as people read them in a traceback
"""What can go wrong, as one tree. A message says what was wrong and what to do about it.

    SpanLedgerError
    ├── LedgerError                 the ledger file cannot be used (exit code 3)
    │   ├── LedgerMissing           there is no such file
    │   ├── LedgerLocked            another process owns it (`pid`)
    │   ├── LedgerUnreadable        not a DuckDB file, not a ledger, no permission, no directory
    │   ├── LedgerBroken            the database gave up while it was open
    │   ├── MemoryTooSmall          the database has not the memory for what it is to change
    │   ├── SchemaTooNew            written by a newer SpanLedger
    │   └── SchemaTooOld            needs a migration, but was opened for reading only
    ├── BadPrices                   the user's price file cannot be used (exit code 2)
    ├── BadAttributionMap           the file that says who spends cannot be used (exit code 2)
    ├── BadKeys                     the file with keys cannot be used (exit code 2)
    ├── BadTls                      certificate, key or client CA cannot be used (exit code 2)
    ├── ExportsToItself             the server's own metrics would be sent to itself (exit code 2)
    ├── CannotListen                an address of the server cannot be bound (exit code 3)
    ├── CannotReach                 no server answers, or something else does (exit code 3)
    ├── QueryError                  a question cannot be answered
    │   ├── BadQuery                an unknown or malformed argument, or wrong SQL (exit code 2)
    │   ├── NoMatch                 there is no such call, span or trace
    │   ├── Ambiguous               a prefix of an id fits several
    │   └── QueryTimedOut           it took longer than the server gives a question
    └── ReceiveError                an OTLP request is refused
        ├── PermanentError          the same request fails again: the client must not retry
        │   ├── BadRequest          undecodable bytes
        │   ├── TooLarge            over the limit, before or after decompression
        │   ├── Unauthenticated     without a key that this server knows
        │   ├── UnsupportedMedia    a content type or encoding that we do not read
        │   ├── WrongPath           no OTLP endpoint has this path
        │   └── WrongMethod         OTLP/HTTP is POST only
        └── RetryableError          it may succeed later: the client should retry
            ├── Overloaded          as much is waiting as memory is given for
            ├── Throttled           one client alone has its share of that waiting
            ├── NotStored           the journal could not commit (disk full, input/output error)
            ├── TooSlow             its body did not arrive in time
            └── Stopping            the server drains before it ends

`receive.answers` maps the leaves of `ReceiveError` to HTTP and gRPC.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

__all__ = [
    "Ambiguous",
    "BadAttributionMap",
    "BadKeys",
    "BadPrices",
    "BadQuery",
    "BadRequest",
    "BadTls",
    "CannotListen",
    "CannotReach",
    "ExportsToItself",
    "LedgerBroken",
    "LedgerError",
    "LedgerLocked",
    "LedgerMissing",
    "LedgerUnreadable",
    "MemoryTooSmall",
    "NoMatch",
    "NotStored",
    "Overloaded",
    "PermanentError",
    "QueryError",
    "QueryTimedOut",
    "ReceiveError",
    "RetryableError",
    "SchemaTooNew",
    "SchemaTooOld",
    "SpanLedgerError",
    "Stopping",
    "Throttled",
    "TooLarge",
    "TooSlow",
    "Unauthenticated",
    "UnsupportedMedia",
    "WrongMethod",
    "WrongPath",
]


class SpanLedgerError(Exception):
    """Everything that SpanLedger itself raises. `exit_code`: 1 trouble, 2 wrong usage, 3 cannot reach or open."""

    exit_code: ClassVar[int] = 1


class LedgerError(SpanLedgerError):
    """The ledger file cannot be used."""

    exit_code = 3


class LedgerMissing(LedgerError):
    """There is no such ledger file."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"There is no ledger at {path}. Start `spanledger serve --db {path}` to make one, "
            "or name another file with --db."
        )
        self.path = path


class LedgerLocked(LedgerError):
    """Another process owns the file; `pid` is that process where the database says so."""

    def __init__(self, path: Path, pid: int | None) -> None:
        owner = "another process" if pid is None else f"process {pid}"
        super().__init__(
            f"The ledger {path} is in use by {owner}. One process owns the file: "
            "ask its server (--url), stop it, or name another file with --db."
        )
        self.path = path
        self.pid = pid


class LedgerUnreadable(LedgerError):
    """The file cannot be opened as a ledger; `reason` says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The ledger {path} cannot be opened: {reason}")
        self.path = path
        self.reason = reason


class LedgerBroken(LedgerError):
    """The database gave up while it was open: DuckDB answers nothing more until the file is opened again."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The server ends, because the database gave up on the ledger {path}: {reason} Nothing that was "
            "acknowledged is lost. Make sure that the disk has room and works, and start the server again."
        )
        self.path = path
        self.reason = reason


class MemoryTooSmall(LedgerError):
    """The database has not the memory for what it is to change; nothing was changed."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The ledger {path} is as it was: its database has not the memory for so many calls ({reason}). Choose "
            "fewer at once (--from, --to), or start the server with more memory for it (--max-database-bytes)."
        )
        self.path = path
        self.reason = reason


class SchemaTooNew(LedgerError):
    """The file was written by a newer SpanLedger, whose tables this one does not know."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"The ledger {path} has schema version {found}; this SpanLedger knows versions up to {known}. "
            "Upgrade with `pip install --upgrade 'spanledger[collector]'`."
        )
        self.path = path
        self.found = found
        self.known = known


class SchemaTooOld(LedgerError):
    """The file needs a migration, which a reader must not make."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"The ledger {path} has schema version {found} and must be brought to {known} first. "
            f"Start `spanledger serve --db {path}` once; it migrates the file."
        )
        self.path = path
        self.found = found
        self.known = known


class BadPrices(SpanLedgerError):
    """The user's price file, or another catalogue of prices, cannot be used; `reason` says what is wrong with it."""

    exit_code = 2

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The price file {path} cannot be used: {reason}")
        self.path = path
        self.reason = reason


class BadAttributionMap(SpanLedgerError):
    """The file that says which attributes tell who spends cannot be used; `reason` says what is wrong with it."""

    exit_code = 2

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The attribution file {path} cannot be used: {reason}")
        self.path = path
        self.reason = reason


class BadKeys(SpanLedgerError):
    """The file with the keys of a server cannot be used; `reason` says what is wrong with it."""

    exit_code = 2

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The key file {path} cannot be used: {reason}")
        self.path = path
        self.reason = reason


class BadTls(SpanLedgerError):
    """The files for TLS cannot be used; `reason` says which one and why."""

    exit_code = 2

    def __init__(self, reason: str) -> None:
        super().__init__(f"TLS cannot be used: {reason}")
        self.reason = reason


class ExportsToItself(SpanLedgerError):
    """The server is told to send its own metrics to itself."""

    exit_code = 2

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"The metrics endpoint {endpoint} is this server itself. Name where you watch servers with "
            "--metrics-endpoint URL; Prometheus can read /metrics of the web port instead."
        )
        self.endpoint = endpoint


class CannotListen(SpanLedgerError):
    """An address of the server cannot be bound; the message names the port and the option that sets it."""

    exit_code = 3

    def __init__(self, what: str, address: str, option: str, reason: str) -> None:
        super().__init__(
            f"Cannot listen for {what} on {address}: {reason}. Choose another address with {option} HOST:PORT."
        )
        self.address = address
        self.option = option


class CannotReach(SpanLedgerError):
    """No server answers at the address, or what answers is no SpanLedger server."""

    exit_code = 3


class QueryError(SpanLedgerError):
    """A question about the ledger cannot be answered. `serve.problems` maps the leaves to answers of the API."""


class BadQuery(QueryError):
    """The question is malformed: an unknown argument, a value that is none of the possible ones, wrong SQL."""

    exit_code = 2


class NoMatch(QueryError):
    """There is no call, span or trace of that id."""


class Ambiguous(QueryError):
    """A prefix fits several ids; `matches` are some of them."""

    def __init__(self, what: str, prefix: str, matches: Sequence[str]) -> None:
        super().__init__(f"{prefix} fits several {what}: {', '.join(matches)}. Give more digits.")
        self.matches = tuple(matches)


class QueryTimedOut(QueryError):
    """The question took longer than a server gives one; `seconds` is that time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"No answer within {seconds:g} s. Narrow the period, or ask the file itself when no server holds it."
        )
        self.seconds = seconds


class ReceiveError(SpanLedgerError):
    """An OTLP request is refused; `reason` is the word under which it is counted."""

    reason: ClassVar[str] = "refused"


class PermanentError(ReceiveError):
    """The same request would fail again: the client must drop it."""


class BadRequest(PermanentError):
    """The body cannot be decoded."""

    reason = "undecodable"


class TooLarge(PermanentError):
    """The body is over the limit, before or after decompression."""

    reason = "too_large"

    def __init__(self, limit: int, what: str = "") -> None:
        """`what` there are more of than `limit`, if that is not the bytes of the request."""
        super().__init__(
            f"The request has more than {limit} {what}. Send less at once."
            if what
            else f"The request is larger than {limit} bytes after decompression. "
            "Send smaller batches, or raise --max-request-bytes of the server."
        )
        self.limit = limit


class Unauthenticated(PermanentError):
    """The request came without a key, or with one that this server does not know."""

    reason = "unauthenticated"


class UnsupportedMedia(PermanentError):
    """A content type or content encoding that we do not read."""

    reason = "unsupported_media"


class WrongPath(PermanentError):
    """No OTLP endpoint has this path."""

    reason = "wrong_path"


class WrongMethod(PermanentError):
    """OTLP over HTTP is POST only."""

    reason = "wrong_method"


class RetryableError(ReceiveError):
    """It may succeed later: the client should send the same again. `retry_after` is in seconds."""

    retry_after: ClassVar[int] = 1


class Overloaded(RetryableError):
    """As much is waiting as memory is given for."""

    reason = "overloaded"


class Throttled(RetryableError):
    """One client has as much waiting as one client may; others are served."""

    reason = "throttled"


class NotStored(RetryableError):
    """The journal could not commit."""

    reason = "not_stored"
    retry_after = 5


class TooSlow(RetryableError):
    """The body did not arrive in time."""

    reason = "too_slow"


class Stopping(RetryableError):
    """The server drains before it ends."""

    reason = "stopping"
    retry_after = 5
