"""Every fact that a dialect reads has a place in the ledger, or a written reason why not."""

from dataclasses import fields

import pytest

from spanledger.meters import METERS
from spanledger_collector.dialects.names import GENERIC, METER_FACTS
from spanledger_collector.dialects.table import DIALECTS
from spanledger_collector.ledger.rows import CallRow
from spanledger_collector.model import Attribution, Call, Conditions, Observation

COLUMN_OF_FACT = {
    "operation": "operation",
    "provider": "provider",
    "request_model": "request_model",
    "response_model": "response_model",
    "response_id": "response_id",
    "error_type": "error_type",
    "usage_status": "usage_status",
    "usage_evidence": "usage_evidence",
    "reported_cost_usd": "reported_cost_usd",
    "emitter_cost_usd": "emitter_cost_usd",
    "service_tier": "service_tier",
    "processing": "conditions",
    "speed": "conditions",
    "region": "conditions",
    "inference_geo": "conditions",
    "deployment_type": "conditions",
    "search_context_size": "conditions",
    "user": "user_id",
    "org": "org_id",
    "session": "session_id",
    "workflow": "workflow",
    "feature": "feature",
    "agent": "dimensions",
    "project": "dimensions",
    "api_key": "dimensions",
    "environment": "dimensions",
}
NOT_IN_A_COLUMN = {
    "input_beside": "a part of the input, added to it",
    "total": "evidence of what contains what; the ledger adds up its own total",
    "lasted": "tells when the call started, where a record of its end has no length of its own",
    "server_address": "decides who bills; shown on the span as its peer host",
}
NO_FACT = {"dimensions", "key_org"}
"""Parts of an attribution that have no name of their own: a dimension has any, and a key comes with its sender."""
NOT_IN_A_CALL = {
    "parent_span_id": "ancestry is in the spans",
    "role": "what became of the observation is told by its sources",
    "rule": "stored with the observation",
    "source_rank": "follows from the dialect",
    "server_address": "shown on the span",
    "service_instance": "only tells processes apart while settling",
}


def test_every_fact_has_a_column_or_a_reason() -> None:
    facts = set(GENERIC) | {fact for dialect in DIALECTS for fact in dialect.names}
    assert facts - METER_FACTS == set(COLUMN_OF_FACT) | set(NOT_IN_A_COLUMN)
    assert set(COLUMN_OF_FACT.values()) <= set(CallRow._fields)


def test_every_meter_has_names_of_its_own() -> None:
    assert {meter.name for meter in METERS} == METER_FACTS


def test_every_part_of_an_observation_reaches_the_call() -> None:
    observed = set(Observation.__struct_fields__)
    assert observed - {field.name for field in fields(Call)} == set(NOT_IN_A_CALL)


@pytest.mark.parametrize("part", [Attribution, Conditions])
def test_attribution_and_conditions_are_read_whole(part: type[Attribution | Conditions]) -> None:
    assert {field.name for field in fields(part)} - NO_FACT <= set(GENERIC)
