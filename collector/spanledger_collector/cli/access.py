"""How the command line gets to a server: with which key, and whose certificates it trusts."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import BaseHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

import click

from spanledger_collector.cli.file_options import file_option
from spanledger_collector.errors import BadQuery

__all__ = ["Access", "access_of", "access_options"]

_LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Access:
    """`ca` and `client_cert` are files in PEM form; the latter holds a certificate and its key."""

    key: str | None = field(default=None, repr=False)
    ca: Path | None = None
    client_cert: Path | None = None

    def introduce(self, request: Request) -> None:
        """Show the key, to the server of the request only: it does not follow a redirection."""
        if self.key is not None:
            request.add_unredirected_header("authorization", f"Bearer {self.key}")

    def opener(self, url: str) -> OpenerDirector:
        """What opens the URL. Proxies are for other machines only. Raises BadQuery for files that cannot be used."""
        parts = urlsplit(url)
        handlers: list[BaseHandler] = [ProxyHandler({})] if parts.hostname in _LOCAL else []
        if parts.scheme == "https":
            handlers.append(HTTPSHandler(context=self._context()))
        return build_opener(*handlers)

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.client_cert is not None:
                context.load_cert_chain(self.client_cert, password="")
        except OSError as error:  # also what OpenSSL raises
            files = " and ".join(str(file) for file in (self.ca, self.client_cert) if file is not None)
            raise BadQuery(f"{files} cannot be used for TLS: {error.strerror or error}.") from error
        return context


def access_options() -> list[click.Parameter]:
    """`--key`, `--ca` and `--client-cert`."""
    key = "The admin key for a server on another machine."
    ca = "What signed the server's certificate (PEM), where the system does not know it."
    certificate = "The certificate with key (PEM) for a server that asks for one."
    return [
        click.Option(["--key"], envvar="SPANLEDGER_KEY", show_envvar=True, help=key),
        file_option("--ca", "SPANLEDGER_CA", ca),
        file_option("--client-cert", "SPANLEDGER_CLIENT_CERT", certificate),
    ]


def access_of(context: click.Context) -> Access:
    """What the user named."""
    return Access(context.params["key"] or None, context.params["ca"], context.params["client_cert"])
