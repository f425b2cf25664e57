"""An observer between a stream of raw items and a call: for streams that are seen before the SDK has parsed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanledger._guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanledger._call import Call
    from spanledger._reading import Ending

__all__ = ["Decoding"]


class Decoding:
    """Shows each item to `decode`, which gives the call what is in it (`Call.chunk`), nothing, or an end."""

    __slots__ = ("_call", "_decode")

    def __init__(self, call: Call, decode: Callable[[Call, object], None]) -> None:
        self._call = call
        self._decode = decode

    @property
    def advancing(self) -> bool:
        return self._call.advancing

    @advancing.setter
    def advancing(self, value: bool) -> None:
        self._call.advancing = value

    def chunk(self, item: object) -> None:  # nothing of these streams is hidden from the application
        guarded("decode an item of a stream", self._decode, self._call, item)

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        self._call.finish(how, error)
