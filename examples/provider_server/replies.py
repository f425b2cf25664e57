"""What the model answers, as a function of the prompt: a canned sentence or a tool call, after a number of thoughts."""

import json
from dataclasses import dataclass
from hashlib import sha256

from provider_server.documents import JsonObject, as_object, child
from provider_server.prompts import PromptText, count_tokens, tokenise

__all__ = ["Reply", "ToolCall", "compose", "pieces"]

_SENTENCES = (
    "Canned answer one, short and polite.",
    "Canned answer two: it says little, but every word of it is counted.",
    "Canned answer three comes from a server on this machine, which has no model, no key and no opinion.",
    "Canned answer four is longer than the others, so that not every reply has the same price; that is all it is for.",
    "Canned answer five: the same question always gets the same answer, so anybody can recount the tokens.",
    "Canned answer six; please ask something else.",
)
_THOUGHT = "Let me look at what is asked, recall what I know about it, and answer as briefly as I can."
_WORDS_PER_PIECE = 4


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of the offered tools; `arguments` fit its JSON schema."""

    name: str
    arguments: JsonObject

    @property
    def arguments_json(self) -> str:
        """The arguments as the text that the wire formats carry."""
        return json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: a text or a tool call, and the thoughts before it. `truncated`: the token limit cut the text."""

    text: str
    tool: ToolCall | None = None
    thinking: str = ""
    searches: int = 0
    truncated: bool = False

    @property
    def output_tokens(self) -> int:
        """Visible tokens: the text, or the name and arguments of the tool call."""
        return count_tokens(self.text) + (count_tokens(self.tool.name + self.tool.arguments_json) if self.tool else 0)

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of the thoughts."""
        return count_tokens(self.thinking)


def compose(
    prompt: PromptText,
    *,
    tool_name: str = "",
    tool_schema: JsonObject | None = None,
    thoughts: int = 0,
    searches: int = 0,
    limit: int | None = None,
) -> Reply:
    """The reply to a prompt. An offered tool is called, unless the prompt ends with a tool's result."""
    thinking = " ".join([_THOUGHT] * thoughts)
    if tool_name and not prompt.answers_tool:
        return Reply("", ToolCall(tool_name, _arguments(tool_schema or {})), thinking)
    digest = sha256(prompt.question.encode()).digest()
    text = _SENTENCES[digest[0] % len(_SENTENCES)]
    if limit is None or count_tokens(text) <= limit:
        return Reply(text, None, thinking, searches)
    return Reply(" ".join(tokenise(text)[:limit]), None, thinking, searches, truncated=True)


def pieces(text: str) -> list[str]:
    """The text cut into what a stream sends one after the other; joined, they are the text."""
    words = text.split(" ")
    cut = [" ".join(words[at : at + _WORDS_PER_PIECE]) for at in range(0, len(words), _WORDS_PER_PIECE)]
    return [piece if at == 0 else f" {piece}" for at, piece in enumerate(cut)]


def _arguments(schema: JsonObject) -> JsonObject:
    return {name: _example(name, as_object(rule) or {}) for name, rule in child(schema, "properties").items()}


def _example(name: str, rule: JsonObject) -> object:
    for choices in (rule.get("enum"), rule.get("examples"), [rule["default"]] if "default" in rule else None):
        if choices:
            return choices[0]
    empty: dict[str, object] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    return empty.get(str(rule.get("type")), name)
