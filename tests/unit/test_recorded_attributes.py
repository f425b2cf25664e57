"""Every attribute that released emitters sent has its place, by what the runs of tests/real_emitters recorded."""

import pytest
from tests.real_emitters.attribute_names import Emitted, forgotten, recorded

from spanledger_collector.dialects.http_calls import HTTP_DIALECT
from spanledger_collector.dialects.table import DIALECTS, GENERIC_DIALECT

RECORDED = recorded()


@pytest.mark.parametrize("emitter", RECORDED, ids=lambda emitter: f"{emitter.dialect}-{emitter.scope}")
def test_every_attribute_that_an_emitter_sent_has_its_place(emitter: Emitted) -> None:
    rows = {row.id for row in (*DIALECTS, GENERIC_DIALECT)} | {HTTP_DIALECT}
    assert emitter.dialect in rows, "the row has another id now: record again (tests/real_emitters/attribute_names.py)"
    assert list(forgotten([emitter])) == []


def test_most_rows_were_seen_at_work() -> None:
    """An empty record would show nothing."""
    assert len({emitter.dialect for emitter in RECORDED}) >= 40
    assert all(emitter.names and emitter.resource for emitter in RECORDED)


def test_what_has_no_place_is_told_with_who_sent_it() -> None:
    sent = Emitted("generic", "acme", "1.0", {"gen_ai.usage.input_tokens", "acme.tokens"}, {"service.name", "acme.pod"})
    assert list(forgotten([sent])) == [
        "acme.tokens of acme 1.0, read by generic",
        "acme.pod on the resource of acme 1.0",
    ]
