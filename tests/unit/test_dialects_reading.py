"""Who bills, who spent, what a span may become, what is kept, and what is no model call at all."""

from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace
from tests.observed import NATIVE, OWN, make_span

from spanledger_collector import dialects
from spanledger_collector.dialects.billing import billing_provider, region_of_host
from spanledger_collector.journal.reading import StoredReading, decode_reading
from spanledger_collector.model import AttributeValue, Observation, Scope

_CHAT: dict[str, AttributeValue] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": 1,
}


def _read(
    more: dict[str, AttributeValue], scope: Scope = OWN, *, kind: int = 3, status: int = 0, parent: int | None = None
) -> Observation:
    found = dialects.recognise(make_span(_CHAT | more, scope, kind=kind, status=status, parent=parent))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "host", "model", "provider"),
    [
        ("openai", "api.openai.com", "gpt-5", "openai"),
        ("openai", "eu.api.openai.com", "gpt-5", "openai"),
        ("openai", "contoso.openai.azure.com", "gpt-5", "azure.ai.openai"),
        ("openai", "api.groq.com", "llama-4", "groq"),
        ("openai", "openrouter.ai", "anthropic/claude-sonnet-4-5", "openrouter"),
        ("openai", "127.0.0.1", "gpt-5", "openai"),
        ("openai", "gateway.example", "groq/llama-4", "groq"),
        ("openai", "gateway.example", "vertex_ai/gemini-3-pro", "gcp.vertex_ai"),
        ("anthropic", "bedrock-runtime.eu-west-1.amazonaws.com", "claude-sonnet-4-5", "aws.bedrock"),
        ("anthropic", "europe-west1-aiplatform.googleapis.com", "claude-sonnet-4-5", "gcp.vertex_ai"),
        ("anthropic", None, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("anthropic", None, "claude-sonnet-4-5@20250929", "gcp.vertex_ai"),
        ("gemini", None, "gemini-3-pro", "gcp.gemini"),
        ("gcp.gen_ai", None, "gemini-3-pro", "gcp.gemini"),
        ("vertex_ai", None, "gemini-3-pro", "gcp.vertex_ai"),
        ("az.ai.openai", None, "gpt-5", "azure.ai.openai"),
        ("AWS", None, "amazon.nova-pro-v1:0", "aws.bedrock"),
        ("xai", None, "grok-5", "x_ai"),
        ("mistralai", None, "mistral-large-latest", "mistral_ai"),
        ("Anthropic_LLM", None, "claude-sonnet-4-5", "anthropic"),
        ("openai_responses_llm", None, "gpt-5", "openai"),
        ("anthropic.messages", None, "claude-sonnet-4-5", "anthropic"),
        ("google.generative-ai", None, "gemini-3-pro", "gcp.gemini"),
        ("google.vertex.chat", None, "gemini-3-pro", "gcp.vertex_ai"),
        ("strands-agents", None, "claude-sonnet-4-5", "anthropic"),
        (None, None, "gpt-5", "openai"),
        (None, None, "our-own-model", ""),
        ("somebody", None, "their-model", "somebody"),
    ],
)
def test_who_bills(name: str | None, host: str | None, model: str, provider: str) -> None:
    assert billing_provider(name, host, model) == provider


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1"),
        ("europe-west1-aiplatform.googleapis.com", "europe-west1"),
        ("aiplatform.googleapis.com", None),
        ("api.openai.com", None),
    ],
)
def test_regions_in_host_names(host: str, region: str | None) -> None:
    assert region_of_host(host) == region
    assert _read({"server.address": host}).conditions.region == region


