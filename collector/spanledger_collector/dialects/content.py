"""What the journal keeps of a span's attributes: everything but what people and models said."""

import math
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Final, NamedTuple

import msgspec

from spanledger.meters import OTHER_METER_PREFIX
from spanledger_collector.dialects.choice import READ_NAMES, choose_dialect
from spanledger_collector.dialects.facts import LONGEST_FACT, hidden_response_id
from spanledger_collector.dialects.groups import Columns, Group
from spanledger_collector.dialects.names import HIDDEN_RESPONSE_ID
from spanledger_collector.dialects.shapes import ByNames
from spanledger_collector.dialects.table import DIALECTS
from spanledger_collector.model import AttributeValue, ReceivedSpan

__all__ = ["is_content", "kept_attributes", "kept_json", "kept_json_of_all"]

_encoder = msgspec.json.Encoder(order="sorted")  # so that attributes in another order are the same text

_CONTENT: Final = frozenset(
    {
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.content",
        "gen_ai.request.messages",
        "gen_ai.response.text",
        "gen_ai.tool.args",
        "gen_ai.task.input",
        "gen_ai.task.output",
        "gen_ai.retrieval.documents",
        "gen_ai.retrieval.query.text",
        "gen_ai.embeddings.input",
        "input.value",
        "output.value",
        "embedding.text",
        "embedding.invocation_parameters",
        "llm.prompts",
        "llm.invocation_parameters",
        "llm.function_call",
        "traceloop.entity.input",
        "traceloop.entity.output",
        "traceloop.prompt.template",
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.trace.input",
        "langfuse.trace.output",
        "langfuse.observation.status_message",
        "langfuse.experiment.item.expected_output",
        "litellm.guardrail.response",
        "litellm.provider.error.stack_trace",
        "metadata.mcp_tool_call_metadata",
        "metadata.vector_store_request_metadata",
        "model_request_parameters",
        # MLflow: what a request of the OpenAI SDK, or a step of LangChain, was given.
        "functions",
        "instructions",
        "invocation_params",
        "log",
        "prediction",
        "prompt",
        "return_values",
        "text",
        "tools",
        "ai.toolCall.args",
        "ai.toolCall.result",
        "ai.value",
        "ai.values",
        "ai.result.text",
        "ai.result.object",
        "mlflow.spanInputs",
        "mlflow.spanOutputs",
        "mlflow.traceInputs",
        "mlflow.traceOutputs",
        "mlflow.trace.intermediate_outputs",
        "mlflow.chat.tools",
        "gcp.vertex.agent.llm_request",
        "gcp.vertex.agent.llm_response",
        "gcp.vertex.agent.tool_call_args",
        "gcp.vertex.agent.tool_response",
        "request_data",
        "response_data",
        "request_text",
        "response_text",
        "events",
        "all_messages_events",
        "pydantic_ai.all_messages",
        "final_result",
        "system_prompt",
        "user_prompt",
        "agent.input",
        "agent.output",
        "exception.message",
        "exception.stacktrace",
        "gen_ai.evaluation.explanation",
        "url.query",
    }
)

_MAY_HOLD_KEYS: Final = frozenset(
    {
        "extra_body",
        "extra_headers",
        "extra_query",
        "gen_ai.headers",
        "gen_ai.request.extra_body",
        "gen_ai.request.extra_query",
        "langsmith.request.headers",
        "metadata.requester_custom_headers",
    }
)
"""What an application adds to its requests by hand, often a key of its own: kept as little as messages are."""

_CONTENT_PREFIXES: Final = (
    *("ai.request.headers.", "http.request.header.", "http.response.header."),  # which may hold keys
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.tool.message",
    *(f"gen_ai.tool.{digit}" for digit in range(10)),  # definitions of tools, numbered
    "gen_ai.assistant.message",
    "gen_ai.user.message",
    "gen_ai.system.message",
    "gen_ai.event.content",
    "llm.prompts.",
    "llm.completions.",
    "llm.input_messages",
    "llm.output_messages",
    "llm.request.functions",
    "llm.prompt_template",
    "llm.tools",
    "ai.prompt",
    "ai.response.text",
    "ai.response.object",
    "ai.response.toolCalls",
    "ai.response.reasoning",
    "ai.embedding",
    "embedding.embeddings",
    "retrieval.documents",
    "reranker.",
    "tool.",
    "tool_call.",
    "message.",
    "langfuse.observation.metadata.",
)

_FACTS_WITHIN: Final = frozenset({"reranker.model_name"})
"""Names under those prefixes that are facts after all."""

_URLS: Final = frozenset({"url.full", "http.url", "http.target"})
"""What may end in a query, and so in a key."""

_SIMPLE: Final = frozenset({str, int, bool})
"""Types of values that JSON has a word for, whatever they are."""

_WITH_IDS: Final = frozenset(path[0] for dialect in DIALECTS for path in dialect.hidden_ids)
"""Content in which some dialect looks for the response id."""


