"""Settings of the instrumentation, from environment variables `SPANLEDGER_*`. Read once, when it is switched on."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from spanledger import semconv

__all__ = ["BAGGAGE_KEYS", "Settings", "load"]

BAGGAGE_KEYS: tuple[str, ...] = (
    semconv.USER_ID,
    semconv.SESSION_ID,
    semconv.ORG,
    semconv.WORKFLOW_NAME,
    semconv.FEATURE,
    semconv.DIMENSION_PREFIX + "*",
)
"""Baggage keys that are attribution, copied to spans and kept from LLM hosts; a trailing `*` stands for any rest."""

_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """`enabled` switches everything; `disabled_sdks` are left unpatched; `baggage_keys` are allowed as attribution.

    `stream_usage`: streams are asked for usage where the host is known to give it, or is one of `stream_usage_hosts`.
    """

    enabled: bool = True
    disabled_sdks: frozenset[str] = frozenset()
    baggage_keys: tuple[str, ...] = BAGGAGE_KEYS
    stream_usage: bool = True
    stream_usage_hosts: frozenset[str] = frozenset()


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `USAGE_TRACKING_ENABLED`, `SPANLEDGER_ENABLED`, `SPANLEDGER_DISABLED_SDKS`, `SPANLEDGER_BAGGAGE_KEYS`,
    `SPANLEDGER_STREAM_USAGE` and `SPANLEDGER_STREAM_USAGE_HOSTS`. Those in the plural are lists with commas; the
    baggage keys are added to the ones that are always allowed."""
    return Settings(
        enabled=_on(environment, "SPANLEDGER_ENABLED") and _on(environment, "USAGE_TRACKING_ENABLED"),
        disabled_sdks=frozenset(_listed(environment, "SPANLEDGER_DISABLED_SDKS")),
        baggage_keys=(*BAGGAGE_KEYS, *_listed(environment, "SPANLEDGER_BAGGAGE_KEYS")),
        stream_usage=_on(environment, "SPANLEDGER_STREAM_USAGE"),
        stream_usage_hosts=frozenset(_listed(environment, "SPANLEDGER_STREAM_USAGE_HOSTS")),
    )


def _on(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").strip().lower() not in _FALSE


def _listed(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in environment.get(name, "").split(",") if part.strip())
