"""What providers call their own counts, for emitters that pass on a provider's record of usage whole."""

from collections.abc import Mapping
from typing import Final

from spanledger_collector.dialects.names import GENERIC

__all__ = ["BESIDE", "CACHE_READ", "CACHE_WRITE", "REASONING", "below", "under"]

CACHE_READ: Final = (
    "cache_read_input_tokens",
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
)
CACHE_WRITE: Final = (
    "cache_creation_input_tokens",
    "prompt_tokens_details.cache_write_tokens",
    "input_tokens_details.cache_write_tokens",
)
REASONING: Final = (
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "output_tokens_details.thinking_tokens",
)

BESIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "input_audio": ("prompt_tokens_details.audio_tokens", "input_tokens_details.audio_tokens"),
    "input_image": ("prompt_tokens_details.image_tokens", "input_tokens_details.image_tokens"),
    "output_audio": ("completion_tokens_details.audio_tokens", "output_tokens_details.audio_tokens"),
    "output_image": ("completion_tokens_details.image_tokens", "output_tokens_details.image_tokens"),
    "web_search": ("server_tool_use.web_search_requests",),
    "web_fetch": ("server_tool_use.web_fetch_requests",),
    "service_tier": ("service_tier",),
    "speed": ("speed",),
    "inference_geo": ("inference_geo",),
}
"""Further facts in such a record, and their names there."""


def below(attribute: str) -> dict[str, tuple[str, ...]]:
    """The facts in `BESIDE`, by the names that they have generally or as members of an unpacked attribute."""
    return {fact: (*GENERIC[fact], *under(attribute, *members)) for fact, members in BESIDE.items()}


def under(attribute: str, *members: str) -> tuple[str, ...]:
    """The names under which the members of an unpacked attribute are read."""
    return tuple(f"{attribute}.{member}" for member in members)
