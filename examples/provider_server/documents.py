"""JSON with types: the few questions that the wire formats ask a request of unknown shape."""

from collections.abc import Iterable
from typing import Any, cast

__all__ = ["JsonObject", "as_list", "as_object", "child", "children", "first"]

JsonObject = dict[str, Any]


def as_object(value: object) -> JsonObject | None:
    """The value if it is a JSON object."""
    return cast("JsonObject", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """The value if it is a JSON array."""
    return cast("list[object]", value) if isinstance(value, list) else None


def child(parent: JsonObject, name: str) -> JsonObject:
    """The object under a name; an empty one if there is none."""
    return as_object(parent.get(name)) or {}


def children(parent: JsonObject, name: str) -> list[JsonObject]:
    """The objects in the array under a name; none if there is no array."""
    return [item for item in map(as_object, as_list(parent.get(name)) or []) if item is not None]


def first(objects: Iterable[JsonObject]) -> JsonObject:
    """The first object; an empty one if there is none."""
    empty: JsonObject = {}
    return next(iter(objects), empty)
