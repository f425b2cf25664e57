"""Dialects of frameworks, gateways and multi-SDK instrumentations."""

from typing import Final

from spanledger_collector.dialects.dialect import Dialect

__all__ = ["FRAMEWORKS"]

FRAMEWORKS: Final[tuple[Dialect, ...]] = ()
