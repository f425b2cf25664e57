"""What a call will cost, before it is made: low, expected and high, with every assumption said. Pure; no tokenizer,
no network.

The same engine and book price the estimate that will price the call, so an estimate differs from the cost only by its
token counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from spanledger_collector.call_records import Attribution, Call, Conditions
from spanledger_collector.pricing.book import PriceBook
from spanledger_collector.pricing.engine import price

__all__ = ["Estimate", "TokenRange", "estimate", "tokens_of_messages", "tokens_of_text"]

_ASCII_PER_TOKEN: Final = 4
"""Characters of English text in a token, on average (https://help.openai.com/en/articles/4936856: "1 token ~= 4 chars
in English"). Other characters are taken as a token each: most tokenizers need between half a token and two for
one."""
_ASCII_PER_TOKEN_AT_MOST: Final = 6
_MESSAGE_OVERHEAD: Final = 4
"""Tokens that the chat format adds to each message (OpenAI cookbook, "How to count tokens": 3, and its role)."""
_REPLY_OVERHEAD: Final = 3
"""Tokens with which the chat format begins the reply (the same: "every reply is primed")."""


@dataclass(frozen=True, slots=True)
class TokenRange:
    """A token count that is not known: at least, expected, at most."""

    low: int
    expected: int
    high: int

    def __add__(self, other: "TokenRange") -> "TokenRange":
        return TokenRange(self.low + other.low, self.expected + other.expected, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Estimate:
    """USD, or `None` where that bound cannot be told; then `reasons` says why. `assumptions` are sentences for
    people."""

    low_usd: Decimal | None
    expected_usd: Decimal | None
    high_usd: Decimal | None
    assumptions: tuple[str, ...]
    reasons: tuple[str, ...]
    price_book: str


def tokens_of_text(text: str) -> TokenRange:
    """Bounds for the tokens of a text. The upper one is certain for byte-level tokenizers, which never make more
    tokens than bytes."""
    plain = sum(character.isascii() for character in text)
    other = len(text) - plain
    return TokenRange(
        -(-plain // _ASCII_PER_TOKEN_AT_MOST) + -(-other // 2),
        -(-plain // _ASCII_PER_TOKEN) + other,
        len(text.encode()),
    )


def tokens_of_messages(texts: Sequence[str]) -> TokenRange:
    """Bounds for the tokens of chat messages, given the text of each."""
    overhead = TokenRange(0, _MESSAGE_OVERHEAD, _MESSAGE_OVERHEAD)
    reply = TokenRange(0, _REPLY_OVERHEAD, _REPLY_OVERHEAD)
    return sum((tokens_of_text(text) + overhead for text in texts), reply)


def estimate(
    book: PriceBook,
    provider: str,
    model: str,
    tokens: TokenRange | int,
    *,
    at_ns: int,
    max_output_tokens: int | None = None,
    expected_output_tokens: int | None = None,
    conditions: Conditions | None = None,
) -> Estimate:
    """Estimate one call of `model` at a moment (ns since the epoch, UTC).

    `tokens` is the input: a count, or a range from `tokens_of_text` or `tokens_of_messages`. Without
    `max_output_tokens` there is no upper bound; without `expected_output_tokens` half of the maximum is expected.
    Nothing is assumed to be cached.
    """
    known = TokenRange(tokens, tokens, tokens) if isinstance(tokens, int) else tokens
    expected, assumptions = _output(max_output_tokens, expected_output_tokens)
    if not isinstance(tokens, int):
        assumptions.insert(0, f"{known.low} to {known.high} input tokens, {known.expected} expected by its characters")
    call = _call(provider, model, at_ns, conditions or Conditions())
    priced = [
        price(replace(call, meters={"input": count, "output": output}), book) if output is not None else None
        for count, output in ((known.low, 0), (known.expected, expected), (known.high, max_output_tokens))
    ]
    found = [pricing for pricing in priced if pricing is not None]
    flags = dict.fromkeys(flag for pricing in found for flag in pricing.flags)
    low, middle, high = priced
    return Estimate(
        low.cost_low_usd if low else None,
        middle.cost_usd if middle else None,
        high.cost_high_usd if high else None,
        (*assumptions, "no cached input", *flags),
        tuple(dict.fromkeys(reason for pricing in found for reason in pricing.reasons)),
        book.sha256,
    )


def _output(maximum: int | None, expected: int | None) -> tuple[int | None, list[str]]:
    if expected is not None:
        return expected, [f"{expected} output tokens expected by the caller, 0 at least"]
    if maximum is not None:
        return maximum // 2, [f"half of {maximum} output tokens expected, 0 at least, all at most"]
    return None, ["no limit of output tokens given: neither an expected cost nor an upper bound"]


def _call(provider: str, model: str, at_ns: int, conditions: Conditions) -> Call:
    """A call that has not been made: it is answered by the model that is asked for."""
    return Call(
        call_id="",
        trace_id=b"",
        span_id=b"",
        started_ns=at_ns,
        ended_ns=at_ns,
        service="",
        provider=provider,
        operation="chat",
        request_model=model,
        response_model=model,
        response_id=None,
        error_type=None,
        usage_status="estimated",
        usage_evidence="estimate",
        meters={},
        conditions=conditions,
        attribution=Attribution(),
        dialect="",
        sources=(),
    )
