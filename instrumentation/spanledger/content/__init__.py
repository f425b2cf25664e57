"""What people and models said, read from the wire formats of the providers: one module for each format.

Used only while the application has content captured (docs/content.md). Here is the table of formats; the module of one
is loaded with the first call that needs it, so that who captures nothing pays for nothing.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from spanledger.content.parts import Form

__all__ = ["Format"]


class Format(NamedTuple):
    """A wire format by the module that reads it, and the name of its `Form` there."""

    module: str
    name: str

    def form(self) -> Form:
        return _loaded(self)


@cache
def _loaded(known: Format) -> Form:
    return cast("Form", getattr(import_module(f"{__name__}.{known.module}"), known.name))


ANTHROPIC_MESSAGES = Format("anthropic", "MESSAGES")
BEDROCK_CONVERSE = Format("converse", "CONVERSE")
BEDROCK_INVOKE = Format("invoke", "INVOKE")
COHERE_CHAT = Format("cohere", "CHAT")
COHERE_CHAT_V1 = Format("cohere", "CHAT_V1")
COHERE_GENERATE = Format("cohere", "GENERATE")
GEMINI_GENERATE = Format("gemini", "GENERATE")
GEMINI_INTERACTIONS = Format("interactions", "INTERACTIONS")
MISTRAL_CONVERSATIONS = Format("conversations", "CONVERSATIONS")
OLLAMA_CHAT = Format("ollama", "CHAT")
OLLAMA_GENERATE = Format("ollama", "GENERATE")
OPENAI_CHAT = Format("chat", "CHAT")
OPENAI_COMPLETION = Format("chat", "COMPLETION")
OPENAI_RESPONSES = Format("responses", "RESPONSES")
XAI_CHAT = Format("xai", "CHAT")
