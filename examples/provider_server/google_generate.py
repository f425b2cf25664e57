"""POST /v1/models/{model}:generateContent and :streamGenerateContent, in any version of the API
(https://ai.google.dev/api/generate-content).

The path names the model and the method; the server puts both into the body, as `model` and `stream`. Names of fields
come in both spellings that the JSON of protocol buffers allows.
"""

from collections.abc import Iterator
from typing import Any

from provider_server.answers import Account, Answer, new_id, require, sse
from provider_server.documents import JsonObject, child, children, first
from provider_server.models import resolve
from provider_server.openai_usage import measure
from provider_server.prompts import PromptText
from provider_server.records import Usage
from provider_server.replies import Reply, compose, pieces

__all__ = ["addressed", "answer"]

_STREAM = "streamGenerateContent"
_TOKENS_PER_THOUGHT_BUDGET = 500


def addressed(path: dict[str, str]) -> JsonObject:
    """What the path says of a request, as fields of its body."""
    return {"model": path["model"], "stream": path["method"] == _STREAM}


def answer(body: JsonObject, account: Account) -> Answer:
    """The answer to a request, whole or as a stream of answers of which the last has the final counts."""
    require(body, "contents")
    model = resolve(body["model"])
    prompt = _prompt(body)
    config = child(body, "generationConfig")
    function = _offered_function(body)
    reply = compose(
        prompt,
        tool_name=function.get("name", ""),
        tool_schema=_field(function, "parametersJsonSchema", "parameters_json_schema"),
        thoughts=_thoughts(child(config, "thinkingConfig")),
        limit=config.get("maxOutputTokens"),
    )
    usage = measure(prompt, reply, model, account)
    frame: JsonObject = {"modelVersion": model, "responseId": new_id("")}
    return Answer(
        id=frame["responseId"],
        model=model,
        body=frame | {"candidates": [_candidate(reply, reply.text)], "usageMetadata": _usage(usage)},
        usage=usage,
        events=list(_events(frame, reply, usage)) if body["stream"] else None,
    )


def _prompt(body: JsonObject) -> PromptText:
    contents = children(body, "contents")
    asked: list[object] = [content.get("parts") for content in contents if content.get("role", "user") == "user"]
    last = children(first(contents[-1:]), "parts")
    parts = [body.get("tools"), body.get("systemInstruction"), contents]
    return PromptText.of(parts, question=asked[-1:], answers_tool=any("functionResponse" in part for part in last))


def _offered_function(body: JsonObject) -> JsonObject:
    return first(function for tool in children(body, "tools") for function in children(tool, "functionDeclarations"))


def _thoughts(thinking: JsonObject) -> int:
    return (_field(thinking, "thinkingBudget", "thinking_budget") or 0) // _TOKENS_PER_THOUGHT_BUDGET


def _field(parent: JsonObject, name: str, original: str) -> Any:  # noqa: ANN401  # JSON of whatever shape
    return parent.get(name, parent.get(original))


def _candidate(reply: Reply, text: str) -> JsonObject:
    part: JsonObject = {"text": text}
    if reply.tool is not None:
        part = {"functionCall": {"name": reply.tool.name, "args": reply.tool.arguments}}
    finish = "MAX_TOKENS" if reply.truncated else "STOP"
    return {"content": {"role": "model", "parts": [part]}, "finishReason": finish, "index": 0}


def _usage(usage: Usage) -> JsonObject:
    """Gemini's counts: the prompt includes the cache, the candidates exclude the thoughts; what is zero is left out."""
    counts = {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": usage.output,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }
    return {name: count for name, count in counts.items() if count}


def _events(frame: JsonObject, reply: Reply, usage: Usage) -> Iterator[str]:
    *before, last = pieces(reply.text)
    for piece in before:
        counted = {"promptTokenCount": usage.input_tokens, "totalTokenCount": usage.input_tokens}
        yield sse(frame | {"candidates": [_candidate(reply, piece) | {"finishReason": None}], "usageMetadata": counted})
    yield sse(frame | {"candidates": [_candidate(reply, last)], "usageMetadata": _usage(usage)})
