"""HTTP's content codings (RFC 9110, section 8.4.1; zstd: RFC 8878), each undone within a limit."""

import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from spanledger_collector.errors import BadRequest, TooLarge, UnsupportedMedia

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["decompress"]

_ZSTD_WINDOW_BITS = 23
"""8 MiB, the largest window that the coding allows (RFC 9659): else a frame of a few bytes may ask for gigabytes."""


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


_CODINGS: Mapping[str, _Coding] = {
    "gzip": _Coding(lambda: zlib.decompressobj(31), zlib.error),
    "deflate": _Coding(lambda: zlib.decompressobj(15), zlib.error),  # the zlib format, not the raw one
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
    stream = coding.stream()
    try:
        content = stream.decompress(body, limit + 1)
    except coding.error as error:
        raise BadRequest(f"The body is not {encoding}: {error}.") from error
    if len(content) > limit:
        raise TooLarge(limit)
    if not stream.eof or stream.unused_data:
        raise BadRequest(f"The {encoding} body is {'followed by something else' if stream.eof else 'cut off'}.")
    return content
