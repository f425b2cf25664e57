"""The SDKs that SpanLedger knows, one module each: patch points, and how to read a request, a response and a chunk.

A module is loaded when the application imports its SDK, so that start-up costs nothing for SDKs that are not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanledger._patching import Sdk

    SDKS: tuple[Sdk, ...]
    """Every SDK that is patched. Importing this table loads all our modules, and none of the SDKs."""

__all__ = ["PROVIDERS", "SDKS", "Provider"]


@dataclass(frozen=True, slots=True)
class Provider:
    """Which of our modules knows the SDK that is imported as `package`, and under what name."""

    package: str
    module: str
    name: str = "SDK"

    def load(self) -> Sdk:
        """The SDK's patch points; imports our module, not the SDK."""
        module: Any = import_module(f"{__name__}.{self.module}")
        return getattr(module, self.name)


PROVIDERS = (
    Provider("openai", "openai"),
    Provider("anthropic", "anthropic"),
    Provider("google.genai", "google_genai"),
    Provider("mistralai.client", "mistralai"),  # `mistralai` is a namespace, whose import calls no hook
    Provider("cohere", "cohere"),
    Provider("xai_sdk", "xai"),
    Provider("groq", "groq"),
    Provider("together", "together"),
    Provider("ollama", "ollama"),
    Provider("botocore", "botocore", "BOTOCORE"),
    Provider("aiobotocore", "botocore", "AIOBOTOCORE"),
    Provider("litellm", "litellm"),
)


def __getattr__(name: str) -> tuple[Sdk, ...]:
    if name != "SDKS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return tuple(provider.load() for provider in PROVIDERS)
