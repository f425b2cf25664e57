"""Who bills a call: the host first, then the model's prefix, then the name that the emitter gives."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from spanledger.hosts import provider_of_host

__all__ = ["billing_provider", "recorded_provider", "region_of_host"]

_LEGACY: Final[Mapping[str, str]] = {
    "azure": "azure.ai.openai",
    "az.ai.openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "azure_ai": "azure.ai.inference",
    "aws": "aws.bedrock",
    "amazon": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google_ai": "gcp.gemini",
    "gcp.gen_ai": "gcp.gemini",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "google_anthropic_vertex": "gcp.vertex_ai",
    "gcp": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
    "grok": "x_ai",
    "watsonx": "ibm.watsonx.ai",
    "ibm": "ibm.watsonx.ai",
    "moonshot": "moonshot_ai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "voyage": "voyageai",
    "cohere_chat": "cohere",
    "text-completion-openai": "openai",
    "openai_like": "openai",
    "openai_responses": "openai",
    "hf": "huggingface",
    # As Claude Code calls whom it asks; Claude's own platform on AWS and Google Cloud has Anthropic's prices.
    "firstparty": "anthropic",
    "anthropicaws": "anthropic",
    "anthropicgooglecloud": "anthropic",
    "foundry": "azure.ai.inference",
    "mantle": "aws.bedrock",
    "vertex": "gcp.vertex_ai",
}
"""Names of older conventions, SDK classes and gateways, in lower case, and the provider's name in the conventions."""

_NOT_PROVIDERS: Final = frozenset(
    {
        "",
        "_other",
        "custom",
        "gateway",
        "langchain",
        "langgraph",
        "litellm",
        "litellm_proxy",
        "llamaindex",
        "strands-agents",
        "unknown",
    }
)
"""Names of frameworks and gateways that stand where a provider should."""

_MODEL_PREFIXES: Final = frozenset(
    {
        "anthropic",
        "azure",
        "azure_ai",
        "bedrock",
        "cohere",
        "cohere_chat",
        "deepseek",
        "fireworks_ai",
        "gemini",
        "groq",
        "mistral",
        "moonshot",
        "openai",
        "openrouter",
        "perplexity",
        "together_ai",
        "vertex_ai",
        "voyage",
        "watsonx",
        "xai",
    }
)
"""What gateways put before a model's name and a slash."""

_BEDROCK_HOST: Final = re.compile(r"bedrock(?:-[a-z-]+)?\.([a-z0-9-]+)\.amazonaws\.com")
_VERTEX_HOST: Final = re.compile(r"([a-z]+(?:-[a-z]+)*\d*)-aiplatform\.googleapis\.com")
_BEDROCK_VENDORS: Final = (
    "anthropic.",
    "amazon.",
    "meta.",
    "cohere.",
    "mistral.",
    "ai21.",
    "deepseek.",
    "openai.",
    "stability.",
)
_BEDROCK_PLACES: Final = ("us.", "eu.", "apac.", "jp.", "au.", "ca.", "us-gov.", "global.")

_MODEL_FAMILIES: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (
        ("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-3", "text-embedding-ada", "dall-e", "whisper-", "tts-"),
        "openai",
    ),
    (("claude-",), "anthropic"),
    (("gemini-",), "gcp.gemini"),
    (("mistral-", "codestral-", "ministral-", "magistral-", "pixtral-"), "mistral_ai"),
    (("grok-",), "x_ai"),
    (("deepseek-",), "deepseek"),
    (("command-",), "cohere"),
    (("sonar",), "perplexity"),
)
"""Model names that only one company gives, for emitters that do not say whom they called."""


def recorded_provider(name: str | None) -> str:
    """The provider of a record (`spanledger.record`): a name of the user's own, under which prices are set."""
    return (name or "").strip().lower()


@lru_cache(maxsize=1024)
def billing_provider(name: str | None, host: str | None, model: str | None) -> str:
    """The provider that bills, in the vocabulary of `gen_ai.provider.name`; the empty string when nothing tells.

    A known host decides. Otherwise a gateway's prefix of the model (`bedrock/...`) or a Bedrock model id does,
    because the name is that of the client library; then the name, in the conventions' spelling; then the model's
    family.
    """
    by_host = provider_of_host(_without_region(host), "") if host else ""
    if by_host:
        return by_host
    spelled = (name or "").strip().lower().removesuffix("_llm")  # as LlamaIndex calls its classes
    named = _LEGACY.get(spelled, spelled)
    by_model = _by_model_id(model, named) if model else None
    if by_model is not None:
        return by_model
    if named not in _NOT_PROVIDERS:
        return _client_class(named)
    return _by_family(model or "")


@lru_cache(maxsize=1024)
def region_of_host(host: str) -> str | None:
    """The cloud region that a host name spells out (Amazon Bedrock, Vertex AI), or `None`."""
    name = host.lower()
    found = _BEDROCK_HOST.search(name) or _VERTEX_HOST.fullmatch(name)
    return found[1] if found else None


def _without_region(host: str) -> str:
    """Vertex AI puts the region before its host name with a hyphen, so that no suffix ends at a dot."""
    return "aiplatform.googleapis.com" if _VERTEX_HOST.fullmatch(host.lower()) else host


def _by_model_id(model: str, named: str) -> str | None:
    lowered = model.lower()
    prefix, slash, _ = lowered.partition("/")
    if slash and prefix in _MODEL_PREFIXES and named != "openrouter":
        return _LEGACY.get(prefix, prefix)
    bare = lowered
    for place in _BEDROCK_PLACES:
        bare = bare.removeprefix(place)
    if lowered.startswith("arn:aws:bedrock") or (bare.startswith(_BEDROCK_VENDORS) and not slash):
        return "aws.bedrock"
    # Only Vertex AI puts an @ before the version of a Claude model (cloud.google.com/vertex-ai, "Claude models").
    return "gcp.vertex_ai" if lowered.startswith("claude-") and "@" in lowered else None


def _client_class(named: str) -> str:
    """`openai.responses`, `anthropic.messages`, `google.generative-ai`: the Vercel AI SDK appends what it calls."""
    head, dot, tail = named.partition(".")
    if not dot or head in {"az", "azure", "aws", "gcp", "ibm"}:
        return named
    if head == "google" and tail.startswith("vertex"):
        return "gcp.vertex_ai"
    return _LEGACY.get(head, head)


def _by_family(model: str) -> str:
    lowered = model.lower().rpartition("/")[2]
    return next((provider for starts, provider in _MODEL_FAMILIES if lowered.startswith(starts)), "")
