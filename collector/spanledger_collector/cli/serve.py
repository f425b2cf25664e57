"""`spanledger serve`: the collector."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

import click
from click.decorators import FC

from spanledger_collector.settings import Address, Retention, Settings, TlsFiles

__all__ = ["serve"]

_KEEP = {
    "skeletons": "SPANLEDGER_KEEP_SKELETONS",
    "attributes": "SPANLEDGER_KEEP_ATTRIBUTES",
    "calls": "SPANLEDGER_KEEP_CALLS",
}
_ORIGIN = re.compile(r"https?://[^/\s]+")


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


class _ListType(click.ParamType[tuple[str, ...]]):
    """Words with commas."""

    name = "LIST"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ARG002 - click's signature
        if isinstance(value, tuple):
            return cast("tuple[str, ...]", value)
        return tuple(part.strip() for part in str(value).split(",") if part.strip())


class _OriginsType(_ListType):
    """Origins as browsers write them."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        origins = super().convert(value, param, ctx)
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                self.fail(f"{origin!r} is no origin, for example https://shop.example", param, ctx)
        return origins


class _DaysType(click.ParamType[int | None]):
    """A number of days, or for ever."""

    name = "DAYS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "forever" or value is None:
            return None
        if not str(value).isdecimal():
            self.fail(f"{value!r} is neither a number of days nor `forever`", param, ctx)
        return int(str(value))


_ADDRESS = _AddressType()
_DEFAULTS = Settings()


def _keep(what: str, text: str) -> Callable[[FC], FC]:
    """An option that says how long something is kept."""
    default = getattr(_DEFAULTS.retention, what)
    return click.option(
        f"--keep-{what}",
        type=_DaysType(),
        default="forever" if default is None else str(default),
        envvar=_KEEP[what],
        help=text,
    )


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
    "--model-hosts",
    type=_ListType(),
    default="",
    envvar="SPANLEDGER_MODEL_HOSTS",
    show_default=False,
    help="Hosts at which models answer besides the known providers', for `coverage`.  [default: none]",
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
@click.option(
    "--max-waiting-bytes",
    type=click.IntRange(min=1024),
    default=_DEFAULTS.max_waiting_bytes,
    envvar="SPANLEDGER_MAX_WAITING_BYTES",
    help="Requests held at once until they are stored; one client may hold half of it.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(min=1),
    default=_DEFAULTS.max_connections,
    envvar="SPANLEDGER_MAX_CONNECTIONS",
    help="Connections held at once on each port.",
)
@click.option(
    "--cors-origins",
    type=_OriginsType(),
    default="",
    envvar="SPANLEDGER_CORS_ORIGINS",
    help="Origins whose pages may send OTLP over HTTP, with commas, or *.  [default: none]",
    show_default=False,
)
@_keep("skeletons", "How long spans are kept that have nothing to do with model calls, or `forever`.")
@_keep("attributes", "How long the received attributes of model calls are kept, or `forever`.")
@_keep("calls", "How long calls, their costs and all about them are kept, or `forever`.")
@click.option(
    "--metrics-endpoint",
    metavar="URL",
    envvar="SPANLEDGER_METRICS_ENDPOINT",
    help="Where to send the server's own metrics, as OTLP over HTTP.  [default: nowhere; they are at /metrics]",
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
    model_hosts: tuple[str, ...],
    grpc: Address,
    http: Address,
    web: Address,
    max_request_bytes: int,
    max_waiting_bytes: int,
    max_connections: int,
    cors_origins: tuple[str, ...],
    metrics_endpoint: str | None,
    keep_skeletons: int | None,
    keep_attributes: int | None,
    keep_calls: int | None,
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
        model_hosts=tuple(map(str.lower, model_hosts)),
        grpc=grpc,
        http=http,
        web=web,
        keys=keys,
        tls=_tls(tls_cert, tls_key, tls_client_ca),
        max_request_bytes=max_request_bytes,
        max_waiting_bytes=max_waiting_bytes,
        max_connections=max_connections,
        cors_origins=cors_origins,
        metrics_endpoint=metrics_endpoint or None,
        retention=Retention(keep_skeletons, keep_attributes, keep_calls),
    )
    service.run(settings, click.echo)


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> TlsFiles | None:
    try:
        return TlsFiles.named(certificate, key, client_ca)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
