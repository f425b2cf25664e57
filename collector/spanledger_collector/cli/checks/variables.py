"""The environment variables that matter, and which of them would lose spans or money. Pure: it gets the environment."""

import re
from collections.abc import Callable, Iterator, Mapping

from spanledger import _settings
from spanledger_collector.cli.checks.exporting import Target, target
from spanledger_collector.cli.checks.finding import Finding

__all__ = ["check_variables"]

Environment = Mapping[str, str]

_SHOWN = re.compile(r"OTEL_|SPANLEDGER_|USAGE_TRACKING_ENABLED$")
_SECRET = re.compile(r"HEADERS|KEY|SECRET|PASSWORD|TOKEN")
_USER_INFO = re.compile(r"(?<=://)[^/@]*@")
_FEW_ATTRIBUTES = 64
_ABOUT = "environment"


def check_variables(environment: Environment) -> list[Finding]:
    """What is wrong with the variables, and then those that are set and nothing is wrong with."""
    found = [finding for check in _CHECKS for finding in check(environment)]
    accused = {finding.seen.partition("=")[0] for finding in found}
    rest = [name for name in sorted(environment) if _SHOWN.match(name) and name not in accused]
    return [*found, *(Finding(_ABOUT, "ok", _setting(environment, name)) for name in rest)]


def _setting(environment: Environment, name: str) -> str:
    value = "(set, not shown)" if _SECRET.search(name) else _USER_INFO.sub("", environment[name])
    return f"{name}={value}"


def _trouble(environment: Environment, name: str, remedy: str) -> Finding:
    return Finding(_ABOUT, "trouble", _setting(environment, name), remedy)


def _switched_off(environment: Environment) -> Iterator[Finding]:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield _trouble(environment, "OTEL_SDK_DISABLED", "No span is made at all. Unset it.")
    if not _settings.load(environment).enabled:
        for name in ("SPANLEDGER_ENABLED", "USAGE_TRACKING_ENABLED"):
            if not _settings.load({name: environment.get(name, "")}).enabled:
                yield _trouble(environment, name, "It switches SpanLedger's instrumentation off. Unset it.")
    disabled = [name.strip() for name in environment.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")]
    if "spanledger" in disabled or "*" in disabled:
        yield _trouble(
            environment,
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
            "It leaves SpanLedger's instrumentation out. Take it off the list.",
        )
    if environment.get("SPANLEDGER_DISABLED_SDKS"):
        yield Finding(
            _ABOUT,
            "note",
            _setting(environment, "SPANLEDGER_DISABLED_SDKS"),
            "Calls through these SDKs are not counted.",
        )


def _not_exported(environment: Environment) -> Iterator[Finding]:
    exporters = [name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if exporters and not any(name.startswith("otlp") for name in exporters):
        yield _trouble(environment, "OTEL_TRACES_EXPORTER", "Spans are not sent over OTLP. Set it to otlp.")


def _sampled(environment: Environment) -> Iterator[Finding]:
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").strip()
    share = environment.get("OTEL_TRACES_SAMPLER_ARG", "1").strip()
    whole = sampler.endswith("traceidratio") and share in ("1", "1.0", "")
    if sampler and sampler not in ("always_on", "parentbased_always_on") and not whole:
        yield _trouble(
            environment,
            "OTEL_TRACES_SAMPLER",
            "Calls in traces that are not sampled never reach the ledger. Set it to parentbased_always_on.",
        )


def _limited(environment: Environment) -> Iterator[Finding]:
    for name in ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"):
        limit = environment.get(name, "").strip()
        if limit.isdecimal() and int(limit) < _FEW_ATTRIBUTES:
            yield _trouble(
                environment, name, f"Usage may be cut off a span. Allow {_FEW_ATTRIBUTES} attributes or more."
            )


def _misaddressed(environment: Environment) -> Iterator[Finding]:
    try:
        exporting = target(environment)
    except ValueError as error:
        yield Finding(
            _ABOUT, "trouble", f"OTEL_EXPORTER_OTLP_ENDPOINT: {error}", "It must be like http://localhost:4317."
        )
        return
    if exporting.variable:
        yield from _odd_endpoint(environment, exporting)


def _odd_endpoint(environment: Environment, exporting: Target) -> Iterator[Finding]:
    usual = exporting.usual_port
    if usual is None:
        yield Finding(
            _ABOUT,
            "trouble",
            f"protocol {exporting.protocol}",
            "Set OTEL_EXPORTER_OTLP_PROTOCOL to grpc or http/protobuf.",
        )
    elif exporting.port != usual and exporting.port in (4317, 4318):
        remedy = f"{exporting.protocol} usually goes to port {usual}. Change the port, or OTEL_EXPORTER_OTLP_PROTOCOL."
        yield _trouble(environment, exporting.variable, remedy)
    elif "://" not in exporting.url and exporting.protocol != "grpc":
        yield _trouble(environment, exporting.variable, "Over HTTP it needs a scheme: http://...")


def _nameless(environment: Environment) -> Iterator[Finding]:
    attributes = environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not environment.get("OTEL_SERVICE_NAME") and "service.name=" not in attributes:
        yield Finding(
            _ABOUT, "note", "OTEL_SERVICE_NAME is not set", "Set it, so that `--by service` tells your services apart."
        )


_CHECKS: tuple[Callable[[Environment], Iterator[Finding]], ...] = (
    _switched_off,
    _not_exported,
    _sampled,
    _limited,
    _misaddressed,
    _nameless,
)
