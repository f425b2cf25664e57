"""Patch points as data: one table per SDK, applied and removed by the same few functions.

Nothing is imported before the application imports it: a hook on the module of each point applies it then (at once when
the module is there already). Each point knows its status, so that `doctor` can say what is patched and what is not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import wrapt

from spanledger._guard import guarded

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["PatchPoint", "PointStatus", "Sdk", "apply", "remove", "status_of"]

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], Mapping[str, Any]], Any]
"""What wrapt calls instead of a function: `(wrapped, instance, args, kwargs)`."""

PointStatus = Literal["patched", "pending", "absent", "failed"]
"""`pending`: not applied yet, or the SDK is not imported. `absent`: this version of the SDK has no such function.
`failed`: see the reason."""


@dataclass(frozen=True, slots=True)
class PatchPoint:
    """One function of an SDK that is wrapped: `attribute` is a dotted path within `module`. `since` says which versions
    have it, where not all supported ones do; `optional` ones may be missing, because another point does their work in
    such versions."""

    module: str
    attribute: str
    wrapper: Wrapper
    since: str | None = None
    optional: bool = False

    @property
    def key(self) -> str:
        """The point as people write it: `module:attribute`."""
        return f"{self.module}:{self.attribute}"


@dataclass(frozen=True, slots=True)
class Sdk:
    """One SDK: its distribution, the versions supported, since when it makes spans by itself, and its patch points.

    `content_switch`: it writes prompts to its spans by itself unless this environment variable is `1`.
    """

    distribution: str
    supported: str
    points: tuple[PatchPoint, ...]
    native_since: str | None = None
    native_scope: str | None = None
    content_switch: str | None = None


@dataclass(slots=True)
class _State:
    """What became of a point. `switched_on` is asked at every call: a wrapper that others have wrapped stays, inert."""

    status: PointStatus = "pending"
    reason: str | None = None
    switched_on: bool = False
    undo: Callable[[], bool] | None = None


_states: dict[str, _State] = {}


def apply(points: Iterable[PatchPoint]) -> None:
    """Apply each point now or when its module is imported. Applying twice is applying once."""
    for point in points:
        state = _states.get(point.key)
        if state is None:
            state = _states[point.key] = _State(switched_on=True)
            guarded("register an import hook", wrapt.register_post_import_hook, _hook(point, state), point.module)
            continue
        state.switched_on = True
        module = sys.modules.get(point.module)
        if state.undo is None and module is not None:
            _patch(point, state, module)


def remove(points: Iterable[PatchPoint]) -> None:
    """Restore each function. What somebody else has wrapped since cannot be taken out and passes calls through."""
    for point in points:
        state = _states.get(point.key)
        if state is None:
            continue
        state.switched_on = False
        if state.undo is not None and guarded("restore a function", state.undo):
            state.undo = None
            state.status = "pending"


def status_of(point: PatchPoint) -> tuple[PointStatus, str | None]:
    """The status of a point and the reason for one that failed or is absent."""
    state = _states.get(point.key)
    return (state.status, state.reason) if state is not None else ("pending", None)


def _hook(point: PatchPoint, state: _State) -> Callable[[ModuleType], None]:
    def imported(module: ModuleType) -> None:
        if state.switched_on:
            guarded(f"patch {point.key}", _patch, point, state, module)

    return imported


def _patch(point: PatchPoint, state: _State, module: ModuleType) -> None:
    try:
        parent, name = _resolve(point, module)
    except AttributeError as error:
        state.status, state.reason = "absent", str(error)
        return
    try:
        _wrap(point, state, parent, name)
    except Exception as error:
        state.status, state.reason = "failed", f"{type(error).__name__}: {error}"
        raise
    state.status, state.reason = "patched", None


def _resolve(point: PatchPoint, module: ModuleType) -> tuple[object, str]:
    """The object that holds the function of a point, and its name there; `AttributeError` if there is none."""
    parent: object = module
    *path, name = point.attribute.split(".")
    for step in path:
        parent = getattr(parent, step)
    getattr(parent, name)
    return parent, name


def _wrap(point: PatchPoint, state: _State, parent: object, name: str) -> None:
    original = getattr(parent, name)
    inherited = name not in vars(parent)
    wrapper = wrapt.FunctionWrapper(original, point.wrapper, lambda: state.switched_on)

    def undo() -> bool:
        if vars(parent).get(name) is not wrapper:
            return False
        if inherited:
            delattr(parent, name)
        else:
            setattr(parent, name, original)
        return True

    setattr(parent, name, wrapper)
    state.undo = undo
