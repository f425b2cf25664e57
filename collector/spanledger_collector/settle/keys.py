"""What identifies a call: its response id where a provider gave one, and the names under which calls stay the same."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import repeat
from struct import unpack
from typing import Final, TypeGuard, cast

from spanledger_collector.model import Observation, Quantity

__all__ = [
    "CallIds",
    "answer_key",
    "answer_keys",
    "bare_model",
    "response_key",
    "response_key_of",
    "response_keys_of",
    "text_key",
    "text_keys",
    "undated_model",
    "wide_key",
]

_FAMILY_BY_ID: Final = (("msg_", "anthropic"), ("chatcmpl-", "openai"), ("cmpl-", "openai"), ("resp_", "openai"))
"""Shapes of response ids that tell whose wire format answered, whatever the emitter calls the provider."""

_FAMILY_BY_START: Final[Mapping[str, tuple[str, str | None]]] = {
    start[:4]: (start, family) for start, family in _FAMILY_BY_ID
}
"""The same by how they begin: one look tells most."""

_FAMILIES: Final[Mapping[str, str]] = {
    "azure.ai.openai": "openai",
    "azure.ai.inference": "openai",
    "groq": "openai",
    "openrouter": "openai",
    "deepseek": "openai",
    "together": "openai",
    "fireworks": "openai",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
}
"""Providers that one emitter may take for another, by the wire format they share."""

_RANDOM_PART: Final = re.compile(r"(?:[a-z]+[-_])?(.+)", re.DOTALL)
_PLACE_AND_MAKER: Final = re.compile(r"^(?:[a-z][a-z-]*\.)+")
_DATE: Final = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")
_SHORTEST_RANDOM_PART: Final = 6
_SHORTEST_NUMBER: Final = 10
_SMALL: Final = 2**32


def response_key(observation: Observation) -> str | None:
    """Provider family and response id, or `None` when there is no id that only one call can have.

    Some local servers number their answers (`chatcmpl-417`).
    """
    return response_key_of(observation.provider, observation.response_id)


def response_key_of(provider: str, response_id: str | None) -> str | None:
    """The same of what an observation says of them."""
    found = response_id
    if found is None:
        return None
    start, family = _FAMILY_BY_START.get(found[:4], ("", None))
    if family is None or not found.startswith(start):
        family = _FAMILIES.get(provider, provider)
        matched = _RANDOM_PART.fullmatch(found)
        start = found[: matched.start(1)] if matched else ""
    if len(found) < len(start) + _SHORTEST_NUMBER:
        random = found[len(start) :]
        if len(random) < _SHORTEST_RANDOM_PART or random.isdigit():
            return None
    return f"{family}\0{found}"


def response_keys_of(provider: str, response_ids: Sequence[str | None]) -> list[str | None]:
    """The same of many of one provider."""
    if _are_there(response_ids):
        start, family = _FAMILY_BY_START.get(response_ids[0][:4], ("", None))
        if family is not None and _all_are_random(start, response_ids):
            before = f"{family}\0"
            return [before + response_id for response_id in response_ids]
    return [response_key_of(provider, response_id) for response_id in response_ids]


def _are_there(response_ids: Sequence[str | None]) -> TypeGuard[Sequence[str]]:
    return bool(response_ids) and None not in response_ids


def _all_are_random(start: str, response_ids: Sequence[str]) -> bool:
    """Whether all begin so and are long enough for more than a number."""
    shortest = len(start) + _SHORTEST_NUMBER
    return min(map(len, response_ids)) >= shortest and all(map(str.startswith, response_ids, repeat(start)))


@lru_cache(1024)
def bare_model(name: str) -> str:
    """A model's name without what gateways and clouds put before it: `bedrock/us.anthropic.claude-...`."""
    return _PLACE_AND_MAKER.sub("", name.lower().rpartition("/")[2])


@lru_cache(1024)
def undated_model(name: str) -> str:
    """A model's name without what gateways put before it and the date of a snapshot behind it."""
    return _DATE.sub("", bare_model(name))


def wide_key(*parts: object) -> int:
    """64 bits that stand for the parts in an index."""
    return text_key("\0".join(map(str, parts)))


def answer_key(taken: Quantity | None, given: Quantity | None) -> int:
    """64 bits that stand for the totals of an answer among those with one response id: the counts themselves, for a
    third of the time of a digest, where they are as small as nearly always.

    Earlier versions stored a digest of id and totals: what came before and after counts as two answers, and both are
    looked at.
    """
    if type(taken) is int and type(given) is int and 0 <= taken < _SMALL and 0 <= given < _SMALL:
        return taken << 32 | given
    return wide_key(taken, given)


def answer_keys(taken: Sequence[Quantity | None], given: Sequence[Quantity | None]) -> Sequence[int]:
    """The `answer_key` of each pair of totals."""
    if _are_small(taken) and _are_small(given):
        return [one << 32 | other for one, other in zip(taken, given, strict=True)]
    return [*map(answer_key, taken, given)]


def _are_small(counts: Sequence[Quantity | None]) -> TypeGuard[Sequence[int]]:
    """Whether all are integers for which there is room in a key."""
    if {*map(type, counts)} != {int}:
        return False
    whole = cast("Sequence[int]", counts)
    return min(whole) >= 0 and max(whole) < _SMALL


def text_key(text: str) -> int:
    """The `wide_key` of parts that are one text already."""
    return int.from_bytes(_text_digest(text))


def text_keys(texts: Sequence[str | None]) -> Sequence[int | None]:
    """The `text_key` of each text that there is, for half of the time."""
    digests = [_text_digest(text) for text in texts if text is not None]
    keys: tuple[int, ...] = unpack(f">{len(digests)}Q", b"".join(digests))
    if len(keys) == len(texts):
        return keys
    following = iter(keys)
    return [None if text is None else next(following) for text in texts]


class CallIds:
    """Names of calls: 128 bits that depend on what was observed only, not on when it arrived."""

    @staticmethod
    def of_response(key: str) -> bytes:
        """The call that a provider's response id names: the same whichever spans told of it."""
        hashed = _NO_RESPONSE.copy()
        hashed.update(key.encode())
        return hashed.digest()

    @staticmethod
    def of_span(trace_id: bytes, span_id: bytes) -> bytes:
        """The call that only the believed span names."""
        hashed = _NO_SPAN.copy()
        hashed.update(trace_id + span_id)
        return hashed.digest()


_NO_TEXT: Final = blake2b(digest_size=8)
_NO_RESPONSE: Final = blake2b(digest_size=16, person=b"response")
_NO_SPAN: Final = blake2b(digest_size=16, person=b"span")
"""Hashes of nothing yet: to copy one takes less time than to make one."""


def _text_digest(text: str) -> bytes:
    hashed = _NO_TEXT.copy()
    hashed.update(text.encode())
    return hashed.digest()
