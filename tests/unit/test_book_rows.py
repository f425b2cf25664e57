"""The rows of a price book in the ledger: what its parsed entries say."""

import json
from collections.abc import Iterator, Mapping

import pytest

from spanledger_collector.ledger.book_rows import ENTRIES, EntryRow, entry_columns
from spanledger_collector.ledger.row_making import money_text
from spanledger_collector.pricing import PriceBook, PriceEntry, shipped_book
from spanledger_collector.pricing.entries import Row

OWN = Row(
    provider="acme",
    model="chat-1",
    meter="input",
    unit="token",
    per="1000000",
    price="0.1234567890125",
    scope="region=eu;processing=batch",
    above="200000",
    start="2026-01-01",
    end="2026-07-01T12:30Z",
    window="mon-fri 01:00-04:00 except 2026-03-02",
    source="our contract",
    confidence="published",
    recorded="2026-01-02",
    layer="contract",
)
"""With every condition that there is, and a price of more places than the ledger keeps."""


def _parsed(book: PriceBook) -> Iterator[EntryRow]:
    for entry in book.entries():
        yield EntryRow(
            book.sha256,
            entry.entry_id,
            entry.provider,
            entry.model,
            entry.meter,
            entry.unit,
            entry.per,
            money_text(entry.price) or "",
            json.dumps(_conditions(entry), sort_keys=True),
            entry.effective_from,
            entry.effective_to,
            entry.source,
        )


def _conditions(entry: PriceEntry) -> Mapping[str, object]:
    window = None if entry.window is None else entry.window.text
    layer = None if entry.layer == "list" else entry.layer
    named = {"input_tokens_above": entry.above, "window": window, "layer": layer}
    return dict(entry.scope) | {name: value for name, value in named.items() if value is not None}


@pytest.mark.parametrize(
    "book",
    [shipped_book(), shipped_book().with_layer("mine", [OWN]), PriceBook("none", [], [])],
    ids=["shipped", "with a layer of one's own", "empty"],
)
def test_the_rows_say_what_the_parsed_entries_say(book: PriceBook) -> None:
    made = zip(*entry_columns(book.sha256, [*book.rows()]), strict=True)
    parsed = zip(*ENTRIES.columns_of([*_parsed(book)]), strict=True)
    assert sorted(made, key=repr) == sorted(parsed, key=repr)


@pytest.mark.parametrize(
    ("cell", "wrong"), [("price", "cheap"), ("price", "-1"), ("per", "0"), ("start", "soon"), ("above", "much")]
)
def test_a_row_that_cannot_be_read_is_not_recorded(cell: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        entry_columns("book", [OWN._replace(**{cell: wrong})])
