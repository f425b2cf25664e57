"""LiteLLM: its functions, where they send by themselves; through the OpenAI SDK, that SDK's call counts.

Answers are in OpenAI's format, with inclusive counts whatever the provider, and details that OpenAI does not have.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from spanledger import semconv
from spanledger._layers import note_call_below
from spanledger._litellm import (
    Function,
    async_function,
    note_async_end,
    note_end,
    note_server,
    sync_function,
)
from spanledger._litellm_raw import note_answer, note_chunk
from spanledger._patching import PatchPoint, Sdk
from spanledger.content import ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_COMPLETION, OPENAI_RESPONSES
from spanledger.providers import anthropic, cohere, mistralai, openai, openai_media
from spanledger.providers.google_usage import read_tier
from spanledger.providers.openai_usage import read_usage
from spanledger.usage import count, get, put

if TYPE_CHECKING:
    from spanledger._reading import Reading

__all__ = ["SDK"]

_METER_BY_PATH: Final = (
    (("prompt_tokens_details", "cache_creation_tokens"), "cache_write"),
    (("cache_creation_input_tokens",), "cache_write"),
    (("cache_read_input_tokens",), "cache_read"),
    (("prompt_tokens_details", "cache_creation_token_details", "ephemeral_5m_input_tokens"), "cache_write_5m"),
    (("prompt_tokens_details", "cache_creation_token_details", "ephemeral_1h_input_tokens"), "cache_write_1h"),
    (("prompt_tokens_details", "web_search_requests"), "web_search"),
    (("server_tool_use", "web_search_requests"), "web_search"),
    (("server_tool_use", "web_fetch_requests"), "web_fetch"),
)
"""What LiteLLM's usage has besides OpenAI's; of several places for a meter, one that is not zero counts."""

_ATTRIBUTE_BY_FIELD: Final = (
    ("service_tier", semconv.ANTHROPIC_SERVICE_TIER),
    ("speed", semconv.SPEED),
    ("inference_geo", semconv.INFERENCE_GEO),
)
"""Anthropic has these in its usage, and LiteLLM leaves them there; the tiers of others are beside it."""


def read_answer(answer: object, reading: Reading) -> None:
    """A whole answer."""
    openai.read_completion(answer, reading)
    _read_more(get(answer, "usage"), reading)


def read_embeddings(answer: object, reading: Reading) -> None:
    """Embeddings: only input is counted."""
    openai.read_embeddings(answer, reading)


def read_images(answer: object, reading: Reading) -> None:
    """Images. Where the provider gave no usage, LiteLLM has one with zeros."""
    usage = get(answer, "usage")
    told = any(count(get(usage, name)) for name in ("input_tokens", "output_tokens"))
    openai_media.read_images({"data": get(answer, "data"), "usage": usage if told else None}, reading)


def read_chunk(chunk: object, reading: Reading) -> None:
    """A chunk of the provider's, in LiteLLM's format. Some providers give usage in parts: what a later chunk does not
    have is zero there, and does not undo what an earlier one had."""
    given = dict(reading.usage)
    openai.read_completion_chunk(chunk, reading)
    _read_more(get(chunk, "usage"), reading)
    for meter, quantity in given.items():
        reading.usage[meter] = reading.usage.get(meter) or quantity
    reading.response_id = None  # LiteLLM makes one up for each chunk


def read_left_out(answer: object, reading: Reading) -> None:
    """What LiteLLM leaves out of a provider's answer, or of a chunk: Gemini's tier, and the usage of Groq's streams."""
    usage = get(answer, "usageMetadata")
    read_tier(get(usage, "serviceTier") or get(usage, "trafficType"), reading)
    read_usage(get(get(answer, "x_groq"), "usage"), reading)


def _read_more(usage: object, reading: Reading) -> None:
    for path, meter in _METER_BY_PATH:
        value = usage
        for name in path:
            value = get(value, name)
        if value or meter not in reading.usage:
            put(reading.usage, meter, value)
    for field, attribute in _ATTRIBUTE_BY_FIELD:
        if isinstance(value := get(usage, field), str):
            reading.attributes[attribute] = value


_CHAT: Final = Function("chat", read_answer, read_chunk, content=OPENAI_CHAT)
_FUNCTIONS: Final = {
    "completion": _CHAT,
    "text_completion": replace(
        _CHAT, operation="text_completion", content=OPENAI_COMPLETION, asked_at=(0, "prompt"), model_at=1
    ),
    "embedding": Function("embeddings", read_embeddings, read_embeddings, needs=("input",)),
    "responses": Function(
        "chat",
        openai.read_response,
        openai.read_response_event,
        model_at=1,
        content=OPENAI_RESPONSES,
        asked_at=(0, "input"),
    ),
    "rerank": Function("rerank", cohere.read_answer, cohere.read_event, needs=("search_unit",)),
    "image_generation": Function("image_generation", read_images, openai_media.read_image_event, model_at=1),
    "image_edit": Function("image_generation", read_images, openai_media.read_image_event, model_at=2, twin_at=1),
    "transcription": Function("transcription", openai_media.read_transcription, openai_media.read_transcription_event),
    "speech": Function("speech", openai_media.read_no_speech, openai_media.read_speech_event),
    "ocr": Function("ocr", mistralai.read_completion, mistralai.read_completion_chunk, needs=("page",)),
}
_MESSAGES: Final = Function(
    "chat", anthropic.read_message, anthropic.read_event, model_at=2, content=ANTHROPIC_MESSAGES
)
"""Anthropic's own format, asynchronous only; LiteLLM sends it on as it is, or makes a completion of it."""

_CORE: Final = "litellm.litellm_core_utils"
_LEFT_OUT: Final = ('"serviceTier"', '"trafficType"')
_CHUNK_PARSERS: Final = (
    ("vertex_ai.gemini.vertex_and_google_ai_studio_gemini", "ModelResponseIterator.chunk_parser"),
    ("groq.chat.transformation", "GroqChatCompletionStreamingHandler.chunk_parser"),
)

SDK: Final = Sdk(
    distribution="litellm",
    supported=">=1.80,<2",
    points=(
        *(PatchPoint("litellm", name, sync_function(function)) for name, function in _FUNCTIONS.items()),
        *(PatchPoint("litellm", f"a{name}", async_function(function)) for name, function in _FUNCTIONS.items()),
        PatchPoint("litellm", "anthropic_messages", async_function(_MESSAGES)),
        PatchPoint("litellm.anthropic_interface.messages", "_async_anthropic_messages", async_function(_MESSAGES)),
        PatchPoint(f"{_CORE}.litellm_logging", "Logging.pre_call", note_server),
        PatchPoint(f"{_CORE}.litellm_logging", "Logging.post_call", note_answer(_LEFT_OUT, read_left_out)),
        *(PatchPoint(f"litellm.llms.{module}", name, note_chunk(read_left_out)) for module, name in _CHUNK_PARSERS),
        PatchPoint(f"{_CORE}.streaming_handler", "CustomStreamWrapper.__next__", note_end),
        PatchPoint(f"{_CORE}.streaming_handler", "CustomStreamWrapper.__anext__", note_async_end),
        PatchPoint("openai._base_client", "BaseClient._build_request", note_call_below),
    ),
)
