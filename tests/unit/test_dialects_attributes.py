"""Every attribute that may stand on a GenAI span is read into a column, dropped as content, or an exception with its
reason: walked over the conventions' own list and over what every emitter writes."""

from collections.abc import Iterator, Mapping
from importlib import import_module

import pytest
from tests.emitters import EMITTERS, Emitter, Truth

from spanledger.meters import METERS, OTHER_METER_PREFIX
from spanledger_collector.dialects.choice import READ_NAMES
from spanledger_collector.dialects.content import is_content
from spanledger_collector.dialects.names import DIMENSION_PREFIXES
from spanledger_collector.dialects.table import DIALECTS

KEPT_AS_THEY_ARE: Mapping[str, str] = {
    "gen_ai.request.": "how the model was asked (temperature, limits): bills nothing; the model, which does, is read",
    "gen_ai.response.finish_reasons": "why the model stopped",
    "gen_ai.response.time_to_first_chunk": "latency",
    "gen_ai.output.type": "what was asked for; the counts by modality bill",
    "gen_ai.token.type": "of metrics, never of spans",
    "gen_ai.agent.": "of agents their name is a dimension; id, version and description tell no more of the spending",
    "gen_ai.tool.": "tools are no model calls",
    "gen_ai.data_source.id": "where documents came from",
    "gen_ai.embeddings.dimension.count": "a size of the answer, which does not bill",
    "gen_ai.evaluation.": "judgements on answers; the call that made them has a span of its own",
    "gen_ai.memory.": "memory operations are no model calls",
    "gen_ai.retrieval.": "retrieval is no model call",
    "gen_ai.prompt.": "which template a prompt was made from; bills nothing",
    "gen_ai.openai.": "the older names of openai.*; the tier of the answer is read, that of the request is not billed",
    "openai.request.service_tier": "what was asked for; the tier of the answer bills",
    "openai.response.system_fingerprint": "which build answered",
    "openai.api.type": "which of OpenAI's interfaces was called; the operation says it",
    "aws.bedrock.": "guardrails and knowledge bases by their ids; their use is billed by other attributes",
    "event.name": "which log record it is; its dialect says it",
    "event.kind": "which part of a stream a record tells of; the one that has counts is the last",
    "duration_ms": "the time of the call, which its start and end have",
    "copilot_chat.": "how the editor was used",
    "gen_ai.usage.details.": "repeats the counts",
    "gen_ai.usage.text.": "what is left of the whole when the other modalities are taken out",
    "gen_ai.usage.cost.": "a proposal; what amount it is, and of whom, depends on its currency and source",
    "rpc.method": "which request to Bedrock it was, which decides the row of the table",
    "output.mime_type": "of a message that is dropped",
    "logfire.": "how Logfire shows the span",
}
"""A name, or the beginning of names (ending in a dot), and why it has no column; the journal keeps it as it came."""

UNPACKED = {name for dialect in DIALECTS for name in dialect.unpack}
MARKERS = {name for dialect in DIALECTS for name, _ in (*dialect.markers, *dialect.needs)}
HIDDEN = {path[0] for dialect in DIALECTS for path in dialect.hidden_ids}
TICKS = {dialect.ticks[0] for dialect in DIALECTS if dialect.ticks}
METER_NAMES = {meter.attribute for meter in METERS}
MODULES = ("gen_ai_attributes", "openai_attributes")
NEWER = (
    *(
        f"gen_ai.usage.{modality}.{count}"
        for modality in ("text", "image", "audio")
        for count in ("input_tokens", "output_tokens", "cache_read.input_tokens")
    ),
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.cost.amount",
    "gen_ai.usage.cost.currency",
    "gen_ai.workflow.name",
    "gen_ai.request.stream",
    "user.id",
    "session.id",
    "server.address",
    "error.type",
)
"""What semantic-conventions-genai has, and proposes, beyond the package that the deprecated constants are in."""


def has_its_place(name: str) -> bool:
    read = READ_NAMES | UNPACKED | MARKERS | HIDDEN | TICKS | METER_NAMES
    if name in read or name.startswith((*DIMENSION_PREFIXES, OTHER_METER_PREFIX)):
        return True
    return is_content(name) or any(
        name.startswith(kept) if kept.endswith(".") else name == kept for kept in KEPT_AS_THEY_ARE
    )


def conventions() -> Iterator[str]:
    """The attributes that the conventions' package lists, in all their generations."""
    for module in MODULES:
        listed = vars(import_module(f"opentelemetry.semconv._incubating.attributes.{module}"))
        yield from (value for name, value in listed.items() if name.isupper() and isinstance(value, str))


@pytest.mark.parametrize("name", sorted({*conventions(), *NEWER}))
def test_every_attribute_of_the_conventions_has_its_place(name: str) -> None:
    assert has_its_place(name), f"{name}: read it into a column, or say in KEPT_AS_THEY_ARE why not"


@pytest.mark.parametrize("emitter", EMITTERS, ids=lambda emitter: f"{emitter.dialect}-{emitter.scope.name}")
def test_every_attribute_that_an_emitter_writes_has_its_place(emitter: Emitter) -> None:
    written = emitter.write(Truth(emitter.providers[0], "a-model", 10, 60, 30, 30, 20))
    assert [name for name in written if not has_its_place(name)] == []


def test_no_exception_is_about_what_is_read() -> None:
    """An exception for a name that got a column would be a lie."""
    assert [name for name in KEPT_AS_THEY_ARE if name in READ_NAMES | METER_NAMES] == []


def test_the_conventions_list_is_not_empty() -> None:
    names = set(conventions())
    assert {"gen_ai.usage.input_tokens", "gen_ai.provider.name", "openai.response.service_tier"} <= names
