"""Together: chat, legacy completions, embeddings, rerank, images, audio and videos in OpenAI's wire format.

Usage is in the last chunk of every stream, and `cached_tokens` stands outside the details.
"""

from __future__ import annotations

from spanledger._patching import Sdk
from spanledger._stainless import Endpoint, StainlessSdk, request_points
from spanledger.content import OPENAI_CHAT, OPENAI_COMPLETION
from spanledger.providers.openai import read_completion, read_completion_chunk, read_embeddings
from spanledger.providers.openai_media import MEDIA_ENDPOINTS
from spanledger.providers.openai_videos import VIDEO_ENDPOINTS, VIDEO_FETCHINGS

__all__ = ["SDK"]

_TOGETHER = StainlessSdk(
    provider="together",
    endpoints=(
        Endpoint("/chat/completions", "chat", read_completion, read_completion_chunk, content=OPENAI_CHAT),
        Endpoint("/completions", "text_completion", read_completion, read_completion_chunk, content=OPENAI_COMPLETION),
        Endpoint("/embeddings", "embeddings", read_embeddings, read_embeddings, needs=("input",)),
        Endpoint("/rerank", "rerank", read_embeddings, read_embeddings, needs=("input",)),
        *MEDIA_ENDPOINTS,
        *VIDEO_ENDPOINTS,
    ),
    fetchings=VIDEO_FETCHINGS,
)

SDK = Sdk(distribution="together", supported=">=2,<4", points=request_points("together", _TOGETHER))
