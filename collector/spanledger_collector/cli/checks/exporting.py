"""Where an app in this environment would send its spans, as the OpenTelemetry exporter reads its variables.

Source: OpenTelemetry specification, "OTLP exporter configuration" (a variable for traces is stronger than the general
one; the endpoint's scheme is required over HTTP), and opentelemetry-distro, whose default protocol is grpc.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Target", "target"]

Environment = Mapping[str, str]

_PORTS = {"grpc": 4317, "http/protobuf": 4318}
_EXPORTERS = {"otlp_proto_grpc": "grpc", "otlp_proto_http": "http/protobuf"}


@dataclass(frozen=True, slots=True)
class Target:
    """Protocol, URL and what it resolves to; `variable` names where the URL comes from (empty: the default)."""

    protocol: str
    url: str
    variable: str
    host: str
    port: int

    @property
    def usual_port(self) -> int | None:
        """The port on which collectors usually take this protocol."""
        return _PORTS.get(self.protocol)


def target(environment: Environment) -> Target:
    """What the exporter of traces would use. Raises ValueError for a URL that is none."""
    protocol = _protocol(environment)
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    variable = next((name for name in names if environment.get(name)), "")
    default_port = _PORTS.get(protocol, _PORTS["http/protobuf"])
    url = environment.get(variable) or f"http://localhost:{default_port}"
    parts = urlsplit(url if "://" in url else f"//{url}")
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, default_port)
    return Target(protocol, url, variable, parts.hostname or "localhost", port)


def _protocol(environment: Environment) -> str:
    for exporter in environment.get("OTEL_TRACES_EXPORTER", "").split(","):
        if exporter.strip() in _EXPORTERS:
            return _EXPORTERS[exporter.strip()]
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    return next((environment[name] for name in names if environment.get(name)), "grpc")
