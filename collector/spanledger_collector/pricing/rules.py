"""Rules of billing that are not prices, one row each with its source. Nothing here is a guess: where no rule says how
a meter is billed, it has a price of its own or none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from spanledger_collector.call_records import Quantity

__all__ = [
    "FALLBACKS",
    "IMPLICIT_REQUEST",
    "INPUT_METERS",
    "QUANTITY_RULES",
    "SUPERSEDED",
    "UNCERTAIN",
    "Fallback",
    "QuantityRule",
    "Uncertain",
]

INPUT_METERS: Final = frozenset(
    {
        "input", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "input_audio", "input_image",
        "input_video", "cache_read_audio", "cache_read_image", "cache_read_video",
    }
)  # fmt: skip
"""The disjoint meters whose sum is compared with a long-context threshold: cache reads and writes count (Anthropic,
"Long context pricing"; Gemini API price page, "prompts > 200k tokens"; OpenAI price page, "> 272K input tokens")."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """`meter` is billed at the price of `priced_as` when the book has none of its own, at these providers (all if
    empty) and for models whose name starts so (all if empty)."""

    meter: str
    priced_as: str
    source: str
    providers: frozenset[str] = frozenset()
    models: str = ""


_GOOGLE: Final = frozenset({"gcp.gemini", "gcp.vertex_ai"})
_GEMINI_UNIFORM = (
    "https://ai.google.dev/gemini-api/docs/pricing: a modality has a price of its own where the page lists one, "
    "otherwise one price covers text, image, video and audio"
)
_IMAGES_ARE_TEXT = (
    "https://developers.openai.com/api/docs/guides/images-vision: image inputs are metered and charged in tokens"
)

_COMPACTION = (
    "https://platform.claude.com/docs/en/build-with-claude/compaction: the usage leaves out what compactions took; "
    "it is billed besides, at the rates of the same model"
)
_COHERE_BILLED = (
    "https://docs.cohere.com/docs/how-does-cohere-pricing-work: billed_units is what is billed; the other counts are "
    "what the model worked with"
)

FALLBACKS: Final[tuple[Fallback, ...]] = (
    Fallback(
        "reasoning",
        "output",
        "https://developers.openai.com/api/docs/guides/reasoning: billed as output tokens; "
        "https://platform.claude.com/docs/en/build-with-claude/extended-thinking: charged as output tokens; "
        "https://ai.google.dev/gemini-api/docs/pricing: output price (including thinking tokens); "
        "https://docs.x.ai/docs/models: reasoning tokens are billed at the completion price",
    ),
    Fallback(
        "cache_write_5m",
        "cache_write",
        "https://platform.claude.com/docs/en/build-with-claude/prompt-caching: the default time to live is 5 minutes, "
        "and a price for cache writes without a time is that one",
    ),
    Fallback("compaction_input", "input", _COMPACTION),
    Fallback("compaction_output", "output", _COMPACTION),
    Fallback("billed_input", "input", _COHERE_BILLED, frozenset({"cohere"})),
    Fallback("billed_output", "output", _COHERE_BILLED, frozenset({"cohere"})),
    Fallback("search_unit", "rerank_search", _COHERE_BILLED, frozenset({"cohere"})),
    Fallback("input_image", "input", _IMAGES_ARE_TEXT, frozenset({"openai", "azure.ai.openai"})),
    Fallback(
        "input_image",
        "input",
        "https://platform.claude.com/docs/en/build-with-claude/vision: each image counts towards input tokens",
        frozenset({"anthropic", "aws.bedrock", "gcp.vertex_ai"}),
        "claude",
    ),
    Fallback(
        "input_image",
        "input",
        "https://docs.x.ai/developers/pricing.md: all token types, image tokens too, are billed at the model's rate",
        frozenset({"x_ai"}),
    ),
    Fallback("input_image", "input", _GEMINI_UNIFORM, _GOOGLE, "gemini"),
    Fallback("input_audio", "input", _GEMINI_UNIFORM, _GOOGLE, "gemini"),
    Fallback("input_video", "input", _GEMINI_UNIFORM, _GOOGLE, "gemini"),
    Fallback("cache_read_image", "cache_read", _GEMINI_UNIFORM, _GOOGLE, "gemini"),
    Fallback("cache_read_audio", "cache_read", _GEMINI_UNIFORM, _GOOGLE, "gemini"),
    Fallback("cache_read_video", "cache_read", _GEMINI_UNIFORM, _GOOGLE, "gemini"),
)

SUPERSEDED: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("cohere", "billed_input"): INPUT_METERS,
    ("cohere", "billed_output"): frozenset({"output", "reasoning"}),
}
"""Where a provider says besides its counts what it bills (provider, meter): the meters that are then not priced."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A meter that may hide others: it costs at least as `cheaper` meters do and at most as `dearer` ones, where the
    model has such prices; `flag` says what was assumed."""

    flag: str
    cheaper: tuple[str, ...] = ()
    dearer: tuple[str, ...] = ()


UNCERTAIN: Final[Mapping[str, Uncertain]] = {
    "cache_write": Uncertain("cache_ttl_assumed_5m", dearer=("cache_write_1h",)),
    "compaction_input": Uncertain(
        "compaction_assumed_uncached", cheaper=("cache_read",), dearer=("cache_write", "cache_write_1h")
    ),
}
"""Cache writes whose time to live is not known are taken to live for 5 minutes, the API's default (source: see
`cache_write_5m` above). What a compaction read is told in one sum with what it read from and wrote to the cache
(anthropic 2.12, `_tracing/_response.py`)."""

IMPLICIT_REQUEST: Final = "request"
"""A model with a price for this meter charges one for every answered call, whether or not the emitter counts it
(https://docs.perplexity.ai/docs/getting-started/pricing: request fee)."""


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """How a provider counts a meter: at least `minimum`, at most `maximum` units for each call that used any."""

    provider: str
    unit: str
    source: str
    minimum: int | None = None
    maximum: int | None = None
    flag: str = ""

    def applied(self, quantity: Quantity) -> Quantity:
        """The quantity that is billed."""
        if self.minimum is not None and quantity < self.minimum:
            return self.minimum
        if self.maximum is not None and quantity > self.maximum:
            return self.maximum
        return quantity


QUANTITY_RULES: Final[tuple[QuantityRule, ...]] = (
    QuantityRule(
        "groq",
        "second",
        "https://console.groq.com/docs/speech-to-text: a minimum of 10 seconds is billed for each request",
        minimum=10,
        flag="minimum_billed",
    ),
    *(
        QuantityRule(
            provider,
            "grounded_prompt",
            "https://ai.google.dev/gemini-api/docs/pricing: Gemini 2.x grounding is billed once for each prompt",
            maximum=1,
            flag="billed_once_per_prompt",
        )
        for provider in sorted(_GOOGLE)
    ),
)
