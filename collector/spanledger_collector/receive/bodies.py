"""Request bodies: decompressed within a limit, and held within a budget."""

import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from spanledger_collector.errors import BadRequest, Overloaded, TooLarge, UnsupportedMedia

__all__ = ["Budget", "Hold", "decompress"]

_WINDOW_BITS: Mapping[str, int] = {"gzip": 31, "deflate": 15}
"""How zlib is told the formats of HTTP's content codings (RFC 9110, section 8.4.1); `deflate` is the zlib format."""


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its content coding; a bomb is given up as soon as it is over `limit` bytes.

    Raises BadRequest, TooLarge and UnsupportedMedia.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity") or not body:
        return body
    window_bits = _WINDOW_BITS.get(encoding)
    if window_bits is None:
        raise UnsupportedMedia(f"The content encoding {encoding!r} is not supported; use gzip, deflate or none.")
    stream = zlib.decompressobj(window_bits)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise BadRequest(f"The body is not {encoding}: {error}.") from error
    if len(content) > limit:
        raise TooLarge(limit)
    if not stream.eof or stream.unused_data:
        raise BadRequest(f"The {encoding} body is {'followed by something else' if stream.eof else 'cut off'}.")
    return content


class Hold:
    """What one request holds of a budget."""

    def __init__(self, budget: "Budget") -> None:
        self._budget = budget
        self.size = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more. Raises Overloaded."""
        self._budget.take(size)
        self.size += size


class Budget:
    """Bytes of request bodies held at once, by requests being read, decoded or waiting for the journal.

    This is what bounds the memory of the server: a request holds its share until it is answered. For one event loop.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Raises Overloaded when that is more than the rest; takes nothing then."""
        if self.held + size > self.limit:
            raise Overloaded("The server has as much to store as it has memory for; send the same request again.")
        self.held += size

    @contextmanager
    def hold(self) -> Generator[Hold, None, None]:
        """A request's share, given back at the end."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            self.held -= hold.size
