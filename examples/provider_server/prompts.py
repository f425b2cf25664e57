"""Prompts as tokens, and the prompt cache.

One token is one word or one punctuation mark. A prompt is everything the model is given in order: tools, system text
and messages. Both providers cache *prefixes* of it; what differs is who chooses where a prefix ends.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

from provider_server.documents import as_list, as_object

__all__ = ["MIN_CACHED_TOKENS", "PromptCache", "PromptText", "count_tokens", "tokenise"]

MIN_CACHED_TOKENS = 1024
"""Shorter prefixes are not cached. OpenAI documents 1,024 for all models; Anthropic from 1,024 up, by model."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_NOT_READ_BY_THE_MODEL = frozenset(
    {"type", "cache_control", "id", "call_id", "tool_call_id", "tool_use_id", "signature"}
)


def tokenise(text: str) -> list[str]:
    """The tokens of a text: words and punctuation marks."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """How many tokens a text has."""
    return len(tokenise(text))


def strings_in(value: object) -> Iterator[str]:
    """Every string that the model reads in a piece of JSON, in order."""
    if isinstance(value, str):
        yield value
        return
    for item in as_list(value) or []:
        yield from strings_in(item)
    for name, member in (as_object(value) or {}).items():
        if name not in _NOT_READ_BY_THE_MODEL:
            yield from strings_in(member)


@dataclass(frozen=True, slots=True)
class PromptText:
    """A prompt as tokens. `question` is the last text that a person wrote; `answers_tool`: a tool's result ends it."""

    tokens: tuple[str, ...]
    question: str
    answers_tool: bool

    @classmethod
    def of(cls, parts: Sequence[object], *, question: object, answers_tool: bool) -> "PromptText":
        """The prompt made of `parts` in order."""
        tokens = tuple(token for text in strings_in(list(parts)) for token in tokenise(text))
        return cls(tokens, " ".join(strings_in(question)), answers_tool)


class PromptCache:
    """Prefixes seen before, kept apart by account and model. Nothing expires: cache entries outlive this server."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._lock = Lock()

    def longest_known(self, scope: str, tokens: Sequence[str], lengths: Sequence[int]) -> int:
        """The longest of `lengths` whose prefix of `tokens` is known, or 0; all of them are known from now on."""
        digests = _prefix_digests(scope, tokens, lengths)
        with self._lock:
            known = max((length for length, digest in digests.items() if digest in self._known), default=0)
            self._known.update(digests.values())
        return known


def _prefix_digests(scope: str, tokens: Sequence[str], lengths: Sequence[int]) -> dict[int, bytes]:
    digests: dict[int, bytes] = {}
    running = sha256(scope.encode())
    start = 0
    for length in sorted(set(lengths)):
        running.update("\0".join(["", *tokens[start:length]]).encode())
        digests[length], start = running.digest(), length
    return digests
