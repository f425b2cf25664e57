"""Every attribute that may stand on a GenAI span is read into a column, dropped as content, or an exception with its
reason: walked over the conventions' own list and over what every emitter writes."""

from collections.abc import Iterator
from importlib import import_module

import pytest
from tests.emitters import EMITTERS, Emitter, Truth

from spanledger_collector.dialects.choice import READ_NAMES
from spanledger_collector.dialects.names import GENERIC
from spanledger_collector.dialects.places import place_of, place_on_resource, without_place
from spanledger_collector.dialects.table import GENERIC_DIALECT
from spanledger_collector.dialects.unread import UNREAD, UNREAD_OF_RESOURCE

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


def conventions() -> Iterator[str]:
    """The attributes that the conventions' package lists, in all their generations."""
    for module in MODULES:
        listed = vars(import_module(f"opentelemetry.semconv._incubating.attributes.{module}"))
        yield from (value for name, value in listed.items() if name.isupper() and isinstance(value, str))


@pytest.mark.parametrize("name", sorted({*conventions(), *NEWER}))
def test_every_attribute_of_the_conventions_has_its_place(name: str) -> None:
    assert place_of(name, GENERIC_DIALECT.id) or name in READ_NAMES, f"{name}: read it, or say in UNREAD why not"


@pytest.mark.parametrize("emitter", EMITTERS, ids=lambda emitter: f"{emitter.dialect}-{emitter.scope.name}")
def test_every_attribute_that_an_emitter_writes_has_its_place(emitter: Emitter) -> None:
    written = emitter.write(Truth(emitter.providers[0], "a-model", 10, 60, 30, 30, 20))
    assert list(without_place(written, emitter.dialect)) == []


def test_no_exception_is_about_what_every_row_reads() -> None:
    """It would be a lie; what a single row reads, others may leave."""
    excepted = {name for row in UNREAD for name in row.names}
    assert [name for names in GENERIC.values() for name in names if name in excepted] == []


def test_the_conventions_list_is_not_empty() -> None:
    names = set(conventions())
    assert {"gen_ai.usage.input_tokens", "gen_ai.provider.name", "openai.response.service_tier"} <= names


def test_a_name_that_nobody_looked_at_has_no_place() -> None:
    assert list(without_place(["gen_ai.usage.input_tokens", "gen_ai.usage.new_tokens", "input.value"], "generic")) == [
        "gen_ai.usage.new_tokens"
    ]
    assert (place_on_resource("service.name"), place_on_resource("acme.what")) == ("read", None)


def test_every_exception_has_a_reason_and_is_written_once() -> None:
    names = [name for row in UNREAD for name in row.names]
    assert len(set(names)) == len(names)
    assert all(row.why for row in (*UNREAD, *UNREAD_OF_RESOURCE))
