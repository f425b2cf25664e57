"""`spanledger serve`: the collector."""

import logging
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from spanledger_collector.cli.param_types import ADDRESS, DAYS, FILE, HOSTS, ORIGINS
from spanledger_collector.settings import Retention, Settings, TlsFiles

__all__ = ["serve"]


class _Setting(NamedTuple):
    """An option of the command: `name` is a field of `Settings`, or one of the groups `keep_` and `tls_`."""

    name: str
    variable: str
    type: click.ParamType[Any]
    help: str


_BYTES: Final = click.IntRange(min=1024)
_SETTINGS: Final = (
    _Setting("db", "SPANLEDGER_DB", FILE, "The ledger file; made if it does not exist."),
    _Setting(
        "prices",
        "SPANLEDGER_PRICES",
        FILE,
        "The file with your own prices, read once at the start.  [default: <db>.prices.toml, if it exists]",
    ),
    _Setting(
        "attribution",
        "SPANLEDGER_ATTRIBUTION",
        FILE,
        "Which attributes tell who spends, read again on SIGHUP.  [default: <db>.attribution.toml, if it exists]",
    ),
    _Setting(
        "model_hosts",
        "SPANLEDGER_MODEL_HOSTS",
        HOSTS,
        "Hosts at which models answer besides the known providers', for `coverage`.  [default: none]",
    ),
    _Setting("grpc", "SPANLEDGER_GRPC", ADDRESS, "Where OTLP over gRPC arrives."),
    _Setting("http", "SPANLEDGER_HTTP", ADDRESS, "Where OTLP over HTTP arrives."),
    _Setting("web", "SPANLEDGER_WEB", ADDRESS, "Where questions are answered."),
    _Setting(
        "max_request_bytes", "SPANLEDGER_MAX_REQUEST_BYTES", _BYTES, "The largest OTLP request, after decompression."
    ),
    _Setting(
        "max_waiting_bytes",
        "SPANLEDGER_MAX_WAITING_BYTES",
        _BYTES,
        "Requests held at once until they are stored; one client may hold half of it.",
    ),
    _Setting(
        "max_database_bytes",
        "SPANLEDGER_MAX_DATABASE_BYTES",
        click.IntRange(min=64 * 1024 * 1024),
        "What the database may keep in memory; beyond that it uses the disk.",
    ),
    _Setting(
        "max_connections",
        "SPANLEDGER_MAX_CONNECTIONS",
        click.IntRange(min=1),
        "Connections held at once on each port.",
    ),
    _Setting(
        "cors_origins",
        "SPANLEDGER_CORS_ORIGINS",
        ORIGINS,
        "Origins whose pages may send OTLP over HTTP, with commas, or *.  [default: none]",
    ),
    _Setting(
        "keep_skeletons",
        "SPANLEDGER_KEEP_SKELETONS",
        DAYS,
        "How long spans are kept that have nothing to do with model calls, or `forever`.",
    ),
    _Setting(
        "keep_attributes",
        "SPANLEDGER_KEEP_ATTRIBUTES",
        DAYS,
        "How long the received attributes of model calls are kept, or `forever`.",
    ),
    _Setting(
        "keep_calls",
        "SPANLEDGER_KEEP_CALLS",
        DAYS,
        "How long calls, their costs and all about them are kept, or `forever`.",
    ),
    _Setting(
        "metrics_endpoint",
        "SPANLEDGER_METRICS_ENDPOINT",
        click.STRING,
        "The URL to send the server's own metrics to, as OTLP over HTTP.  [default: none; they are at /metrics]",
    ),
    _Setting(
        "keys",
        "SPANLEDGER_KEYS",
        FILE,
        "The keys of senders and readers.  [default: <db>.keys.toml, if it exists]",
    ),
    _Setting(
        "tls_cert",
        "SPANLEDGER_TLS_CERT",
        FILE,
        "The certificate of this server with its chain, in PEM; TLS on all ports.",
    ),
    _Setting("tls_key", "SPANLEDGER_TLS_KEY", FILE, "Its key, in PEM.  [default: in the file of the certificate]"),
    _Setting(
        "tls_client_ca",
        "SPANLEDGER_TLS_CLIENT_CA",
        FILE,
        "What signs the certificates of clients, who then need one.",
    ),
)


def _options() -> list[click.Parameter]:
    return [
        click.Option(
            [f"--{setting.name.replace('_', '-')}"],
            type=setting.type,
            default=_default(setting.name),
            show_default=_default(setting.name) is not None,
            envvar=setting.variable,
            help=setting.help,
        )
        for setting in _SETTINGS
    ]


def _default(name: str) -> str | None:
    """The default as one would write it; None where the help tells what happens without."""
    settings = Settings()
    if name.startswith("keep_"):
        days = getattr(settings.retention, name.removeprefix("keep_"))
        return "forever" if days is None else str(days)
    value: object = getattr(settings, name, None)
    return None if value is None or value == () else str(value)


@click.command(params=_options())
def serve(**given: Any) -> None:  # noqa: ANN401 - what click parsed, by the table above
    """Receive OpenTelemetry data, and keep the ledger of what model calls cost.

    Listens on this machine only, unless an address says otherwise. SIGTERM or Ctrl-C end it after it has finished what
    it accepted.
    """
    from spanledger_collector import service  # noqa: PLC0415 - DuckDB, gRPC and the web servers take a second to load

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    service.run(_settings(given), click.echo)


def _settings(given: dict[str, Any]) -> Settings:
    tls = _tls(*(given.pop(f"tls_{name}") for name in ("cert", "key", "client_ca")))
    retention = Retention(**{field.name: given.pop(f"keep_{field.name}") for field in fields(Retention)})
    named = {name: value for name, value in given.items() if value not in (None, "")}
    return Settings(**named, tls=tls, retention=retention)


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> TlsFiles | None:
    try:
        return TlsFiles.named(certificate, key, client_ca)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