def kept_attributes(span: ReceivedSpan) -> dict[str, AttributeValue]:
    """The span's attributes without prompts, completions, tool arguments and results, documents and overlong values.

    Reading what was kept gives the same observation as reading the span: a response id that stands only in a message is
    kept under `HIDDEN_RESPONSE_ID`, and of an overlong value under a name that dialects look for it is kept that there
    was one.
    """
    attributes = span.attributes
    kept: dict[str, AttributeValue] = {}
    names, urls, _ = _names_kept[None, tuple(attributes)]
    for name in urls:
        url = attributes[name]
        if isinstance(url, str) and len(url) <= LONGEST_FACT:
            kept[name] = url.partition("?")[0]
    for name in names:
        value = attributes[name]
        if type(value) is int or (type(value) is str and len(value) <= LONGEST_FACT):  # nearly always
            kept[name] = value
        elif not _is_overlong(value):
            kept[name] = _writable(value)
        elif name in READ_NAMES or name.startswith(OTHER_METER_PREFIX):
            kept[name] = [] if isinstance(value, list | dict) else ""
    if not _WITH_IDS.isdisjoint(attributes):
        dialect = choose_dialect(span)
        hidden = hidden_response_id(dialect, attributes) if dialect is not None else None
        if hidden is not None:
            kept[HIDDEN_RESPONSE_ID] = hidden
    return kept


def kept_json(span: ReceivedSpan) -> str:
    """`kept_attributes` as JSON text, in the order of their names; bytes are base64."""
    attributes = span.attributes
    names, _, as_they_are = _names_kept[None, tuple(attributes)]
    if as_they_are:
        kept = attributes if len(names) == len(attributes) else {name: attributes[name] for name in names}
        if _SIMPLE.issuperset(map(type, kept.values())):
            text = _encoder.encode(kept)
            if len(text) <= LONGEST_FACT:  # then no value is overlong
                return text.decode()
    return _encoder.encode(kept_attributes(span)).decode()


def kept_json_of_all(group: Group) -> Sequence[str]:
    """The same of each of a group of spans."""
    columns = group.columns
    names, _, as_they_are = _names_kept[None, group.names]
    if not as_they_are or not all(map(columns.are_simple, names)):
        return [*map(kept_json, group.spans())]
    if group.came_as_mappings and len(names) == len(group.names):
        texts = _lines(group.attributes())
    else:
        texts = _objects(names, columns) if names else ["{}"] * len(group.places)
    if max(map(len, texts)) <= LONGEST_FACT:  # then no value is overlong
        return texts
    return [
        text if len(text) <= LONGEST_FACT else kept_json(span) for text, span in zip(texts, group.spans(), strict=True)
    ]


def _objects(names: Sequence[str], columns: Columns) -> list[str]:
    """JSON texts of columns as `_encoder` writes them of rows, put together from the texts of what is between values
    that differ and those of the values: a third of the work."""
    between = "{"
    parts: list[Iterable[str]] = []
    for name in sorted(names):
        between += f"{_json(name)}:"
        if columns.is_same(name):
            between += f"{_json(columns[name][0])},"
        else:
            parts += repeat(between), _lines(columns[name])
            between = ","
    end = between.removesuffix(",") + "}"
    if not parts:
        return [end] * len(columns[names[0]])
    return [*map("".join, zip(*parts, repeat(end)))]  # what is between them is endless


def _lines(values: Sequence[object]) -> list[str]:
    """The JSON text of each, in which there are no line breaks."""
    return _encoder.encode_lines(values).decode().split("\n")[:-1]


def _json(value: AttributeValue) -> str:
    return _encoder.encode(value).decode()


class _Kept(NamedTuple):
    """Attributes that are kept, URLs besides, and whether nothing is cut off or added (if no value is odd)."""

    names: tuple[str, ...]
    urls: tuple[str, ...]
    as_they_are: bool


@ByNames
def _names_kept(_: None, names: tuple[str, ...]) -> _Kept:
    kept = [name for name in names if not is_content(name)]
    urls = tuple(name for name in kept if name in _URLS)
    return _Kept(tuple(name for name in kept if name not in _URLS), urls, not urls and _WITH_IDS.isdisjoint(names))


def is_content(name: str) -> bool:
    """Whether the attribute of that name holds what people or models said, or may hold keys: it is never stored."""
    if name in _CONTENT or name in _MAY_HOLD_KEYS:
        return True
    return name.startswith(_CONTENT_PREFIXES) and name not in _FACTS_WITHIN


def _is_overlong(value: AttributeValue) -> bool:
    if isinstance(value, list | dict):
        return len(str(value)) > LONGEST_FACT
    return isinstance(value, str | bytes) and len(value) > LONGEST_FACT


def _writable(value: AttributeValue) -> AttributeValue:
    """JSON has no word for NaN and infinity, which must not read as absent later."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
