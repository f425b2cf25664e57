"""The SDKs that SpanLedger knows, one module each: patch points, and how to read a request, a response and a chunk."""

from spanledger._patching import Sdk
from spanledger.providers import (
    anthropic,
    botocore,
    cohere,
    google_genai,
    groq,
    litellm,
    mistralai,
    ollama,
    openai,
    together,
    xai,
)

__all__ = ["SDKS"]

SDKS: tuple[Sdk, ...] = (
    openai.SDK,
    anthropic.SDK,
    google_genai.SDK,
    mistralai.SDK,
    cohere.SDK,
    xai.SDK,
    groq.SDK,
    together.SDK,
    ollama.SDK,
    botocore.BOTOCORE,
    botocore.AIOBOTOCORE,
    litellm.SDK,
)
"""Every SDK that is patched. Importing this table imports none of them."""
