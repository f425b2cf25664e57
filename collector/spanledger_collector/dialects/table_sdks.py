"""Dialects of the providers' own SDKs and of instrumentations that wrap single SDKs."""

from typing import Final

from spanledger_collector.dialects.dialect import ANY_PROVIDER, Dialect
from spanledger_collector.dialects.names import GENERIC, Names

__all__ = ["SDKS"]

_GOOGLE: Final = frozenset({"gcp.gemini", "gcp.vertex_ai"})
_BOTOCORE_REGION: Final[Names] = {"region": (*GENERIC["region"], "cloud.region")}
"""On its spans the region of the service that was asked; on a resource it is the application's."""

_NATIVE: Final = (
    Dialect(
        id="anthropic-native",
        scopes=("com.anthropic.sdk.*",),
        source_rank=0,
        provider="anthropic",
        notes="anthropic >= 2.0 makes this span by itself (com.anthropic.sdk.<language>, or .cli, and .<cloud>); it "
        "carries the 5m/1h split, tier and request id, but no web searches. Our instrumentation adds to it what is "
        "missing, under spanledger.*.",
    ),
    Dialect(
        id="anthropic-platform",
        scopes=("com.anthropic.claude-platform*",),
        source_rank=0,
        provider="anthropic",
        notes="What the Claude API itself exports (beta): SERVER spans of service claude-platform, within the client's "
        "span, or in a trace of their own for the platform on AWS. Joined by the response id.",
    ),
    Dialect(
        id="xai-native",
        scopes=("xai_sdk*",),
        source_rank=0,
        provider="x_ai",
        reasoning_outside=ANY_PROVIDER,
        total_is_reported=True,
        ticks=("gen_ai.usage.cost_in_usd_ticks", 10**10),
        names={"input_image": (*GENERIC["input_image"], "gen_ai.usage.prompt_image_tokens")},
        notes="Output excludes reasoning. The ticks are the provider's own price.",
    ),
    Dialect(
        id="mistral-native",
        scopes=("mistralai*",),
        source_rank=0,
        provider="mistral_ai",
        operations={"invoke_agent": "candidate"},
        notes="invoke_agent is a request to the conversations API: a call of its own.",
    ),
)

_OPENTELEMETRY: Final = (
    Dialect(
        id="otel-botocore-invoke",
        scopes=("opentelemetry.instrumentation.botocore*",),
        needs=(("rpc.method", "InvokeModel"), ("rpc.method", "InvokeModelWithResponseStream")),
        source_rank=2,
        provider="aws.bedrock",
        cache_outside=ANY_PROVIDER,
        names=_BOTOCORE_REGION,
        estimates=("cohere.", "mistral."),
        flags=("cached_tokens_missing",),
        notes="botocore 0.66b2 makes up what InvokeModel does not answer for these models: a token for six characters. "
        "Cached tokens are in none of its counts, so that others are believed.",
    ),
    Dialect(
        id="otel-bedrock",
        scopes=("opentelemetry.instrumentation.genai.bedrock*", "opentelemetry.instrumentation.botocore*"),
        source_rank=1,
        provider="aws.bedrock",
        cache_outside=ANY_PROVIDER,
        names={"response_id": (*GENERIC["response_id"], "aws.request_id"), **_BOTOCORE_REGION},  # the id as ours has it
        notes="genai-bedrock 1.3b0 and botocore 0.66b2 pass on Bedrock's inputTokens, which lack cached tokens.",
    ),
    Dialect(
        id="otel-google-genai",
        scopes=("opentelemetry.instrumentation.google_genai*", "opentelemetry.instrumentation.genai.google*"),
        source_rank=1,
        provider="gcp.gemini",
        reasoning_outside_operations=frozenset({"interactions.create"}),
        notes="1.3b0: output is candidates + thoughts, but for interactions.create it lacks the thoughts.",
    ),
    Dialect(
        id="otel-framework",
        scopes=(
            "opentelemetry.instrumentation.genai.langchain*",
            "opentelemetry.instrumentation.genai.openai_agents*",
            "opentelemetry.instrumentation.openai_agents*",
        ),
        source_rank=2,
    ),
    Dialect(
        id="otel-openai-v2",
        scopes=("opentelemetry.instrumentation.openai_v2*",),
        source_rank=1,
        flags=("cache_not_reported",),
        notes="2.4b0: tells only sums, so that cached tokens are priced as fresh input; does not observe the Responses "
        "API. Its successor is genai.openai.",
    ),
    Dialect(
        id="otel-genai",
        scopes=("opentelemetry.instrumentation.genai.*",),
        source_rank=1,
        notes="The official packages for one SDK each. A stream without include_usage, or closed early, has no usage "
        "and an unset status.",
    ),
)

