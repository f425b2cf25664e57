"""What every wire format gives the server: one answer, as a body or as the events of a stream."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from provider_server.documents import JsonObject
from provider_server.errors import ProviderError
from provider_server.prompts import PromptCache
from provider_server.records import Usage

__all__ = ["Account", "Answer", "new_id", "require", "sse"]


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks: the API key, which is also what keeps prompt caches apart."""

    key: str
    cache: PromptCache

    def scope(self, model: str) -> str:
        """The name under which this account's prompts to a model are cached."""
        return f"{self.key}\0{model}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A served request before it is sent. `events` are the lines of a stream, or None for a plain `body`."""

    model: str
    body: JsonObject
    id: str | None = None
    usage: Usage | None = None
    usage_sent: bool = True
    tier: str | None = None
    events: Sequence[str] | None = None


def new_id(prefix: str) -> str:
    """A response id as unique as a provider's."""
    return prefix + secrets.token_hex(12)


def require(body: JsonObject, *names: str) -> None:
    """Refuse (400) a request without one of its required fields."""
    for name in names:
        if name not in body:
            raise ProviderError(400, f"Missing required parameter: '{name}'.", code="missing_required_parameter")


def sse(data: JsonObject, event: str | None = None) -> str:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data)}\n\n"
