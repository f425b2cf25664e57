"""Messages as JSON that fits: data is described instead of shown, texts are cut, and the newest messages come first.

An attribute that is too long is cut by the OpenTelemetry SDK wherever it happens to be, which leaves no JSON; so it is
made to fit here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanledger._settings import Capture

__all__ = ["rendered"]

_LABELS: Final = frozenset({"type", "role", "name", "id", "modality", "mime_type", "finish_reason"})
"""Texts that are never cut."""

_SHORTEST: Final = 16
"""Characters to which texts are cut at most, before whole messages are left out."""

_ELLIPSIS: Final = "…"
_MIME_TYPES: Final = ("mime_type", "mimeType", "media_type")


@dataclass(frozen=True, slots=True)
class _Limits:
    inline_bytes: int
    text: int | None


def rendered(entries: Sequence[object], capture: Capture) -> str:
    """`entries` (messages, parts or tools) as a JSON array of at most `capture.longest` characters.

    Where it would be longer, texts are cut, first the longest; then the first entries are left out.
    """
    document = _json(entries, _Limits(capture.inline_bytes, None))
    longest = capture.longest
    if longest is None or len(document) <= longest:
        return document
    limit = longest // 2
    while limit >= _SHORTEST:
        document = _json(entries, _Limits(capture.inline_bytes, limit))
        if len(document) <= longest:
            return document
        limit //= 2
    return _newest(entries, _Limits(0, _SHORTEST), longest)


def _newest(entries: Sequence[object], limits: _Limits, longest: int) -> str:
    kept: list[str] = []
    length = 2
    for entry in reversed(entries):
        document = _json(entry, limits)
        length += len(document) + 1
        if length > longest:
            break
        kept.insert(0, document)
    return f"[{','.join(kept)}]"


def _json(value: object, limits: _Limits) -> str:
    document = json.dumps(_shown(value, limits), ensure_ascii=False, separators=(",", ":"))
    # Half of a surrogate pair cannot be sent: an exporter would fail on it with everything else that it has.
    return document.encode("utf-8", "replace").decode()


def _shown(value: object, limits: _Limits) -> object:
    """A copy of `value` with nothing in it but what JSON knows; objects of an SDK are their fields."""
    if isinstance(value, str):
        return _shown_text(value, limits)
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value)
        for name in _data_in(entries):
            entries = _described(entries, name, limits)
        return _shown_entries(entries, limits)
    if isinstance(value, list | tuple):
        return [_shown(entry, limits) for entry in cast("list[object]", value)]
    fields = _fields_of(value)
    return _shown_entries(fields, limits) if fields is not None else _scalar(value)


def _scalar(value: object) -> object:
    """A number, a boolean or nothing as it is; of anything else what it is, without touching it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray):
        return {"byte_size": len(value)}
    return type(value).__name__


def _shown_entries(entries: Mapping[object, object], limits: _Limits) -> dict[str, object]:
    whole = _Limits(limits.inline_bytes, None)
    return {
        str(name): _shown(value, whole if name in _LABELS and isinstance(value, str) else limits)
        for name, value in entries.items()
    }


def _fields_of(value: object) -> Mapping[object, object] | None:
    """The fields of a model (of pydantic, or one like it) that are set; `None` for any other object."""
    if not hasattr(type(value), "model_fields") and not hasattr(type(value), "__dataclass_fields__"):
        return None
    extra = cast("dict[object, object]", getattr(value, "__pydantic_extra__", None) or {})
    fields = cast("dict[object, object]", getattr(value, "__dict__", {}))
    return {name: entry for name, entry in {**fields, **extra}.items() if entry is not None}


def _shown_text(value: str, limits: _Limits) -> str:
    """A text, cut if it is too long; of a URL that is data itself, what kind of data it is."""
    head, comma, data = value.partition(",") if value.startswith("data:") else ("", "", "")
    if comma and _size(data) > limits.inline_bytes:
        return f"{head},{_ELLIPSIS}"
    return value if limits.text is None or len(value) <= limits.text else value[: limits.text - 1] + _ELLIPSIS


def _data_in(entries: Mapping[object, object]) -> tuple[str, ...]:
    """Where a part has data: our own kind, and those of providers that we do not know but for their type of data."""
    if entries.get("type") == "blob":
        return ("content",)
    return ("data",) if "data" in entries and any(name in entries for name in _MIME_TYPES) else ()


def _described(part: Mapping[object, object], name: str, limits: _Limits) -> Mapping[object, object]:
    """Data as it is shown: with its content if that is small enough, else with its size in bytes."""
    data = part.get(name)
    rest = {key: value for key, value in part.items() if key != name}
    if not isinstance(data, str | bytes | bytearray):
        return rest
    if (size := _size(data)) > limits.inline_bytes:
        return {**rest, "byte_size": size}
    return part if isinstance(data, str) else {**rest, name: base64.b64encode(data).decode()}


def _size(data: str | bytes | bytearray) -> int:
    """Bytes of data; text is in base64."""
    return len(data) * 3 // 4 - data.count("=", -2) if isinstance(data, str) else len(data)
