"""Streams of the OpenAI format carry usage only when the request asks for it: `stream_options.include_usage`.

Where the application did not say, and the host is known to support it, we ask. The answer is one more chunk at the end,
without choices, which the application then does not see. `SPANLEDGER_STREAM_USAGE=false` turns this off.

Nothing is changed where the application reads the bytes by itself, as there the chunk could not be hidden.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, cast

from spanledger.hosts import provider_of_host
from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanledger._reading import Request
    from spanledger._settings import Settings

__all__ = ["asking_for_usage", "is_usage_chunk", "may_ask"]

_SUPPORTING = frozenset({"openai", "deepseek"})
"""Providers that document `include_usage` (the references of their chat completions); others reject what they do not
know, or send usage anyway."""


class Options(Protocol):
    """The fields of `FinalRequestOptions` that matter here."""

    json_data: object
    extra_json: object
    headers: object


def may_ask(request: Request, options: Options, settings: Settings) -> bool:
    """Whether a streamed request is one whose usage we should ask for."""
    if not settings.stream_usage or not request.stream or not isinstance(options.json_data, Mapping):
        return False
    host = request.server_address or ""
    if host not in settings.stream_usage_hosts and provider_of_host(host, "") not in _SUPPORTING:
        return False
    if get(options.extra_json, "stream_options") is not None or _is_raw(options.headers):
        return False
    said = cast("Mapping[str, object]", options.json_data).get("stream_options")
    return not isinstance(said, Mapping) or "include_usage" not in said


def asking_for_usage(options: Options) -> Options:
    """A copy of `options` that asks; those of the application stay as they are."""
    body = cast("Mapping[str, object]", options.json_data)
    said = body.get("stream_options")
    stream_options: dict[str, object] = dict(cast("Mapping[str, object]", said)) if isinstance(said, Mapping) else {}
    asking = copy.copy(options)
    asking.json_data = {**body, "stream_options": {**stream_options, "include_usage": True}}
    return asking


def is_usage_chunk(chunk: object) -> bool:
    """Whether a chunk has usage and nothing else."""
    return get(chunk, "usage") is not None and not cast("Sequence[object] | None", get(chunk, "choices"))


def _is_raw(headers: object) -> bool:
    """`with_raw_response` and `with_streaming_response` mark their requests with this header."""
    if not isinstance(headers, Mapping):
        return False
    return any(name.lower() == "x-stainless-raw-response" for name in cast("Mapping[str, object]", headers))
