"""What the provider keeps about each request it served: the truth that a ledger is compared with."""

from dataclasses import dataclass, fields
from typing import Literal

__all__ = ["Provider", "Served", "Usage"]

Provider = Literal["openai", "anthropic", "google"]


@dataclass(frozen=True, slots=True)
class Usage:
    """True usage of one request in disjoint counts: no token is in two of them. `web_search` counts searches."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    web_search: int = 0

    @property
    def meters(self) -> dict[str, int]:
        """The counts that are not zero, by meter name."""
        counts: dict[str, int] = {field.name: getattr(self, field.name) for field in fields(self)}
        return {meter: count for meter, count in counts.items() if count}

    @property
    def input_tokens(self) -> int:
        """All tokens of the prompt, those of the cache included."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_5m + self.cache_write_1h

    @property
    def output_tokens(self) -> int:
        """All tokens generated, reasoning included."""
        return self.output + self.reasoning


@dataclass(frozen=True, slots=True)
class Served:
    """One request and what came of it.

    `id` is the response id (None for embeddings, which have none, and for failures). `usage` is None when nothing was
    billed; `usage_sent` says whether the client was told. `finished` is False for a stream that was cut.
    """

    request_id: str
    provider: Provider
    endpoint: str
    request_model: str
    status: int
    id: str | None = None
    model: str | None = None
    streamed: bool = False
    finished: bool = True
    usage: Usage | None = None
    usage_sent: bool = False
    tier: str | None = None

    @property
    def document(self) -> dict[str, object]:
        """The record as JSON, its usage both disjoint (`meters`) and inclusive (`input_tokens`, `output_tokens`)."""
        document: dict[str, object] = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "usage"}
        if self.usage is not None:
            document["meters"] = self.usage.meters
            document["input_tokens"] = self.usage.input_tokens
            document["output_tokens"] = self.usage.output_tokens
        return document
