"""A response of OpenAI's Responses API as a whole: created, streamed to its end, or fetched later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spanledger.providers.openai_usage import items, read_identity, read_usage
from spanledger.usage import fields, get

if TYPE_CHECKING:
    from spanledger._reading import Reading

__all__ = ["LAST_EVENTS", "read_whole_response"]

LAST_EVENTS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
"""Events that repeat the whole response with its usage, and end a stream."""

_METER_BY_TOOL_CALL = {"web_search_call": "web_search", "file_search_call": "file_search"}


def read_whole_response(answer: object, reading: Reading) -> None:
    """A response of the Responses API, whole or as the last event of a stream brings it."""
    said = fields(answer)
    read_identity(said, reading)
    if isinstance(status := said.get("status"), str):
        reading.finish_reasons = [status]
    if isinstance(code := get(said.get("error"), "code"), str):
        reading.error_type = code
    read_usage(said.get("usage"), reading)
    for item in items(said.get("output")):
        made = fields(item)
        meter = _METER_BY_TOOL_CALL.get(str(made.get("type")))
        # Opening or searching within a page that was found is not billed as another search.
        if meter and get(made.get("action"), "type") in (None, "search"):
            reading.usage[meter] = reading.usage.get(meter, 0) + 1