@pytest.mark.parametrize(
    ("operation", "kind", "role"),
    [
        ("chat", 3, "candidate"),
        ("embeddings", 3, "candidate"),
        ("something_new", 1, "candidate"),
        ("invoke_agent", 1, "aggregate"),
        ("invoke_agent", 3, "candidate"),
        ("invoke_workflow", 1, "aggregate"),
        ("execute_task", 1, "aggregate"),
        ("fetch_response", 3, "ignored"),
        ("execute_tool", 1, "ignored"),
    ],
)
def test_roles(operation: str, kind: int, role: str) -> None:
    assert _read({"gen_ai.operation.name": operation}, kind=kind).role == role


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"http.request.method": "POST", "server.address": "api.openai.com"},
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"},
        {"gen_ai.provider.name": "openai"},
        {"openinference.span.kind": "TOOL", "output.value": "{}"},
        {"openinference.span.kind": "PROMPT", "output.value": "{}"},
        {"gen_ai.operation.name": "a_step_of_mine", "gen_ai.provider.name": "langchain"},
        {"db.system": "postgresql", "input_tokens": 4},
    ],
)
def test_what_is_no_model_call(attributes: dict[str, AttributeValue]) -> None:
    assert dialects.recognise(make_span(attributes)) is None


_LOGFIRE = Scope("logfire.openai", "5.2")
_ASKED: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"}


def test_the_request_of_a_logfire_stream_is_told_of_by_its_record() -> None:
    assert dialects.recognise(make_span(_ASKED, _LOGFIRE)) is None
    record = dialects.recognise(make_span(_ASKED | {"logfire.level_num": 9, "gen_ai.usage.input_tokens": 1}, _LOGFIRE))
    failure = dialects.recognise(make_span(_ASKED | {"logfire.level_num": 17}, _LOGFIRE, status=2))
    assert record is not None
    assert failure is not None
    assert [record.role, failure.role, failure.error_type] == ["candidate", "candidate", "_OTHER"]


def test_what_llamaindex_does_before_a_call_is_none() -> None:
    said: dict[str, AttributeValue] = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-5"}
    scope = Scope("openinference.instrumentation.llama_index", "4.6")
    assert dialects.recognise(make_span(said, scope, name="OpenAI._prepare_chat_with_tools")) is None
    assert dialects.recognise(make_span(said, scope, name="OpenAI.chat")) is not None


def test_the_record_of_a_logfire_stream_looks_back_on_its_request_and_its_reading() -> None:
    said = _ASKED | {"logfire.level_num": 9, "gen_ai.usage.input_tokens": 1, "duration": 0.25}
    record = dialects.recognise(make_span(said, _LOGFIRE, start=10, end=10))
    span = dialects.recognise(make_span(said | {"gen_ai.response.id": "x"}, _LOGFIRE, start=10, end=11))
    assert record is not None
    assert span is not None
    assert (record.ended_ns - record.started_ns, span.ended_ns - span.started_ns) == (750_000_000, 1_000_000_000)


def test_the_model_of_litellm_is_not_who_bills() -> None:
    said: dict[str, AttributeValue] = {"litellm.provider.model": "gpt-4.1-mini", "gen_ai.usage.input_tokens": 1}
    found = dialects.recognise(make_span(said, Scope("litellm", "")))
    assert found is not None
    assert (found.provider, found.request_model) == ("openai", "gpt-4.1-mini")


def test_attribution_by_our_names() -> None:
    said = _read(
        {
            "user.id": 42,
            "session.id": "s",
            "spanledger.org": "acme",
            "gen_ai.workflow.name": "nightly",
            "spanledger.feature": "search",
            "spanledger.dim.team": "blue",
            "gen_ai.agent.name": "helper",
        }
    ).attribution
    assert (said.user, said.session, said.org, said.workflow, said.feature) == ("42", "s", "acme", "nightly", "search")
    assert said.dimensions == {"team": "blue", "agent": "helper"}


