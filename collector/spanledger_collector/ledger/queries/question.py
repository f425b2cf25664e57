"""What a named query is: a name, a path, parameters, and a function from a reading of the ledger to a document.

A document is a JSON object: money and quantities are decimal strings, times ISO 8601 text in UTC with nanoseconds, and
what is unknown is null.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.sql import query as sql_text
from spanledger_collector.pricing import PriceBook, shipped_book

if TYPE_CHECKING:
    import duckdb  # so that listing the queries does not load the database

__all__ = ["Arguments", "Document", "Parameter", "Question", "Reading", "iso_time", "plain_decimal", "utc_now"]

Document = dict[str, Any]
"""A JSON object; its keys are part of the API."""

_PLACES = re.compile(r"\$(\w+)")

Arguments = Mapping[str, Sequence[str]]
"""What was asked, as text: the values of each parameter that was given."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query: an option of the command and a query or path parameter of the API.

    `many` allows it several times. `in_path` makes it part of the path (and an argument of the command).
    """

    name: str
    help: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    metavar: str = "TEXT"
    many: bool = False
    in_path: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A named query.

    `posted_as`: its one parameter may be long, so that it can also be POSTed, as this field of a JSON object. `posted`:
    all parameters can be POSTed so, each as the field of its name.
    """

    name: str
    path: str
    help: str
    answer: Callable[["Reading"], Document]
    parameters: tuple[Parameter, ...] = ()
    posted_as: str | None = None
    posted: bool = False

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of the ledger: a cursor inside a read-only transaction, what was asked, the time of asking, and the
    price book of whoever answers."""

    cursor: "duckdb.DuckDBPyConnection"
    question: Question
    arguments: Arguments
    now: datetime
    book: Callable[[], PriceBook] = shipped_book

    def values(self, name: str) -> tuple[str, ...]:
        """All values given for a parameter; its default when none was."""
        given = self.arguments.get(name)
        if given:
            return tuple(given)
        parameter = self.question.parameter(name)
        return () if parameter is None or parameter.default is None else (parameter.default,)

    def value(self, name: str) -> str | None:
        """The one value of a parameter, or its default."""
        return next(iter(self.values(name)), None)

    def required(self, name: str) -> str:
        """The one value of a parameter that must be given. Raises BadQuery."""
        value = self.value(name)
        if not value:
            raise BadQuery(f"{self.question.name} needs {name}.")
        return value

    def whole_number(self, name: str, *, at_least: int, at_most: int) -> int:
        """The value as an integer within bounds. Raises BadQuery."""
        text = self.required(name)
        if not text.isdecimal() or not at_least <= int(text) <= at_most:
            raise BadQuery(f"{name} must be a whole number from {at_least:,} to {at_most:,}, not {text!r}.")
        return int(text)

    def rows(self, name: str, parameters: Mapping[str, object] | None = None, /, **replacements: str) -> list[Document]:
        """The rows of a query from `sql/queries.sql`, ready for a document.

        `replacements` put SQL from our own tables of names in the place of `/*name*/`; values belong into `parameters`.
        """
        text = sql_text(f"queries.{name}")
        for place, replacement in replacements.items():
            text = text.replace(f"/*{place}*/", replacement)
        named = set(_PLACES.findall(text))
        used = {key: value for key, value in (parameters or {}).items() if key in named}
        result = self.cursor.execute(text, used)
        columns = [column[0] for column in result.description or ()]
        return [
            {name: _plain(name, value) for name, value in zip(columns, row, strict=True)} for row in result.fetchall()
        ]


class Parametrised(Protocol):
    """What takes arguments: a question, an action."""

    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...


def check_arguments(asked: Parametrised, arguments: Arguments) -> None:
    """Raises BadQuery for a parameter that is not known or given too often, and for a value that is no choice."""
    parameters = {parameter.name: parameter for parameter in asked.parameters}
    for name, values in arguments.items():
        parameter = parameters.get(name)
        if parameter is None:
            raise BadQuery(f"{asked.name} has no parameter {name!r}. It has: {', '.join(parameters) or 'none'}.")
        if len(values) > 1 and not parameter.many:
            raise BadQuery(f"{name} can be given once only.")
        for value in values:
            if parameter.choices and value not in parameter.choices:
                raise BadQuery(f"{name} must be one of {', '.join(parameter.choices)}, not {value!r}.")


def utc_now() -> datetime:
    """The time of asking."""
    return datetime.now(UTC)


def iso_time(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as ISO 8601 text in UTC, with all nine places."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def plain_decimal(value: Decimal) -> str:
    """The exact value without exponent and without zeros at the end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(column: str, value: object) -> object:
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, int) and column.endswith("_at"):
        return iso_time(value)
    return value
