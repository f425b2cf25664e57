"""Groq: chat completions, embeddings and audio in OpenAI's wire format. Audio is billed by its length, which no answer
tells.

A stream has its usage in `x_groq.usage` of the last chunk, asked for or not.
"""

from __future__ import annotations

from spanledger._patching import Sdk
from spanledger._stainless import Endpoint, StainlessSdk, request_points
from spanledger.content import OPENAI_CHAT
from spanledger.providers.openai import read_completion, read_completion_chunk, read_embeddings
from spanledger.providers.openai_media import MEDIA_ENDPOINTS

__all__ = ["SDK"]

_GROQ = StainlessSdk(
    provider="groq",
    endpoints=(
        Endpoint("/chat/completions", "chat", read_completion, read_completion_chunk, content=OPENAI_CHAT),
        Endpoint("/embeddings", "embeddings", read_embeddings, read_embeddings, needs=("input",)),
        *MEDIA_ENDPOINTS,
    ),
)

SDK = Sdk(distribution="groq", supported=">=0.30,<2", points=request_points("groq", _GROQ))
