"""What the OpenAI formats share: automatic prompt caching, reasoning effort, service tiers, and one usage record."""

from provider_server.answers import Account
from provider_server.models import thinks
from provider_server.prompts import MIN_CACHED_TOKENS, PromptText
from provider_server.records import Usage
from provider_server.replies import Reply

__all__ = ["measure", "thoughts", "tier_of"]

_CACHE_STEP = 128
_BILLS_CACHE_WRITES = "gpt-5.6"
_THOUGHTS_BY_EFFORT = {"none": 0, "minimal": 0, "low": 1, "medium": 3, "high": 8, "xhigh": 16}


def measure(prompt: PromptText, reply: Reply, model: str, account: Account) -> Usage:
    """The usage of a reply, cached prefixes counted: from 1,024 tokens on, in steps of 128, automatically."""
    total = len(prompt.tokens)
    lengths = range(MIN_CACHED_TOKENS, total + 1, _CACHE_STEP)
    read = account.cache.longest_known(account.scope(model), prompt.tokens, lengths)
    written = (lengths[-1] if lengths else 0) - read if model.startswith(_BILLS_CACHE_WRITES) else 0
    return Usage(
        input=total - read - written,
        cache_read=read,
        cache_write=written,
        output=reply.output_tokens,
        reasoning=reply.reasoning_tokens,
    )


def thoughts(model: str, effort: object) -> int:
    """How many thoughts a model has at this effort (default medium)."""
    return _THOUGHTS_BY_EFFORT.get(str(effort or "medium"), 3) if thinks(model) else 0


def tier_of(requested: object) -> str:
    """The tier that the answer names: `flex` and `priority` if asked for, else `default`."""
    return requested if isinstance(requested, str) and requested in {"flex", "priority", "scale"} else "default"
