"""HTTP's content codings (RFC 9110, section 8.4.1; zstd: RFC 8878), each undone within a limit.

A gzip body may have several members (RFC 1952, section 2.2), a zstd body several frames (RFC 8878, section 3); their
contents follow each other.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from spanledger_collector.errors import BadRequest, TooLarge, UnsupportedMedia

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["decompress"]

_ZSTD_WINDOW_BITS = 23
"""8 MiB, the largest window that the coding allows (RFC 9659): else a frame of a few bytes may ask for gigabytes."""


_PARTS: Final = 100
"""Members or frames of a body: an encoder makes few, and each costs its undoing."""


class _Stream(Protocol):
    """What `zlib` and `zstd` have in common. A bomb is given up after `max_length` bytes of output."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Coding:
    """How a coding is undone, and the error that says it is not that coding."""

    stream: Callable[[], _Stream]
    error: type[Exception]
    parts: int = _PARTS


_GZIP: Final = _Coding(lambda: zlib.decompressobj(31), zlib.error)
_CODINGS: Mapping[str, _Coding] = {
    "gzip": _GZIP,
    "x-gzip": _GZIP,  # the same, section 8.4.1.3
    "deflate": _Coding(lambda: zlib.decompressobj(15), zlib.error, parts=1),  # the zlib format, not the raw one
    "zstd": _Coding(
        lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_BITS}),
        zstd.ZstdError,
    ),
}


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its content coding; a bomb is given up as soon as it is over `limit` bytes.

    Raises BadRequest, TooLarge and UnsupportedMedia.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity") or not body:
        return body
    coding = _CODINGS.get(encoding)
    if coding is None:
        known = ", ".join(_CODINGS)
        raise UnsupportedMedia(f"The content encoding {encoding!r} is not supported; use {known} or none.")
    try:
        return _undone(coding, body, encoding, limit)
    except coding.error as error:
        raise BadRequest(f"The body is not {encoding}: {error}.") from error


def _undone(coding: _Coding, body: bytes, encoding: str, limit: int) -> bytes:
    parts: list[bytes] = []
    rest, room = body, limit
    for _ in range(coding.parts):
        stream = coding.stream()
        parts.append(stream.decompress(rest, room + 1))
        room -= len(parts[-1])
        if room < 0:
            raise TooLarge(limit)
        if not stream.eof:
            raise BadRequest(f"The {encoding} body is cut off.")
        rest = stream.unused_data
        if not rest:
            return b"".join(parts) if len(parts) > 1 else parts[0]
    raise BadRequest(f"The {encoding} body is followed by something else.")
