"""What is particular about each provider's bills: one row each, so that names, tiers and places are read in one way.

The names are those of `gen_ai.provider.name` where the conventions have one. What a provider's row does not say is
the same for all: the answer names the model, and `default` and `standard` are the standard tier.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = ["ASSUMED_SYNONYMS", "DIMENSIONS", "PROVIDERS", "PROVIDER_BY_NAME", "Dimension", "Provider"]

_Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Dimension:
    """A condition of a call: its field in `Conditions`, the word for it in reasons, and the flag when a price depends
    on it but the call does not say (empty: saying nothing is saying the default, as with batch)."""

    name: str
    word: str
    assumed: str
    defaults: frozenset[str]


DIMENSIONS: Final[tuple[Dimension, ...]] = (
    Dimension("service_tier", "tier", "tier_assumed_default", frozenset({"default", "standard", "on_demand"})),
    Dimension("processing", "processing", "", frozenset({"standard", "online", "realtime", "interactive"})),
    Dimension("speed", "speed", "", frozenset({"standard", "normal", "default"})),
    Dimension("region", "region", "region_assumed_default", frozenset({"global"})),
    Dimension("inference_geo", "geo", "geo_assumed_default", frozenset({"global", "not_available"})),
    Dimension("deployment_type", "deployment_type", "deployment_type_assumed_default", frozenset({"global"})),
    Dimension("search_context_size", "search_context_size", "search_context_size_assumed_default", frozenset()),
)


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider.

    `billed_name` is the name that says what is billed: the answer's, except where the request names a profile or a
    region. `request_needs_map`: the request's name is the user's own (a deployment), and means a model only in the
    user's own map. `values` maps what is reported of a dimension, in lower case, to the word of the book; the empty
    word is the default. `assumes` is the documented default of a dimension that has no word for it. `ignores` are
    dimensions without influence on its prices. `regional` is the form of region names that are all billed as the
    region `regional`; `apart` the form of regions that are sold apart, at prices of their own. `priced_at` is the end
    of the call that decides the price when it changes.
    """

    name: str
    price_page: str
    synonyms: tuple[str, ...] = ()
    billed_name: Literal["response", "request"] = "response"
    request_needs_map: bool = False
    values: Mapping[str, _Values] = field(default_factory=dict[str, _Values])
    assumes: Mapping[str, str] = field(default_factory=dict[str, str])
    regional: str = ""
    apart: str = ""
    ignores: frozenset[str] = frozenset()
    priced_at: Literal["start", "end"] = "start"


_PLACE: Final = frozenset({"region", "inference_geo", "deployment_type"})
_AZURE_DEPLOYMENTS: Final = {
    "globalstandard": "",
    "datazone": "datazone",
    "datazonestandard": "datazone",
    "regional": "regional",
    "standard": "regional",
}

