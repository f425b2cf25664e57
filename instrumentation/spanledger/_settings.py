"""Settings of the instrumentation, from environment variables `SPANLEDGER_*`. Read once, when it is switched on."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from spanledger import semconv

__all__ = ["BAGGAGE_KEYS", "CAPTURE_VARIABLE", "NO_CONTENT", "Capture", "Settings", "length_limit", "load"]

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
_TRUE = frozenset({"1", "true", "yes", "on"})

CAPTURE_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
NO_CONTENT = frozenset({"", "no_content"}) | _FALSE
_PLACES_BY_MODE = {"span_only": (True, False), "event_only": (False, True), "span_and_event": (True, True)}
"""The modes of OpenTelemetry's own instrumentations: whether spans, and whether events, get what was said."""

_LENGTH_LIMITS = ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")

_log = logging.getLogger("spanledger")


@dataclass(frozen=True, slots=True)
class Capture:
    """Where prompts and completions go. `longest`: characters of an attribute, beyond which texts are cut.

    `inline_bytes`: images, audio and the like are kept up to this size, and only described beyond it.
    """

    on_spans: bool
    on_events: bool
    longest: int | None = None
    inline_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """`enabled` switches everything; `disabled_sdks` are left unpatched; `baggage_keys` are allowed as attribution.

    `stream_usage`: streams are asked for usage where the host is known to give it, or is one of `stream_usage_hosts`.
    `capture`: prompts and completions are captured; `None`, as is usual, not.
    """

    enabled: bool = True
    disabled_sdks: frozenset[str] = frozenset()
    baggage_keys: tuple[str, ...] = BAGGAGE_KEYS
    stream_usage: bool = True
    stream_usage_hosts: frozenset[str] = frozenset()
    capture: Capture | None = None


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `USAGE_TRACKING_ENABLED`, `SPANLEDGER_ENABLED`, `SPANLEDGER_DISABLED_SDKS`, `SPANLEDGER_BAGGAGE_KEYS`,
    `SPANLEDGER_STREAM_USAGE` and `SPANLEDGER_STREAM_USAGE_HOSTS`. Those in the plural are lists with commas; the
    baggage keys are added to the ones that are always allowed. Of OpenTelemetry's, whether content is captured
    (`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, `SPANLEDGER_CONTENT_INLINE_BYTES`) and the limit of lengths.
    """
    return Settings(
        enabled=_on(environment, "SPANLEDGER_ENABLED") and _on(environment, "USAGE_TRACKING_ENABLED"),
        disabled_sdks=frozenset(_listed(environment, "SPANLEDGER_DISABLED_SDKS")),
        baggage_keys=(*BAGGAGE_KEYS, *_listed(environment, "SPANLEDGER_BAGGAGE_KEYS")),
        stream_usage=_on(environment, "SPANLEDGER_STREAM_USAGE"),
        stream_usage_hosts=frozenset(_listed(environment, "SPANLEDGER_STREAM_USAGE_HOSTS")),
        capture=_capture(environment),
    )


def _capture(environment: Mapping[str, str]) -> Capture | None:
    mode = environment.get(CAPTURE_VARIABLE, "").strip().lower()
    if mode in NO_CONTENT:
        return None
    places = _PLACES_BY_MODE["span_only"] if mode in _TRUE else _PLACES_BY_MODE.get(mode)
    if places is None:
        _complain(CAPTURE_VARIABLE, "NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT; no content is captured")
        return None
    _, longest = length_limit(environment)
    inline_bytes = _number(environment, "SPANLEDGER_CONTENT_INLINE_BYTES") or 0
    return Capture(*places, longest=longest, inline_bytes=inline_bytes)


def length_limit(environment: Mapping[str, str]) -> tuple[str | None, int | None]:
    """The variable that limits attributes, and their longest length in characters; both `None` where none does."""
    limits = ((name, _number(environment, name)) for name in _LENGTH_LIMITS)
    return next(((name, limit) for name, limit in limits if limit is not None), (None, None))


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "").strip()
    if text and not text.isdecimal():
        _complain(name, "a whole number; it is taken for not set")
    return int(text) if text.isdecimal() else None


@cache
def _complain(name: str, choices: str) -> None:
    """Said once: settings may be read again and again."""
    _log.warning("spanledger: %s must be %s", name, choices)


def _on(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").strip().lower() not in _FALSE


def _listed(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in environment.get(name, "").split(",") if part.strip())
