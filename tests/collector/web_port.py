"""The web port over a ledger, in this process, on a real socket; nothing receives and nothing settles."""

import http.client
import json
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from background import in_background

from spanledger_collector.dialects.attribution_map import NO_MAP, AttributionMap
from spanledger_collector.keys import KeyRing, open_keys
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.listening import http_server, listen
from spanledger_collector.pricing import PriceBook, shipped_book
from spanledger_collector.serve.app import build_app
from spanledger_collector.serve.readers import Readers
from spanledger_collector.settings import Address, Settings
from spanledger_collector.stats import Stats

__all__ = ["Answer", "WebPort", "web_port"]


@dataclass(frozen=True)
class ServedLedger:
    """What the web port needs of a server."""

    ledger: Ledger
    settings: Settings
    stats: Stats = field(default_factory=Stats)
    started_at: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    book: PriceBook = field(default_factory=shipped_book)
    attribution: AttributionMap = NO_MAP
    keys: KeyRing | None = None
    waiting: int = 0
    trouble: str | None = None

    def refuses(self) -> str | None:
        """Nothing is received, so nothing is refused."""
        return None


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON of any shape
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class WebPort:
    """A web port that runs."""

    address: Address
    served: ServedLedger
    readers: Readers

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.address.url

    def get(self, path: str, **headers: str) -> Answer:
        """GET a path; headers with `_` for `-`."""
        return self.request("GET", path, None, headers)

    def post(self, path: str, body: bytes | dict[str, object], content_type: str = "application/json") -> Answer:
        """POST bytes, or an object as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", path, data, {"content_type": content_type})

    def request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Any request."""
        connection = http.client.HTTPConnection(self.address.host, self.address.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()


@contextmanager
def web_port(db: Path, *, seconds: float = 20.0, told_host: str = "127.0.0.1") -> Generator[WebPort]:
    """Serve a ledger, with the keys beside it.

    `told_host` is what the server believes to be bound to; `seconds` is what a question may take.
    """

    async def serve(ready: Callable[[WebPort], None], until_stopped: Callable[[], Awaitable[object]]) -> None:
        with Ledger.open(db) as ledger:
            served = ServedLedger(ledger, Settings(db=db, web=Address(told_host, 0)), keys=open_keys(db))
            listener = listen("the web port", Address("127.0.0.1", 0), "--web")
            readers = Readers(ledger, seconds=seconds)
            async with http_server(build_app(served, readers), listener, 5) as address:
                ready(WebPort(address, served, readers))
                await until_stopped()
                readers.close()

    with in_background(serve) as running:
        yield running