_OPENLLMETRY: Final = (
    Dialect(
        id="openllmetry-bedrock",
        scopes=("opentelemetry.instrumentation.bedrock*",),
        source_rank=1,
        provider="aws.bedrock",
        cache_outside=ANY_PROVIDER,
        notes="0.62.4: Bedrock's inputTokens as they are, without cached tokens, which are in no count of a streamed "
        "InvokeModel; the total is the sum of what is shown. Names of models lack the maker's, by which Amazon prices: "
        "alone, these calls are unpriced.",
    ),
    Dialect(
        id="openllmetry-google",
        scopes=("opentelemetry.instrumentation.google_generativeai*", "opentelemetry.instrumentation.vertexai*"),
        source_rank=1,
        provider="gcp.gemini",
        reasoning_outside=ANY_PROVIDER,
        total_is_reported=True,
        notes="Output is candidates without thoughts; the total is Google's and includes them.",
    ),
    Dialect(
        id="openllmetry-llamaindex",
        scopes=("opentelemetry.instrumentation.llamaindex*",),
        source_rank=2,
        cache_outside=frozenset({"anthropic"}),
        notes="0.62.4: names classes (anthropic_llm), not models; leaves LlamaIndex's own OpenAI class to the "
        "instrumentation of that SDK.",
    ),
    Dialect(
        id="openllmetry-framework",
        scopes=(
            "opentelemetry.instrumentation.langchain*",
            "opentelemetry.instrumentation.crewai*",
            "opentelemetry.instrumentation.agno*",
            "opentelemetry.instrumentation.haystack*",
        ),
        source_rank=2,
        notes="langchain: cached reads of OpenAI are dropped; cache writes are 0 where the split by time to live is "
        "used; the total is added up. Agent and task spans of crewai and agno carry sums.",
    ),
    Dialect(
        id="openllmetry-openai",
        scopes=("opentelemetry.instrumentation.openai*",),
        source_rank=1,
        total_is_reported=True,
        notes="No cache writes; no reasoning on streams.",
    ),
    Dialect(
        id="openllmetry-anthropic",
        scopes=("opentelemetry.instrumentation.anthropic*",),
        source_rank=3,
        notes="0.62.4: the output of a stream is start + delta, a little more than was billed, and nothing says that "
        "it was a stream: whoever else tells of the call is believed.",
    ),
    Dialect(
        id="openllmetry",
        scopes=("opentelemetry.instrumentation.*",),
        source_rank=1,
        notes="0.62.4 and earlier.",
    ),
)

_OPENINFERENCE_IDS: Final = (
    ("output.value", "id"),
    ("output.value", "response_id"),
    ("output.value", "llm_output", "id"),
    ("output.value", "generations", "0", "0", "message", "kwargs", "response_metadata", "id"),
    ("output.value", "generations", "0", "0", "message", "kwargs", "id"),
    ("output.value", "generations", "0", "0", "message", "response_metadata", "id"),
    ("output.value", "generations", "0", "0", "message", "id"),
)
"""Where the response id stands in what OpenInference writes of the answer: as the SDK's own JSON, or as LangChain's."""

_OPENINFERENCE_KIND: Final = {"operation": ("openinference.span.kind", "gen_ai.operation.name")}