PROVIDERS: Final[tuple[Provider, ...]] = (
    Provider(
        "openai",
        "https://developers.openai.com/api/docs/pricing",
        ("openai.chat", "openai.responses"),
        # `fast` is the name of priority since 2026 (price page); `batch` is a way of processing.
        values={"service_tier": {"fast": "priority"}},
        regional="us|eu|gb|au|ca|jp|in|sg|kr|ae",
        ignores=frozenset({"inference_geo", "deployment_type"}),
    ),
    Provider(
        "anthropic",
        "https://platform.claude.com/docs/en/about-claude/pricing",
        ignores=frozenset({"region", "deployment_type"}),
    ),
    Provider(
        "azure.ai.openai",
        "https://azure.microsoft.com/en-us/pricing/details/cognitive-services/openai-service/",
        ("azure", "azure.openai", "azure_openai", "az.ai.openai", "azure.ai.inference", "az.ai.inference", "azure_ai"),
        request_needs_map=True,
        values={"deployment_type": _AZURE_DEPLOYMENTS},
        ignores=frozenset({"region", "inference_geo"}),
    ),
    Provider(
        "aws.bedrock",
        "https://aws.amazon.com/bedrock/pricing/",
        ("bedrock", "aws_bedrock", "amazon_bedrock", "aws"),
        billed_name="request",
        # The imported prices are those of us-east-1, which the three large US regions share (genai-prices, aws
        # provider).
        values={"region": {"us-east-1": "", "us-east-2": "", "us-west-2": ""}},
        # GovCloud and China are partitions of their own; litellm 1.109.1 lists GovCloud 20% dearer than global.
        apart="us-gov-|cn-|us-iso",
        ignores=frozenset({"inference_geo", "deployment_type"}),
    ),
    Provider(
        "gcp.vertex_ai",
        "https://cloud.google.com/vertex-ai/generative-ai/pricing",
        ("vertex_ai", "google_vertexai", "vertexai"),
        # `traffic_type` of the API: on demand, priority and flex; provisioned throughput is not billed by token.
        values={"service_tier": {"1": "", "on_demand_priority": "priority", "on_demand_flex": "flex"}},
        regional=r"us|eu|[a-z]+-[a-z]+\d+",
        ignores=frozenset({"inference_geo", "deployment_type"}),
    ),
    Provider(
        "gcp.gemini",
        "https://ai.google.dev/gemini-api/docs/pricing",
        ("gemini", "google", "google_genai", "gcp.gen_ai"),
        ignores=_PLACE,
    ),
    Provider("mistral_ai", "https://mistral.ai/pricing/api", ("mistral", "mistralai"), ignores=_PLACE - {"region"}),
    Provider("cohere", "https://cohere.com/pricing", ("cohere_chat",), ignores=_PLACE),
    Provider(
        "groq",
        "https://console.groq.com/docs/models",
        # Flex is the on-demand price with a higher limit and no waiting (console.groq.com/docs/flex-processing).
        values={"service_tier": {"flex": ""}},
        ignores=_PLACE,
    ),
    Provider(
        "deepseek",
        "https://api-docs.deepseek.com/quick_start/pricing",
        ignores=_PLACE,
        # "the completion timestamp of each request" decides (archived price page of 2025-02-26).
        priced_at="end",
    ),
    Provider("x_ai", "https://docs.x.ai/docs/models", ("xai", "x-ai", "grok"), ignores=_PLACE),
    Provider("openrouter", "https://openrouter.ai/models", ignores=_PLACE),
    Provider("together", "https://www.together.ai/pricing", ("together_ai", "togetherai"), ignores=_PLACE),
    Provider("fireworks", "https://fireworks.ai/pricing", ("fireworks_ai",), ignores=_PLACE),
    Provider(
        "perplexity",
        "https://docs.perplexity.ai/docs/getting-started/pricing",
        assumes={"search_context_size": "low"},
        ignores=_PLACE,
    ),
    Provider(
        "moonshot_ai", "https://platform.kimi.ai/docs/pricing/chat.md", ("moonshot", "moonshotai"), ignores=_PLACE
    ),
    Provider("cerebras", "https://www.cerebras.ai/pricing", ignores=_PLACE),
    Provider("voyageai", "https://docs.voyageai.com/docs/pricing", ("voyage", "voyage_ai"), ignores=_PLACE),
    Provider("novita", "https://novita.ai/pricing", ignores=_PLACE),
    Provider("minimax", "https://platform.minimax.io/docs/pricing/overview", ignores=_PLACE),
    Provider("zai", "https://docs.z.ai/guides/overview/pricing", ("z_ai", "z.ai"), ignores=_PLACE),
)

PROVIDER_BY_NAME: Final[dict[str, Provider]] = {
    name: provider for provider in PROVIDERS for name in (provider.name, *provider.synonyms)
}

ASSUMED_SYNONYMS: Final = frozenset({"gcp.gen_ai", "google"})
"""Names that do not say which of two billing services it was; what is priced under them is flagged."""
