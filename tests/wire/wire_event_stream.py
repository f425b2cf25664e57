"""Events as AWS streams them.

The encoding is that of the Smithy specification (application/vnd.amazon.eventstream): a prelude of two lengths and
their checksum, headers, payload, and a checksum of it all.
"""

import json
import struct
from zlib import crc32


def encoded(kind: str, payload: object) -> bytes:
    """An event, or an exception if its type says so."""
    exception = kind.endswith("Exception")
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (":exception-type" if exception else ":event-type", kind),
            (":content-type", "application/json"),
            (":message-type", "exception" if exception else "event"),
        )
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack("!I", crc32(prelude)) + headers + body
    return message + struct.pack("!I", crc32(message))


def _header(name: str, value: str) -> bytes:
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
