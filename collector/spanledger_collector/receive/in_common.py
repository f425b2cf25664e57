"""What many spans have in common: a resource and a scope. It is sent once and stored with each of them, so it is kept
short: a resource of 150 kB over a thousand small spans was 150 MB, which no database took any more."""

from typing import Final

import msgspec

from spanledger_collector.model import AttributeValue, Scope

__all__ = ["resource_of", "scope_of"]

_LONGEST_RESOURCE: Final = 8192
"""Bytes as JSON, as it is stored. Usual ones have some hundred; some have a command line that is long."""
_LONGEST_SERVICE: Final = 1024
_LONGEST_SCOPE: Final = 256
"""Characters of its name, and of its version. They are names of packages."""
_SERVICE: Final = "service.name"
_encode: Final = msgspec.json.Encoder().encode


def resource_of(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    """The attributes of a resource; where they are far too long, without the longest ones, the same ones each time."""
    service = attributes.get(_SERVICE)
    if isinstance(service, str) and len(service) > _LONGEST_SERVICE:
        attributes = {**attributes, _SERVICE: service[:_LONGEST_SERVICE]}
    if len(_encode(attributes)) <= _LONGEST_RESOURCE:
        return attributes
    kept: set[str] = set()
    room = _LONGEST_RESOURCE
    for size, key in sorted((len(_encode({key: value})), key) for key, value in attributes.items()):
        room -= size
        if room < 0:
            break
        kept.add(key)
    return {key: value for key, value in attributes.items() if key in kept}


def scope_of(name: str, version: str) -> Scope:
    """An instrumentation scope."""
    return Scope(name[:_LONGEST_SCOPE], version[:_LONGEST_SCOPE])
