"""Dialects of the providers' own SDKs and of instrumentations that wrap one SDK."""

from typing import Final

from spanledger_collector.dialects.dialect import Dialect

__all__ = ["SDKS"]

SDKS: Final[tuple[Dialect, ...]] = (
    Dialect(
        id="anthropic-native",
        scopes=("com.anthropic.sdk.python*",),
        source_rank=0,
        provider="anthropic",
        notes="anthropic >= 2.0 makes this span by itself; it carries the 5m/1h split, tier and request id, but no web "
        "searches. Our instrumentation adds to it what is missing, under spanledger.*.",
    ),
)
