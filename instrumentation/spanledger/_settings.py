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
    """`enabled` switches everything; `disabled_sdks` are left unpatched; `baggage_keys` are allowed as attribution."""

    enabled: bool = True
    disabled_sdks: frozenset[str] = frozenset()
    baggage_keys: tuple[str, ...] = BAGGAGE_KEYS


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `USAGE_TRACKING_ENABLED`, `SPANLEDGER_ENABLED`, `SPANLEDGER_DISABLED_SDKS` and `SPANLEDGER_BAGGAGE_KEYS`
    (the last two are lists with commas; the baggage keys are added to the ones that are always allowed)."""
    switches = (environment.get("SPANLEDGER_ENABLED", ""), environment.get("USAGE_TRACKING_ENABLED", ""))
    return Settings(
        enabled=not any(switch.strip().lower() in _FALSE for switch in switches),
        disabled_sdks=frozenset(_listed(environment, "SPANLEDGER_DISABLED_SDKS")),
        baggage_keys=(*BAGGAGE_KEYS, *_listed(environment, "SPANLEDGER_BAGGAGE_KEYS")),
    )


def _listed(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in environment.get(name, "").split(",") if part.strip())
