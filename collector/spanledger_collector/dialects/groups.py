"""The spans of a request in groups that are alike but for the values of their attributes: what follows from the names
alone is found once for each group, and the values are looked at in columns."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from msgspec import Meta, ValidationError, convert

from spanledger_collector.dialects.counts import LARGEST_COUNT, LONGEST_FACT
from spanledger_collector.model import Attributes, ReceivedSpan
from spanledger_collector.received_spans import Alike, Column, ReceivedSpans, Skeletons

__all__ = ["Columns", "Group"]

_T = TypeVar("_T")
_Texts = list[Annotated[str, Meta(min_length=1, max_length=LONGEST_FACT)]]
_Counts = list[Annotated[int, Meta(ge=0, lt=LARGEST_COUNT)]]
_Simple = list[str | int | bool]


class Columns(dict[str, Column]):
    """The columns of a group by the attribute's name. Their values are checked by msgspec, which takes a quarter of the
    time that Python does, or once where it is the same in all; and what was found to be simple is not checked for that
    again."""

    __slots__ = ("_same", "_simple")

    def __init__(self, alike: Alike) -> None:
        super().__init__(zip(alike.names, alike.columns, strict=True))
        self._same = alike.same
        self._simple: set[str] = set()

    def is_same(self, name: str) -> bool:
        """Whether an attribute is known to have the same value in all."""
        return name in self._same

    def are_texts(self, name: str) -> bool:
        """Whether all values of an attribute are texts that say something (`counts.is_usable`)."""
        return self._are(_Texts, name)

    def are_counts(self, name: str) -> bool:
        """Whether all are whole numbers that count something."""
        return self._are(_Counts, name)

    def are_simple(self, name: str) -> bool:
        """Whether all are of types for which JSON has a word, whatever their values are."""
        return name in self._simple or self._are(_Simple, name)

    def _are(self, kind: type, name: str) -> bool:
        try:
            convert(self[name][:1] if name in self._same else self[name], kind)
        except ValidationError:
            return False
        self._simple.add(name)
        return True


class Group:
    """Spans of a request that are alike, as they are looked at: with what they have in common, columns of attributes by
    name, and of the rest by field."""

    __slots__ = ("_alike", "_spans", "columns", "kind", "names", "places", "resource", "scope")

    def __init__(self, spans: ReceivedSpans, alike: Alike) -> None:
        first = alike.places[0]
        self._spans, self._alike = spans, alike
        self.names, self.places = alike.names, alike.places
        self.scope, self.resource = spans.skeletons.scope[first], spans.skeletons.resource[first]
        self.kind = spans.skeletons.kind[first]
        self.columns = Columns(alike)

    def of_each(self, column: Sequence[_T]) -> Sequence[_T]:
        """Of a column of all spans of the request what is these ones'."""
        return [column[place] for place in self.places]

    @property
    def skeletons(self) -> Skeletons:
        """Of all spans of the request."""
        return self._spans.skeletons

    def first(self) -> ReceivedSpan:
        """One of the spans."""
        attributes = {name: column[0] for name, column in self.columns.items()}
        return self.skeletons.spans(self.places[:1], [attributes])[0]

    def spans(self) -> list[ReceivedSpan]:
        """Each of them, made now."""
        return self.skeletons.spans(self.places, self.attributes())

    def attributes(self) -> Sequence[Attributes]:
        """The attributes of each, made now unless they came so."""
        return self._alike.rows()

    @property
    def came_as_mappings(self) -> bool:
        """Whether the attributes of each need not be made."""
        return self._alike.mappings is not None
