"""What the server is told when it starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

__all__ = ["Address", "Retention", "Settings", "TlsFiles"]


class Address(NamedTuple):
    """Where to listen; port 0 lets the system choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`HOST:PORT`, an IPv6 host in brackets. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > 65535:
            raise ValueError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:4317")
        if ":" in host and not (host.startswith("[") and host.endswith("]")):
            raise ValueError(f"{text!r} needs brackets around the IPv6 host, for example [::1]:4317")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL under which this machine reaches the address."""
        return self.url_by("http")

    def url_by(self, scheme: str) -> str:
        """The same by `http` or `https`."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"{scheme}://{Address(host, self.port)}"


_GRPC = Address("127.0.0.1", 4317)
_HTTP = Address("127.0.0.1", 4318)
_WEB = Address("127.0.0.1", 4319)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the server's certificate with its chain, its key, and what signs the certificates of clients, who
    need one if it is named."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @classmethod
    def named(cls, certificate: Path | None, key: Path | None, client_ca: Path | None) -> Self | None:
        """The files as an operator names them: a certificate may hold its key too. Raises ValueError."""
        if certificate is None:
            if key is not None or client_ca is not None:
                raise ValueError("A key or a client CA needs a certificate: name it with --tls-cert FILE.")
            return None
        return cls(certificate, key or certificate, client_ca)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each class is kept, in days since it arrived; None is for ever.

    `skeletons`: spans that nobody was charged for, and that lie above no span that somebody was. `attributes`: what was
    received of a model call, beside what was read in it. `calls`: all about a call, its observations too.
    """

    skeletons: int | None = 30
    attributes: int | None = 400
    calls: int | None = None

    def by_class(self) -> tuple["Retention", ...]:
        """The same, a class at a time; calls first, because what goes with them need not be stripped before."""
        apart = (
            Retention(None, None, self.calls),
            Retention(None, self.attributes, None),
            Retention(self.skeletons, None, None),
        )
        return tuple(kept for kept in apart if kept != Retention(None, None, None))


_RETENTION = Retention()


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one server. Nothing is reachable from other machines unless the operator names such an address."""

    db: Path = Path("spanledger.duckdb")
    prices: Path | None = None
    """The user's own prices; without it the file beside the ledger, if there is one (`price_file`)."""
    attribution: Path | None = None
    """Which attributes tell who spends; without it the file beside the ledger, if there is one (`attribution_file`)."""
    model_hosts: tuple[str, ...] = ()
    """Hosts (and what is below them) at which models answer, beside those of the known providers."""
    grpc: Address = _GRPC
    http: Address = _HTTP
    web: Address = _WEB
    tls: TlsFiles | None = None
    """TLS on all three ports."""
    keys: Path | None = None
    """The keys of senders and readers; without it the file beside the ledger, if there is one (`keys`)."""
    max_request_bytes: int = 16 * 1024 * 1024
    """The largest request body, after decompression."""
    max_waiting_bytes: int = 64 * 1024 * 1024
    """Bodies held at once, being read or waiting for the journal; more are asked to come again."""
    max_database_bytes: int = 144 * 1024 * 1024
    """What the database may keep in memory; beyond that it reads again, or writes beside the ledger. Repricing may take
    more."""
    max_connections: int = 1000
    """Connections held at once on each of the three ports."""
    cors_origins: tuple[str, ...] = ()
    """Origins (`https://shop.example`, or `*`) whose pages may send OTLP over HTTP from a browser."""
    retention: Retention = _RETENTION
    """How long what is kept, by class."""
    metrics_endpoint: str | None = None
    """Where the server's own metrics are sent, as OTLP over HTTP."""
    drain_seconds: float = 10.0
    """How long the end of the server may take to finish what was accepted and to settle it."""

    @property
    def scheme(self) -> str:
        """How the web port and OTLP/HTTP are reached."""
        return "http" if self.tls is None else "https"
