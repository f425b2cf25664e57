"""Models by name: what a short name stands for, which ones think, and who does not exist."""

from provider_server.errors import ProviderError

__all__ = ["resolve", "thinks"]

_DATED = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
    "o4-mini": "o4-mini-2025-04-16",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-opus-4-1": "claude-opus-4-1-20250805",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
}
"""Short names and the dated snapshots that the providers' answers name. Any other name is answered as it was asked."""

_MISSING_PREFIX = "no-such-"
_THINKING_PREFIXES = ("gpt-5", "o1", "o3", "o4")


def resolve(name: str) -> str:
    """The name in the answer. Raises `ProviderError` (404) for a name that begins with `no-such-`."""
    if name.startswith(_MISSING_PREFIX):
        raise ProviderError(
            404, f"The model `{name}` does not exist or you do not have access to it.", code="model_not_found"
        )
    return _DATED.get(name, name)


def thinks(model: str) -> bool:
    """Whether an OpenAI model reasons before it answers; Anthropic models think when the request says so."""
    return model.startswith(_THINKING_PREFIXES)
