"""What a call will cost, before it is made: low, expected and high, with what was assumed."""

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

from spanledger_collector.call_records import Conditions
from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.queries.moments import at_ns
from spanledger_collector.ledger.queries.question import (
    Arguments,
    Document,
    Parameter,
    Question,
    Reading,
    iso_time,
    plain_decimal,
    utc_now,
)
from spanledger_collector.pricing import PriceBook, TokenRange, estimate, tokens_of_messages, tokens_of_text

__all__ = ["CONDITIONS", "ESTIMATE", "estimate_document"]

CONDITIONS: Final = tuple(field.name for field in fields(Conditions))
_TOKENS_AT_MOST: Final = 10**12

_PARAMETERS: Final = (
    Parameter("provider", "The provider, such as openai or anthropic.", metavar="PROVIDER"),
    Parameter("model", "The model, as the provider names it.", metavar="MODEL"),
    Parameter("input_tokens", "So many input tokens.", metavar="N"),
    Parameter("text", "The input as text, whose tokens are bounded by its characters."),
    Parameter("messages", "The input as chat messages: a JSON list of texts or of objects with `content`."),
    Parameter("output_tokens", "So many output tokens are expected.", metavar="N"),
    Parameter("max_output_tokens", "So many output tokens at most; without it there is no upper bound.", metavar="N"),
    Parameter("at", "The moment of the call: a date or a time with its offset; now, if not given.", metavar="TIME"),
    *(Parameter(name, f"The {name.replace('_', ' ')} that the price may depend on.") for name in CONDITIONS),
)
_INPUTS: Final = ("input_tokens", "text", "messages")


def _estimate(reading: Reading) -> Document:
    given = {name: values for parameter in _PARAMETERS if (values := reading.values(name := parameter.name))}
    return estimate_document(reading.book(), given, reading.now)


def estimate_document(book: PriceBook, arguments: Arguments, now: datetime | None = None) -> Document:
    """The answer to the parameters of `ESTIMATE`, by one book. Raises BadQuery."""
    given = {name: values[0] for name, values in arguments.items() if values and values[0]}
    for name in ("provider", "model"):
        if name not in given:
            raise BadQuery(f"estimate needs {name}.")
    tokens, not_counted = _input(given)
    output, most = _count(given, "output_tokens"), _count(given, "max_output_tokens")
    if output is not None and most is not None and output > most:
        raise BadQuery("output_tokens must not be more than max_output_tokens.")
    moment = at_ns("at", given["at"]) if "at" in given else _nanoseconds(now or utc_now())
    conditions = Conditions(**{name: given[name] for name in CONDITIONS if name in given})
    found = estimate(
        book,
        given["provider"],
        given["model"],
        tokens,
        at_ns=moment,
        max_output_tokens=most,
        expected_output_tokens=output,
        conditions=conditions,
    )
    parts = "1 part of a message is" if not_counted == 1 else f"{not_counted} parts of messages are"
    unbounded = f"{parts} no text and not counted: only the lower bound holds"
    return {
        "provider": given["provider"],
        "model": given["model"],
        "at": iso_time(moment),
        "low_usd": _money(found.low_usd),
        "expected_usd": None if not_counted else _money(found.expected_usd),
        "high_usd": None if not_counted else _money(found.high_usd),
        "assumptions": [*found.assumptions, *([unbounded] if not_counted else [])],
        "reasons": list(found.reasons),
        "price_book": found.price_book,
    }


def _input(given: dict[str, str]) -> tuple[TokenRange | int, int]:
    """The input tokens, and how many parts of messages they do not count."""
    named = [name for name in _INPUTS if name in given]
    if len(named) != 1:
        raise BadQuery(f"estimate needs one of {', '.join(_INPUTS)}.")
    if named == ["text"]:
        return tokens_of_text(given["text"]), 0
    if named == ["messages"]:
        texts = list(_texts(given["messages"]))
        return tokens_of_messages([text for text in texts if text is not None]), texts.count(None)
    return _count(given, "input_tokens") or 0, 0


def _texts(messages: str) -> Iterator[str | None]:
    """The text of each message or part of one; `None` for a part that is no text."""
    try:
        listed: Any = json.loads(messages)
    except ValueError as error:
        raise BadQuery(f"messages is no JSON: {error}.") from error
    if not isinstance(listed, list):
        raise BadQuery('messages must be a JSON list such as [{"role": "user", "content": "..."}].')
    for message in cast("list[Any]", listed):
        content = cast("dict[str, Any]", message).get("content") if isinstance(message, dict) else message
        yield from _parts(content)


def _parts(content: object) -> Iterator[str | None]:
    if not isinstance(content, list):
        yield content if isinstance(content, str) else None
        return
    for part in cast("list[Any]", content):
        text = cast("dict[str, Any]", part).get("text") if isinstance(part, dict) else part
        yield text if isinstance(text, str) else None


def _count(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not text.isdecimal() or int(text) >= _TOKENS_AT_MOST:
        raise BadQuery(f"{name} must be a whole number of tokens below a trillion, not {text!r}.")
    return int(text)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else plain_decimal(amount)


ESTIMATE = Question(
    "estimate",
    "/v1/estimate",
    "What a call will cost, before it is made: low, expected and high.",
    _estimate,
    _PARAMETERS,
    posted=True,
)