def test_the_conversation_goes_before_the_session() -> None:
    assert _read({"session.id": "s", "gen_ai.conversation.id": "c"}).attribution.session == "c"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("enduser.id", "user"),
        ("langfuse.user.id", "user"),
        ("traceloop.association.properties.user_id", "user"),
        ("litellm.end_user.id", "user"),
        ("mlflow.trace.user", "user"),
        ("langsmith.metadata.thread_id", "session"),
        ("traceloop.association.properties.session_id", "session"),
        ("gcp.vertex.agent.session_id", "session"),
        ("copilot_chat.session_id", "session"),
        ("mlflow.trace.session", "session"),
        ("litellm.team.id", "org"),
        ("traceloop.workflow.name", "workflow"),
        ("langfuse.trace.name", "workflow"),
        ("gen_ai.request.user", "user"),
    ],
)
def test_attribution_by_other_names(name: str, field: str) -> None:
    assert getattr(_read({name: "x"}).attribution, field) == "x"


@pytest.mark.parametrize("scope", [OWN, NATIVE])
def test_what_compactions_took_is_counted_beside_the_usage(scope: Scope) -> None:
    counts = {"anthropic.usage.compaction.input_tokens": 321, "anthropic.usage.compaction.output_tokens": 42}
    found = _read({"gen_ai.usage.output_tokens": 7, **counts}, scope)
    assert found.meters == {"input": 1, "output": 7, "compaction_input": 321, "compaction_output": 42}


def test_an_address_that_is_a_url_tells_who_bills() -> None:
    """OpenLLMetry names the SDK's maker whoever is asked, and tells the URL of the client."""
    scope = Scope("opentelemetry.instrumentation.openai.v1", "0.62.4")
    found = _read({"gen_ai.openai.api_base": "https://API.groq.com/openai/v1/"}, scope)
    assert (found.provider, found.server_address) == ("groq", "api.groq.com")
    assert _read({"gen_ai.openai.api_base": "https://[broken"}, scope).provider == "openai"


@pytest.mark.parametrize(
    ("name", "dimension"),
    [
        ("langsmith.trace.session_id", "project"),
        ("metadata.user_api_key_project_id", "project"),
        ("litellm.api_key.hash", "api_key"),
        ("litellm.metadata.team", "team"),
        ("langfuse.environment", "environment"),
    ],
)
def test_dimensions_by_other_names(name: str, dimension: str) -> None:
    assert _read({name: "x"}).attribution.dimensions == {dimension: "x"}


@pytest.mark.parametrize("method", ["Converse", "InvokeModel"])
def test_the_region_of_botocores_spans_is_that_which_bills(method: str) -> None:
    scope = Scope("opentelemetry.instrumentation.botocore.bedrock-runtime", "0.66b2")
    found = dialects.recognise(make_span(_CHAT | {"cloud.region": "eu-west-1", "rpc.method": method}, scope))
    assert found is not None
    assert found.conditions.region == "eu-west-1"


@pytest.mark.parametrize(
    "name",
    [
        *("gen_ai.task.input", "gen_ai.tool.0.parameters", "gen_ai.tool.args", "model_request_parameters"),
        *("gen_ai.headers", "http.request.header.authorization", "ai.request.headers.x-api-key", "extra_headers"),
    ],
)
def test_what_may_hold_messages_or_keys_is_not_kept(name: str) -> None:
    assert name not in dialects.kept_attributes(make_span(_CHAT | {name: "secret"}))


def test_free_dimensions_of_other_libraries_and_ours_before_theirs() -> None:
    said = _read(
        {
            "traceloop.association.properties.tenant": "t",
            "langsmith.metadata.team": "red",
            "spanledger.dim.team": "blue",
        }
    )
    assert said.attribution.dimensions == {"tenant": "t", "team": "blue"}


def test_what_holds_for_a_whole_process_stands_on_the_resource() -> None:
    resource: dict[str, AttributeValue] = {
        "service.name": "shop",
        "spanledger.org": "acme",
        "spanledger.feature": "any",
        "spanledger.dim.team": "blue",
        "deployment.environment.name": "production",
    }
    found = dialects.recognise(make_span(_CHAT | {"spanledger.feature": "search"}, resource=resource))
    assert found is not None
    assert (found.attribution.org, found.attribution.feature) == ("acme", "search")
    assert found.attribution.dimensions == {"team": "blue", "environment": "production"}


