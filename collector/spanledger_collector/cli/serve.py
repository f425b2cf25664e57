"""`spanledger serve`: the collector."""

import logging
from collections.abc import Callable
from pathlib import Path

import click
from click.decorators import FC

from spanledger_collector.settings import Address, Settings, TlsFiles

__all__ = ["serve"]


class _AddressType(click.ParamType[Address]):
    """HOST:PORT on the command line."""

    name = "HOST:PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        if isinstance(value, Address):
            return value
        try:
            return Address.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


_ADDRESS = _AddressType()
_DEFAULTS = Settings()


def _file(option: str, variable: str, text: str) -> Callable[[FC], FC]:
    """An option that names a file."""
    return click.option(option, type=click.Path(dir_okay=False, path_type=Path), envvar=variable, help=text)


@click.command(context_settings={"show_default": True})
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_DEFAULTS.db,
    envvar="SPANLEDGER_DB",
    help="The ledger file; made if it does not exist.",
)
@click.option(
    "--prices",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="SPANLEDGER_PRICES",
    help="The file with your own prices, read once at the start.  [default: <db>.prices.toml, if it exists]",
)
@_file(
    "--attribution",
    "SPANLEDGER_ATTRIBUTION",
    "Which attributes tell who spends, read once at the start.  [default: <db>.attribution.toml, if it exists]",
)
@click.option(
    "--grpc", type=_ADDRESS, default=str(_DEFAULTS.grpc), envvar="SPANLEDGER_GRPC", help="Where OTLP over gRPC arrives."
)
@click.option(
    "--http", type=_ADDRESS, default=str(_DEFAULTS.http), envvar="SPANLEDGER_HTTP", help="Where OTLP over HTTP arrives."
)
@click.option(
    "--web", type=_ADDRESS, default=str(_DEFAULTS.web), envvar="SPANLEDGER_WEB", help="Where questions are answered."
)
@click.option(
    "--max-request-bytes",
    type=click.IntRange(min=1024),
    default=_DEFAULTS.max_request_bytes,
    envvar="SPANLEDGER_MAX_REQUEST_BYTES",
    help="The largest OTLP request, after decompression.",
)
@_file("--keys", "SPANLEDGER_KEYS", "The keys of senders and readers.  [default: <db>.keys.toml, if it exists]")
@_file("--tls-cert", "SPANLEDGER_TLS_CERT", "The certificate of this server with its chain, in PEM; TLS on all ports.")
@_file("--tls-key", "SPANLEDGER_TLS_KEY", "Its key, in PEM.  [default: in the file of the certificate]")
@_file("--tls-client-ca", "SPANLEDGER_TLS_CLIENT_CA", "What signs the certificates of clients, who then need one.")
def serve(
    *,
    db: Path,
    prices: Path | None,
    attribution: Path | None,
    grpc: Address,
    http: Address,
    web: Address,
    max_request_bytes: int,
    keys: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
) -> None:
    """Receive OpenTelemetry data, and keep the ledger of what model calls cost.

    Listens on this machine only, unless an address says otherwise. SIGTERM or Ctrl-C end it after it has finished what
    it accepted.
    """
    from spanledger_collector import service  # noqa: PLC0415 - DuckDB, gRPC and the web servers take a second to load

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings(
        db=db,
        prices=prices,
        attribution=attribution,
        grpc=grpc,
        http=http,
        web=web,
        keys=keys,
        tls=_tls(tls_cert, tls_key, tls_client_ca),
        max_request_bytes=max_request_bytes,
    )
    service.run(settings, click.echo)


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> TlsFiles | None:
    try:
        return TlsFiles.named(certificate, key, client_ca)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
