"""What Gemini says of tokens, in the words of its REST API (camel case) and of its Interactions API (snake case).

`promptTokenCount` contains cached tokens. `toolUsePromptTokenCount` (what the provider's own tools brought into the
prompt) is outside it, and `thoughtsTokenCount` outside `candidatesTokenCount`; the total contains all four. In a stream
every chunk is cumulative. A count of zero is left out, as protobuf's JSON mapping has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from spanledger import semconv
from spanledger.usage import count, get

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spanledger._reading import Reading

__all__ = ["INTERACTION", "LIVE", "REST", "Words", "items", "read_tier", "read_usage"]


@dataclass(frozen=True, slots=True)
class Words:
    """The names of the counts in one of the APIs; `details` are lists with a `modality` and `tokens` in each entry."""

    prompt: str
    tool_prompt: str
    answer: tuple[str, ...]
    thoughts: str
    cached: str
    total: str
    prompt_details: tuple[str, ...]
    answer_details: tuple[str, ...]
    cached_details: str
    tokens: str


REST = Words(
    prompt="promptTokenCount",
    tool_prompt="toolUsePromptTokenCount",
    answer=("candidatesTokenCount",),
    thoughts="thoughtsTokenCount",
    cached="cachedContentTokenCount",
    total="totalTokenCount",
    prompt_details=("promptTokensDetails", "promptTokenDetails", "toolUsePromptTokensDetails"),
    answer_details=("candidatesTokensDetails",),
    cached_details="cacheTokensDetails",
    tokens="tokenCount",
)
INTERACTION = Words(
    prompt="total_input_tokens",
    tool_prompt="total_tool_use_tokens",
    answer=("total_output_tokens",),
    thoughts="total_thought_tokens",
    cached="total_cached_tokens",
    total="total_tokens",
    prompt_details=("input_tokens_by_modality", "tool_use_tokens_by_modality"),
    answer_details=("output_tokens_by_modality",),
    cached_details="cached_tokens_by_modality",
    tokens="tokens",
)
LIVE = Words(
    prompt="prompt_token_count",
    tool_prompt="tool_use_prompt_token_count",
    answer=("response_token_count", "candidates_token_count"),
    thoughts="thoughts_token_count",
    cached="cached_content_token_count",
    total="total_token_count",
    prompt_details=("prompt_tokens_details", "tool_use_prompt_tokens_details"),
    answer_details=("response_tokens_details", "candidates_tokens_details"),
    cached_details="cache_tokens_details",
    tokens="token_count",
)

_METERED_MODALITIES = {"audio": "audio", "image": "image", "4": "audio", "2": "image"}
"""By name, or by number in the enum `Modality` of the API. Text, video and documents are the rest of the whole."""


def read_usage(usage: object, reading: Reading, words: Words) -> None:
    """The counts of an answer, or of a chunk, which overrules what earlier chunks said."""
    counts = reading.raw
    for name in (words.prompt, words.tool_prompt, *words.answer, words.thoughts, words.cached, words.total):
        if (quantity := count(get(usage, name))) is not None:
            counts[name] = quantity
    if not any(name in counts for name in (words.prompt, *words.answer, words.thoughts, words.total)):
        return
    tool_prompt, thoughts = counts.get(words.tool_prompt, 0), counts.get(words.thoughts, 0)
    reading.usage["input"] = counts.get(words.prompt, 0) + tool_prompt
    answer = next((counts[name] for name in words.answer if name in counts), 0)
    reading.usage["output"] = answer + thoughts
    if tool_prompt:
        reading.attributes[semconv.TOOL_USE_PROMPT_TOKENS] = tool_prompt
    if words.thoughts in counts:
        reading.usage["reasoning"] = thoughts
    if words.cached in counts:
        reading.usage["cache_read"] = counts[words.cached]
    _read_modalities(usage, reading, words.prompt_details, "input", words)
    _read_modalities(usage, reading, words.answer_details, "output", words)
    _read_modalities(usage, reading, (words.cached_details,), "cache_read", words)


def read_tier(tier: object, reading: Reading) -> None:
    """The service tier (Gemini API) or traffic type (Vertex AI) of the answer; a number where enums are numbers."""
    if isinstance(value := getattr(tier, "value", tier), str | int) and not isinstance(value, bool):
        reading.attributes[semconv.SERVICE_TIER] = value


def _read_modalities(usage: object, reading: Reading, names: tuple[str, ...], side: str, words: Words) -> None:
    found: dict[str, int] = {}
    for name in names:
        for part in items(get(usage, name)):
            modality = get(part, "modality")
            known = _METERED_MODALITIES.get(str(getattr(modality, "value", modality)).lower())
            if known is not None:
                meter = f"{side}_{known}"
                found[meter] = found.get(meter, 0) + (count(get(part, words.tokens)) or 0)
    reading.usage.update(found)


def items(value: object) -> Iterable[object]:
    """A list of an answer; nothing where there is something else."""
    return cast("list[object]", value) if isinstance(value, list | tuple) else ()
