"""Who bills a call, from the host it went to: one table for every SDK that can be pointed anywhere.

An OpenAI client pointed at Azure, Groq or OpenRouter is not billed by OpenAI. The names are those of the conventions
(`gen_ai.provider.name`) where these have one.
"""

from functools import lru_cache

__all__ = ["PROVIDER_BY_HOST", "provider_of_host"]

PROVIDER_BY_HOST: tuple[tuple[str, str], ...] = (
    ("openai.azure.com", "azure.ai.openai"),
    ("cognitiveservices.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("models.ai.azure.com", "azure.ai.inference"),
    ("inference.ai.azure.com", "azure.ai.inference"),
    ("openai.com", "openai"),
    ("anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("googleapis.com", "gcp.vertex_ai"),  # `REGION-aiplatform`, `aiplatform.REGION.rep`, `aiplatform`
    ("amazonaws.com", "aws.bedrock"),
    ("groq.com", "groq"),
    ("openrouter.ai", "openrouter"),
    ("deepseek.com", "deepseek"),
    ("together.xyz", "together"),
    ("together.ai", "together"),
    ("x.ai", "x_ai"),
    ("mistral.ai", "mistral_ai"),
    ("cohere.com", "cohere"),
    ("cohere.ai", "cohere"),
    ("perplexity.ai", "perplexity"),
    ("moonshot.ai", "moonshot_ai"),
    ("moonshot.cn", "moonshot_ai"),
    ("fireworks.ai", "fireworks"),
    ("cerebras.ai", "cerebras"),
    ("sambanova.ai", "sambanova"),
    ("deepinfra.com", "deepinfra"),
    ("integrate.api.nvidia.com", "nvidia"),
    ("dashscope.aliyuncs.com", "dashscope"),
    ("dashscope-intl.aliyuncs.com", "dashscope"),
    ("ml.cloud.ibm.com", "ibm.watsonx.ai"),
    ("voyageai.com", "voyageai"),
    ("router.huggingface.co", "huggingface"),
)
"""Host suffix and provider name; a suffix matches the host itself and every host below it."""


@lru_cache(maxsize=256)
def provider_of_host(host: str | None, default: str) -> str:
    """The provider that bills calls to `host`, or `default` for one that is not in the table (a proxy, a local one)."""
    if not host:
        return default
    dotted = "." + host.lower()
    for suffix, provider in PROVIDER_BY_HOST:
        if dotted.endswith("." + suffix):
            return provider
    return default
