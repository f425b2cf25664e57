"""What providers call their own counts, for emitters that pass on a provider's record of usage whole."""

from typing import Final

__all__ = ["CACHE_READ", "CACHE_WRITE", "REASONING", "under"]

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


def under(attribute: str, *members: str) -> tuple[str, ...]:
    """The names under which the members of an unpacked attribute are read."""
    return tuple(f"{attribute}.{member}" for member in members)
