"""Trouble on demand: the request header `x-provider-fault` says what goes wrong.

`500` (or any status) fails every time, `429x2` fails twice and then serves the same request, `cut3` breaks the
connection after three events of a stream.
"""

import re
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

from provider_server.errors import ProviderError

__all__ = ["FAULT_HEADER", "Faults"]

FAULT_HEADER = "x-provider-fault"

_FAULT = re.compile(r"(?P<status>[45]\d\d)(x(?P<times>\d+))?|cut(?P<events>\d+)")
_MESSAGES = {429: "Rate limit reached, please try again later.", 529: "Overloaded"}


@dataclass(frozen=True, slots=True)
class _Fault:
    status: int | None
    times: int | None
    events: int | None


class Faults:
    """Remembers how often each request has failed already."""

    def __init__(self) -> None:
        self._failures: Counter[bytes] = Counter()
        self._lock = Lock()

    def check(self, header: str | None, body: bytes) -> int | None:
        """Raise the `ProviderError` that the header asks for, or return after how many events to cut the stream."""
        fault = _parse(header)
        if fault.status is not None and self._due(fault, body):
            raise ProviderError(fault.status, _MESSAGES.get(fault.status, "The server had an error."))
        return fault.events

    def _due(self, fault: _Fault, body: bytes) -> bool:
        if fault.times is None:
            return True
        request = sha256(body).digest()
        with self._lock:
            if self._failures[request] < fault.times:
                self._failures[request] += 1
                return True
            del self._failures[request]
            return False


def _parse(header: str | None) -> _Fault:
    if header is None:
        return _Fault(None, None, None)
    match = _FAULT.fullmatch(header)
    if match is None:
        raise ProviderError(
            400, f"{FAULT_HEADER}: {header!r} is not a status, a status with a count, or cut and a count."
        )
    status, times, events = (None if text is None else int(text) for text in match.group("status", "times", "events"))
    return _Fault(status, times, events)
