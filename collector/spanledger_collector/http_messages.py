"""HTTP/1.1 as it is taken on our ports: by uvicorn over llhttp, which costs half of what its parser in Python does.

Both leave open what a server on the open network has to decide. Source: RFC 9112, the sections named below.
"""

from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HttpMessages"]

_LONGEST_HEAD: Final = 16 * 1024
"""Bytes of a request's line and fields, trailers included: keys and cookies take a few thousand at most."""
_AHEAD: Final = 16
"""Requests that wait for the answer to an earlier one on the same connection; OTLP exporters send none."""
_FIELD_MARKS: Final = len(": \r\n")


class _ImproperError(Exception):
    """Why a message is refused that llhttp lets pass."""


class HttpMessages(HttpToolsProtocol):
    """One connection. What is no proper HTTP is answered 400, when what came before it is answered."""

    parser: HttpRequestParser  # pyright: ignore[reportIncompatibleVariableOverride] - None only once the connection is lost
    _head_size = 0
    _in_head = False
    _undelivered = 0
    """Bytes since the parser last handed something over: a field it keeps to itself until that is whole."""

    @property
    def is_serving(self) -> bool:
        """Whether the head of a request has come which is not answered yet."""
        cycle = cast("object | None", self.cycle)  # typed as if there were always one
        return cycle is not None and not self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Hand on what is complete of requests."""
        self._unset_keepalive_if_required()
        self._undelivered += len(data)
        try:
            while data:
                data = self._parsed(data)
        except HttpParserError as error:
            self._refuse(error.__context__ or error)  # what one of the methods below raised is the context of another
        else:
            if self._undelivered > _LONGEST_HEAD:
                self._refuse(f"a field of over {_LONGEST_HEAD} bytes")

    def _parsed(self, data: bytes) -> bytes:
        """Parse; the rest is what must be parsed again.

        We change to no other protocol, as a server need not (RFC 9110, section 7.8), and llhttp then takes the body for
        something else. So it is told the head again without that wish. Java's own client wishes for HTTP/2 in the first
        request of each connection.
        """
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            version = self.parser.get_http_version().encode()
            line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)
            fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
            rest: int = upgrade.args[0]  # where it begins, says httptools
            return b"".join([line, *fields, b"\r\n", data[rest:]])
        return b""

    def _should_upgrade(self) -> bool:
        return True  # so that nothing is made of a request before `_parsed` has taken the wish out of it

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._head_size = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field, of the head or a trailer; the latter are counted and forgotten."""
        self._undelivered = 0
        self._head_size += len(name) + len(value) + _FIELD_MARKS
        if self._head_size > _LONGEST_HEAD:
            raise _ImproperError(f"fields of over {_LONGEST_HEAD} bytes")
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: refuse it, or have the request served."""
        self._in_head, self._undelivered = False, 0
        if self._head_size + len(self.url) > _LONGEST_HEAD:
            raise _ImproperError(f"a head of over {_LONGEST_HEAD} bytes")
        if self.parser.get_method() == b"CONNECT":
            raise _ImproperError("CONNECT, though this is no proxy")
        if len(self.pipeline) == _AHEAD:
            raise _ImproperError(f"more than {_AHEAD} requests before the answer to one")
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 and self.parser.get_http_version() == "1.1":
            raise _ImproperError(f"the hosts {hosts}")  # section 3.2
        for name, coding in self.headers:
            if name == b"transfer-encoding" and coding.lower() != b"chunked":
                raise _ImproperError(f"the transfer coding {coding}")  # section 6.1
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body. The first one, which as a rule is all there is, is handed on as the object that it is: to
        copy 200 KB into a buffer and out of it again takes a sixth of what their request costs."""
        self._undelivered = 0
        if not self.parser.should_upgrade():  # else there may be no request to which it belongs
            cycle = self.cycle
            if not cycle.body:
                cycle.body, body = cast("bytearray", body), b""  # it is added to, measured and made bytes of, no more
            elif isinstance(cast("object", cycle.body), bytes):
                cycle.body = bytearray(cycle.body)  # bytes would be copied for each part that is added
        super().on_body(body)

    def _refuse(self, reason: object) -> None:
        """Answer 400 and close; where a whole request is not answered yet, close after its answer, which a client would
        else take 400 for."""
        if self.is_serving and not self.cycle.more_body:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            self.logger.warning("A request is refused that is no proper HTTP: %s", reason)
            self.send_400_response("This is no proper HTTP/1.1.")
