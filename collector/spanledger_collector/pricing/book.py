"""The price book: an immutable set of rows, known by the hash of its content.

    provider,model,meter,unit,per,price,scope,above,start,end,window,source,confidence,recorded,layer   (prices)
    provider,name,model,start,end,source,layer                                                         (names)

The canonical form of a book is its rows as CSV lines, sorted; its hash is the SHA-256 of that. Rows are parsed when a
call first needs them, so that opening a book of ten thousand rows costs little.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

from spanledger_collector.pricing.entries import LAYERS, PriceEntry, Row, instant_ns

__all__ = ["EVERY_MODEL", "NameRow", "PriceBook", "content_hash", "write_rows"]

EVERY_MODEL: Final = "*"
"""The model of entries that hold for whatever a provider serves: for self-hosted ones, whose calls cost nothing."""


class NameRow(NamedTuple):
    """A name under which a provider knows a model. Names are compared in lower case. With `start` or `end` (UTC
    instants) the name meant the model only in that time."""

    provider: str
    name: str
    model: str
    start: str
    end: str
    source: str
    layer: str


class PriceBook:
    """Prices and names; immutable. `sha256` is its identity and stands beside every charge that it made.

    `memo` belongs to the engine: what it worked out from this book, by what it was asked. It changes no answer.
    """

    __slots__ = ("_entries", "_names", "_rows", "memo", "name", "sha256")

    def __init__(self, name: str, rows: Iterable[Row], names: Iterable[NameRow], sha256: str | None = None) -> None:
        """Raises `ValueError` when a name row points nowhere. Rows are checked when parsed; `verify` parses them all.

        `sha256` spares the computation to who has the canonical text at hand.
        """
        self.name: Final = name
        self.memo: Final[dict[Any, Any]] = {}
        self._entries: Final[dict[tuple[str, str], tuple[PriceEntry, ...]]] = {}
        self._rows: Final[dict[tuple[str, str], list[Row]]] = {}
        for row in rows:
            self._rows.setdefault((row.provider, row.model), []).append(row)
        self._names: Final[dict[tuple[str, str], list[NameRow]]] = {}
        for row in names:
            self._names.setdefault((row.provider, row.name.lower()), []).append(row)
        self.sha256: Final = sha256 or content_hash(self)
        lost = next((row for row in self.name_rows() if (row.provider, row.model) not in self._rows), None)
        if lost is not None:
            raise ValueError(f"name {lost.name!r} of {lost.provider} is for model {lost.model!r}, which has no price")

    @classmethod
    def from_text(cls, name: str, prices: str, names: str) -> "PriceBook":
        """Open a book from its canonical text. Raises `ValueError` when the columns are not those of a book."""
        return cls(
            name,
            map(Row._make, _read(prices, Row._fields)),
            map(NameRow._make, _read(names, NameRow._fields)),
            _text_hash(prices, names),
        )

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def __repr__(self) -> str:
        return f"PriceBook({self.name!r}, {len(self)} prices, {self.sha256[:12]})"

    def rows(self) -> Iterator[Row]:
        """Every price as text, in no order that means anything."""
        for rows in self._rows.values():
            yield from rows

    def name_rows(self) -> Iterator[NameRow]:
        """Every name."""
        for names in self._names.values():
            yield from names

    def models(self) -> Iterator[tuple[str, str]]:
        """Every (provider, model) with a price."""
        return iter(self._rows)

    def has_provider(self, provider: str) -> bool:
        """Whether any model of the provider has a price."""
        known: frozenset[str] | None = self.memo.get("providers")
        if known is None:
            known = self.memo["providers"] = frozenset(provider for provider, _ in self._rows)
        return provider in known

    def entries_of(self, provider: str, model: str) -> tuple[PriceEntry, ...]:
        """The prices of a model, in the order of their layers; none if the book does not know it."""
        key = (provider, model)
        found = self._entries.get(key)
        if found is None:
            parsed = [PriceEntry.from_row(row) for row in self._rows.get(key, ())]
            found = self._entries[key] = tuple(sorted(parsed, key=lambda entry: LAYERS.index(entry.layer)))
        return found

    def entries(self) -> Iterator[PriceEntry]:
        """Every price, parsed. Raises `ValueError` for a row that cannot be read."""
        for provider, model in self._rows:
            yield from self.entries_of(provider, model)

    def entry(self, entry_id: str) -> PriceEntry | None:
        """The price with that id, which stands in the charges that it made."""
        by_id: dict[str, PriceEntry] | None = self.memo.get("by_id")
        if by_id is None:
            by_id = self.memo["by_id"] = {entry.entry_id: entry for entry in self.entries()}
        return by_id.get(entry_id)

    def model_named(self, provider: str, name: str, at_ns: int, *, own_map_only: bool = False) -> str | None:
        """The model that a provider means by `name` at that moment, or `None`. A model's id is a name of it.

        `own_map_only` leaves out the list layer: only what the user or an organisation has said counts (deployment
        names).
        """
        lowered = name.lower()
        for row in self._names.get((provider, lowered), ()):
            in_time = (not row.start or instant_ns(row.start) <= at_ns) and (not row.end or at_ns < instant_ns(row.end))
            if in_time and not (own_map_only and row.layer == "list"):
                return row.model
        if own_map_only or (provider, lowered) in self._names:
            return None
        return lowered if (provider, lowered) in self._rows else None

    def instants_of_name(self, provider: str, name: str) -> tuple[int, ...]:
        """The moments (ns) at which the name began or ceased to mean a model, in order; none for most names."""
        rows = self._names.get((provider, name.lower()), ())
        return tuple(sorted({instant_ns(text) for row in rows for text in (row.start, row.end) if text}))

    def with_layer(self, name: str, rows: Iterable[Row], names: Iterable[NameRow] = ()) -> "PriceBook":
        """A new book with more rows, for example those of a contract above the list."""
        return PriceBook(name, [*self.rows(), *rows], [*names, *self.name_rows()])

    def of_list(self) -> "PriceBook":
        """The book without what the user and their organisation have set: names stay, since they are what was meant."""
        found: PriceBook | None = self.memo.get("of_list")
        if found is None:
            rows = [row for row in self.rows() if row.layer == "list"]
            if len(rows) == len(self):
                return self
            priced = {(row.provider, row.model) for row in rows}
            names = [row for row in self.name_rows() if (row.provider, row.model) in priced]
            found = self.memo["of_list"] = PriceBook(f"{self.name} (list)", rows, names)
        return found

    def verify(self, models: Iterable[tuple[str, str]] | None = None) -> list[str]:
        """Everything wrong with the prices of these models (provider, id) and their names, or with the whole book: rows
        that cannot be read, prices of which two hold at once, and names that mean two models at once."""
        looked_at = set(self._rows if models is None else models)
        named = {
            key: rows
            for key, rows in self._names.items()
            if any((row.provider, row.model) in looked_at for row in rows)
        }
        problems = [problem for names in named.values() for problem in _ambiguous(names)]
        problems += [
            f"{name!r} of {provider} is a model and a name of {row.model!r}: give the price to that one"
            for (provider, name), names in named.items()
            for row in names
            if (provider, name) in self._rows and name != row.model and not (row.start or row.end)
        ]
        for provider, model in sorted(looked_at):
            try:
                problems.extend(_overlaps(self.entries_of(provider, model)))
            except ValueError as error:
                problems.append(str(error))
        return problems


def _overlaps(entries: tuple[PriceEntry, ...]) -> Iterator[str]:
    groups: dict[object, list[PriceEntry]] = {}
    for entry in entries:
        window = entry.window.text if entry.window else ""
        groups.setdefault((entry.layer, entry.meter, entry.scope, entry.above, window), []).append(entry)
    for group in groups.values():
        ordered = sorted(group, key=lambda entry: entry.effective_from or 0)
        for earlier, later in pairwise(ordered):
            if earlier.effective_to is None or earlier.effective_to > (later.effective_from or 0):
                yield f"{later.provider} {later.model}: two prices of {later.meter} hold at once ({later.source})"


def _ambiguous(names: list[NameRow]) -> Iterator[str]:
    """Rows of one name in one layer whose times overlap."""
    ordered = sorted(names, key=lambda row: (row.layer, row.start))
    for earlier, later in pairwise(ordered):
        if earlier.layer == later.layer and (not earlier.end or later.start < earlier.end):
            yield f"{later.name!r} of {later.provider} means {earlier.model!r} and {later.model!r} at once"


def content_hash(book: PriceBook) -> str:
    """SHA-256 of the canonical text, hex."""
    return _text_hash(write_rows(book.rows(), Row._fields), write_rows(book.name_rows(), NameRow._fields))


def _text_hash(prices: str, names: str) -> str:
    return hashlib.sha256((prices + names).encode()).hexdigest()


def write_rows(rows: Iterable[tuple[str, ...]], columns: tuple[str, ...]) -> str:
    """The canonical text: a line of column names, then the rows as CSV lines in the order of the text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(sorted(rows))
    return out.getvalue()


def _read(text: str, columns: tuple[str, ...]) -> Iterator[Iterable[str]]:
    """The rows below the line of column names, whose cells are one object where they are one text: a book would take
    three times the memory otherwise."""
    reader = csv.reader(io.StringIO(text))
    header = tuple(next(reader, ()))
    if header != columns:
        raise ValueError(f"the columns of a price book are {','.join(columns)}, not {','.join(header)}")
    share = dict[str, str]().setdefault
    return (map(share, row, row) for row in reader)
