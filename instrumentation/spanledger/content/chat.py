"""Chat in OpenAI's format, which most providers speak, with what each of them adds to it; and legacy completions.

System messages are part of the history here, and stay among the messages (conventions, `gen_ai.system_instructions`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from spanledger.content.chat_chunks import REASONING, Chunks
from spanledger.content.parts import (
    Body,
    Form,
    Message,
    Part,
    Prompt,
    binary,
    file,
    function_tool,
    items,
    joined,
    message,
    output_message,
    reasoning,
    referred,
    text,
    texts,
    tool_call,
    tool_response,
)
from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["CHAT", "COMPLETION", "content_parts", "message_of", "parts_of", "read_answer", "read_chat", "tools_of"]


def read_chat(body: Body) -> Prompt:
    """A request for a chat completion."""
    messages = [message_of(entry) for entry in items(body.get("messages"))]
    return Prompt(messages, tools=tools_of(body.get("tools")))


def read_completion_request(body: Body) -> Prompt:
    """A request for a legacy completion: a text, or several; tokens instead of text are not shown."""
    prompt = body.get("prompt")
    prompts = [prompt] if isinstance(prompt, str) else [one for one in items(prompt) if isinstance(one, str)]
    return Prompt([message("user", [text(one)]) for one in prompts])


def read_answer(answer: object) -> list[Message]:
    """The choices of an answer of either kind."""
    return [_choice(choice) for choice in items(get(answer, "choices"))]


def _choice(choice: object) -> Message:
    said, reason = get(choice, "message"), get(choice, "finish_reason")
    if said is None:
        return output_message("assistant", [text(get(choice, "text"))], reason)
    return output_message(get(said, "role") or "assistant", joined(parts_of(said)), reason)


def message_of(entry: object) -> Message:
    """A message of the history, whoever said it. What a tool returned is a part of its own."""
    role = get(entry, "role")
    if role in ("tool", "function"):
        content = get(entry, "content")
        said = texts(content, "text") if _only_text(content) else content_parts(content)
        called = get(entry, "tool_call_id") or get(entry, "name")
        return message("tool", [tool_response(called, said)])
    return message(role, parts_of(entry), get(entry, "name"))


def parts_of(said: object) -> list[Part]:
    """The parts of a message, of whichever side."""
    parts = [reasoning(thought) for name in REASONING if (thought := _text_of(said, name))]
    parts += content_parts(get(said, "content"))
    if refusal := _text_of(said, "refusal"):
        parts.append({"type": "refusal", "content": refusal})
    if (audio := get(said, "audio")) is not None:
        parts.append(_spoken(audio))
    parts += [_tool_call(called) for called in items(get(said, "tool_calls"))]
    if (function := get(said, "function_call")) is not None:
        parts.append(tool_call(None, get(function, "name"), get(function, "arguments")))
    return parts


def content_parts(content: object) -> list[Part]:
    """The content of a message: text, or a list of parts."""
    if isinstance(content, str):
        return [text(content)] if content else []
    return [part for entry in items(content) for part in _content_part(entry)]


def _content_part(entry: object) -> Iterable[Part]:
    if isinstance(entry, str):
        return [text(entry)]
    kind = get(entry, "type")
    read = _PART_BY_TYPE.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return [read(entry)]
    return [cast("Part", {"type": str(kind), "content": entry})]


def _thinking(entry: object) -> Part:
    thought = get(entry, "thinking")
    return reasoning(texts(thought, "text", "thinking") or "")


def _image(entry: object) -> Part:
    """`image_url` is a URL, or has one."""
    image = get(entry, "image_url")
    return referred(image if isinstance(image, str) else get(image, "url"), modality="image")


def _video(entry: object) -> Part:
    video = get(entry, "video_url")
    return referred(video if isinstance(video, str) else get(video, "url"), modality="video")


def _document(entry: object) -> Part:
    return referred(get(entry, "document_url"), modality="document")


def _audio(entry: object) -> Part:
    """`input_audio` is data and a format, or only the data, or a URL."""
    audio = get(entry, "input_audio")
    if isinstance(audio, str):
        return referred(audio, modality="audio") if "://" in audio[:10] else binary(None, audio, modality="audio")
    form = get(audio, "format")
    return binary(f"audio/{form}" if isinstance(form, str) else None, get(audio, "data"), modality="audio")


def _file(entry: object) -> Part:
    held = get(entry, "file") or entry
    if (file_id := get(held, "file_id")) is not None:
        return file(file_id)
    return referred(get(held, "file_data"), modality="document")


def _refusal(entry: object) -> Part:
    return {"type": "refusal", "content": get(entry, "refusal")}


_PART_BY_TYPE: Final[Mapping[str, Callable[[object], Part]]] = {
    "text": lambda entry: text(get(entry, "text")),
    "thinking": _thinking,
    "image_url": _image,
    "video_url": _video,
    "document_url": _document,
    "input_audio": _audio,
    "audio_url": lambda entry: referred(get(get(entry, "audio_url"), "url"), modality="audio"),
    "file": _file,
    "refusal": _refusal,
}


def _spoken(audio: object) -> Part:
    """Speech of a model (with a transcript), or an earlier one that is named only by its id."""
    if (data := get(audio, "data")) is None:
        return file(get(audio, "id"), modality="audio")
    spoken = binary(None, data, modality="audio")
    transcript = get(audio, "transcript")
    return {**spoken, "transcript": transcript} if transcript else spoken


def _tool_call(called: object) -> Part:
    custom = get(called, "custom")
    if custom is not None:
        return tool_call(get(called, "id"), get(custom, "name"), get(custom, "input"))
    function = get(called, "function")
    return tool_call(get(called, "id"), get(function, "name"), get(function, "arguments"))


def tools_of(tools: object) -> list[Part]:
    """The tools of a request: functions, and whatever else a provider offers, by type and name."""
    return [_tool(tool) for tool in items(tools)]


def _tool(tool: object) -> Part:
    function = get(tool, "function") or get(tool, "custom")
    if function is not None:
        return function_tool(get(function, "name"), get(function, "description"), get(function, "parameters"))
    if get(tool, "type") == "function":  # the Responses API has no level between
        return function_tool(get(tool, "name"), get(tool, "description"), get(tool, "parameters"))
    kind = str(get(tool, "type"))
    return {"type": kind, "name": get(tool, "name") or get(tool, "server_label") or kind}


def _only_text(content: object) -> bool:
    return isinstance(content, str) or all(get(part, "type") == "text" for part in items(content))


def _text_of(said: object, name: str) -> str | None:
    value = get(said, name)
    return value if isinstance(value, str) else None


CHAT: Final = Form(read_chat, read_answer, Chunks)
COMPLETION: Final = Form(read_completion_request, read_answer, Chunks)
