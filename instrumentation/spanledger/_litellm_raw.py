"""What a provider answered to LiteLLM, as it came: for what LiteLLM leaves out of what it makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from spanledger._guard import guarded
from spanledger._layers import current_layer
from spanledger._wrapping import Args, Kwargs, argument

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanledger._call import Call
    from spanledger._reading import Reader, Reading

__all__ = ["belongs", "note_answer", "note_chunk"]

_calls: WeakKeyDictionary[object, Call] = WeakKeyDictionary()
"""The call that an iterator over a provider's answer belongs to."""


def belongs(stream: object, call: Call) -> object:
    """`stream`, of which it is known from now on that it belongs to `call`."""
    if hasattr(stream, "chunk_parser"):
        _calls[stream] = call
    return stream


def note_answer(words: tuple[str, ...], read: Reader) -> Callable[..., object]:
    """Wrapper of `Logging.post_call(original_response, ...)`, which gets a provider's answer as text. It is parsed, for
    `read`, where it has one of the `words`."""

    def note(wrapped: Callable[..., object], _instance: object, args: Args, kwargs: Kwargs) -> object:
        layer, text = current_layer(), argument(args, kwargs, 0, "original_response")
        if layer is not None and isinstance(text, str) and any(word in text for word in words):
            guarded("read a provider's answer", _read_document, text, layer.reading, read)
        return wrapped(*args, **kwargs)

    return note


def _read_document(text: str, reading: Reading, read: Reader) -> None:
    if text.lstrip().startswith("{"):  # and not the representation of something else
        read(json.loads(text), reading)


def note_chunk(read: Reader) -> Callable[..., object]:
    """Wrapper of `chunk_parser(chunk)` of an iterator over a provider's answer: `read` gets the chunk as it came."""

    def note(wrapped: Callable[..., object], iterator: object, args: Args, kwargs: Kwargs) -> object:
        guarded("read a provider's chunk", _read_chunk, iterator, argument(args, kwargs, 0, "chunk"), read)
        return wrapped(*args, **kwargs)

    return note


def _read_chunk(iterator: object, chunk: object, read: Reader) -> None:
    if (call := _calls.get(iterator)) is not None:
        read(chunk, call.reading)