def test_conditions() -> None:
    conditions = _read(
        {"openai.response.service_tier": "flex", "spanledger.processing": "batch", "spanledger.region": "eu"}
    ).conditions
    assert (conditions.service_tier, conditions.processing, conditions.region) == ("flex", "batch", "eu")


@pytest.mark.parametrize(
    ("said", "cost"), [("0.00125", Decimal("0.00125")), ("-1", None), ("free", None), ("NaN", None)]
)
def test_the_providers_own_price(said: AttributeValue, cost: Decimal | None) -> None:
    assert _read({"spanledger.reported_cost_usd": said}).reported_cost_usd == cost


def test_an_error_without_a_type() -> None:
    assert _read({}, status=2).error_type == "_OTHER"
    assert _read({"error.type": "timeout"}, status=2).error_type == "timeout"
    assert _read({}).error_type is None


def test_versions_of_a_scope() -> None:
    native = Scope("com.anthropic.sdk.python.beta", "")
    assert _read({}, native).dialect == "anthropic-native"
    assert _read({}, Scope("com.anthropic", "2")).dialect == "generic"


def test_what_is_kept_holds_no_message() -> None:
    said: dict[str, AttributeValue] = {
        "gen_ai.input.messages": "secret",
        "gen_ai.prompt.0.content": "secret",
        "gen_ai.completion.0.content": "secret",
        "gen_ai.system_instructions": "secret",
        "gen_ai.tool.call.arguments": "secret",
        "traceloop.entity.input": "secret",
        "ai.prompt": "secret",
        "ai.response.text": "secret",
        "llm.prompts.0": "secret",
        "unheard.of": "secret" * 1000,
        "unheard.of.list": ["secret" * 1000],
        "gen_ai.response.finish_reasons": ["stop"],
    }
    kept = dialects.kept_attributes(make_span(_CHAT | said))
    assert kept == _CHAT | {"gen_ai.response.finish_reasons": ["stop"]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**30, b"5", "five", "7", 7.0])
def test_an_odd_count_reads_the_same_from_the_journal(value: AttributeValue) -> None:
    span = make_span(_CHAT | {"gen_ai.usage.output_tokens": value})
    kept = msgspec.json.decode(msgspec.json.encode(dialects.kept_attributes(span)))
    assert dialects.recognise(replace(span, attributes=kept)) == dialects.recognise(span)


@pytest.mark.parametrize(
    ("attributes", "kind", "host"),
    [
        ({"server.address": "API.OpenAI.com"}, 3, "api.openai.com"),
        ({"url.full": "https://api.openai.com:443/v1/chat"}, 3, "api.openai.com"),
        ({"http.url": "https://api.openai.com/v1"}, 3, "api.openai.com"),
        ({"url.full": "https://[broken"}, 3, None),
        ({"server.address": "api.openai.com"}, 2, None),
        ({}, 3, None),
    ],
)
def test_the_other_side_of_a_client_span(attributes: dict[str, AttributeValue], kind: int, host: str | None) -> None:
    assert dialects.peer_host(make_span(attributes, kind=kind)) == host


def test_a_reading_comes_back_as_it_was_written() -> None:
    found = _read(
        {"spanledger.usage.second": 1.5, "spanledger.reported_cost_usd": "0.1", "spanledger.dim.a": "b"}, parent=9
    )
    assert decode_reading(StoredReading.of(found)) == found
    assert decode_reading(StoredReading.of(_read({}))) == _read({})


def test_the_region_where_an_app_runs_is_not_the_region_that_bills() -> None:
    assert _read({"cloud.region": "eu-west-1"}).conditions.region is None
    assert _read({"spanledger.region": "eu-west-1"}).conditions.region == "eu-west-1"
