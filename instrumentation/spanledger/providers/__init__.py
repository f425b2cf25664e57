"""The SDKs that SpanLedger knows, one module each: patch points, and how to read a request, a response and a chunk."""

from spanledger._patching import Sdk
from spanledger.providers import anthropic, openai

__all__ = ["SDKS"]

SDKS: tuple[Sdk, ...] = (openai.SDK, anthropic.SDK)
"""Every SDK that is patched. Importing this table imports none of them."""