_INVOKE_MODEL: Final = ("bedrock.invoke_model", "bedrock.invoke_model_with_response_stream")

_OPENINFERENCE: Final = (
    Dialect(
        id="openinference-bedrock-claude",
        scopes=("openinference.instrumentation.bedrock*",),
        needs=(("llm.system", "anthropic"),),
        span_names=_INVOKE_MODEL,
        source_rank=1,
        provider="aws.bedrock",
        hidden_ids=_OPENINFERENCE_IDS,
        names=_OPENINFERENCE_KIND,
        notes="0.1.61: InvokeModel of a Claude model: the input contains cached tokens, which are not told apart for "
        "streams. The model's name is that of the answer.",
    ),
    Dialect(
        id="openinference-bedrock-invoke",
        scopes=("openinference.instrumentation.bedrock*",),
        span_names=_INVOKE_MODEL,
        source_rank=1,
        provider="aws.bedrock",
        cache_outside=ANY_PROVIDER,
        hidden_ids=_OPENINFERENCE_IDS,
        names=_OPENINFERENCE_KIND,
        notes="InvokeModel: counts from response headers or Nova's body, without cached tokens (Converse has them in).",
    ),
    Dialect(
        id="openinference-sdk",
        scopes=tuple(
            f"openinference.instrumentation.{sdk}*"
            for sdk in ("openai", "anthropic", "bedrock", "mistralai", "groq", "google_genai", "vertexai", "cohere")
        ),
        needs=(("openinference.span.kind", "LLM"), ("openinference.span.kind", "EMBEDDING")),
        source_rank=1,
        hidden_ids=_OPENINFERENCE_IDS,
        names=_OPENINFERENCE_KIND,
        notes="No attribute for the response id: it is only in the answer's JSON, and gone where outputs are hidden.",
    ),
    Dialect(
        id="openinference-langchain-bedrock",
        scopes=("openinference.instrumentation.langchain*",),
        needs=(("llm.provider", "amazon_bedrock"),),
        source_rank=2,
        input_is_rest=True,
        hidden_ids=_OPENINFERENCE_IDS,
        names=_OPENINFERENCE_KIND,
        notes="0.1.80, langchain-aws 1.9: InvokeModel (ChatBedrock): the input lacks cached tokens, which are in no "
        "count but the total. All else counts them in the input.",
    ),
    Dialect(
        id="openinference-framework",
        scopes=("openinference.instrumentation.*",),
        markers=(("openinference.span.kind", None),),
        source_rank=2,
        hidden_ids=_OPENINFERENCE_IDS,
        names=_OPENINFERENCE_KIND,
        role_names={"_prepare_chat_with_tools": "ignored"},
        notes="langchain drops cache writes of OpenAI. llama_index: what prepares a call has the kind of one, as has a "
        "stream before it is read; embeddings and streams of the Responses API have no counts, reasoning is missing. "
        "decision.token_count.* are not usage. CHAIN totals are sums.",
    ),
)

_OPENLIT: Final = (
    Dialect(
        id="openlit-framework",
        scopes=("openlit.instrumentation.litellm*", "openlit.instrumentation.langchain*"),
        source_rank=2,
        notes="1.45: counts as these frameworks give them, cached tokens within the input whoever the provider is; no "
        "reasoning.",
    ),
    Dialect(
        id="openlit",
        scopes=("openlit*",),
        source_rank=1,
        cache_outside=frozenset({"anthropic", "aws.bedrock"}),
        reasoning_outside=_GOOGLE,
        notes="1.45: input lacks cached tokens for Anthropic and Bedrock; output lacks thoughts for Gemini; the total "
        "is added up. Where a response has no usage it guesses half a token per character, and does not say so.",
    ),
)

SDKS: Final[tuple[Dialect, ...]] = (*_NATIVE, *_OPENTELEMETRY, *_OPENLLMETRY, *_OPENINFERENCE, *_OPENLIT)
