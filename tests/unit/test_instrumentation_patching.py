"""Patch points: applied and removed in every order, by and around others, on modules that come and go."""

import sys
from collections.abc import Generator
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import wrapt

from spanledger._guard import guarded, troubles
from spanledger._patching import PatchPoint, apply, remove, status_of

SOURCE = """
class Base:
    def inherited(self): return "inherited"
class Client(Base):
    def method(self): return "method"
def function(): return "function"
"""


def tag(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> str:  # noqa: ANN401
    return f"<{wrapped(*args, **kwargs)}>"


numbers = count()


@pytest.fixture
def name(tmp_path: Path) -> Generator[str]:
    """A module of its own for each test, importable, not imported yet."""
    name = f"sdk_of_a_test_{next(numbers)}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    sys.path.insert(0, str(tmp_path))
    yield name
    sys.path.remove(str(tmp_path))
    sys.modules.pop(name, None)


def load(name: str) -> Any:  # noqa: ANN401
    return import_module(name)


def identities(module: Any) -> dict[str, int]:  # noqa: ANN401
    """What is where, by identity: a wrapper is equal to what it wraps."""
    owned = dict(cast("dict[str, object]", vars(module.Client)))
    return {name: id(value) for name, value in owned.items()} | {"function": id(module.function)}


def test_a_point_waits_for_its_module(name: str) -> None:
    point = PatchPoint(name, "Client.method", tag)
    apply([point])
    assert status_of(point) == ("pending", None)
    assert name not in sys.modules
    module = load(name)
    assert status_of(point) == ("patched", None)
    assert module.Client().method() == "<method>"
    remove([point])


def test_a_module_that_is_there_already_is_patched_at_once(name: str) -> None:
    module = load(name)
    apply([point := PatchPoint(name, "function", tag)])
    assert module.function() == "<function>"
    remove([point])
    assert module.function() == "function"


@pytest.mark.parametrize("attribute", ["Client.method", "Client.inherited", "function"])
def test_removing_restores_exactly_what_was_there(name: str, attribute: str) -> None:
    module = load(name)
    before = identities(module)
    apply([point := PatchPoint(name, attribute, tag)])
    assert identities(module) != before
    remove([point])
    assert identities(module) == before
    assert status_of(point)[0] == "pending"


def test_applying_twice_wraps_once_and_again_works_after_removal(name: str) -> None:
    module = load(name)
    point = PatchPoint(name, "function", tag)
    for _ in range(2):
        apply([point])
        apply([point])
        assert module.function() == "<function>"
        remove([point])
        remove([point])
        assert module.function() == "function"


def test_removed_before_the_import_stays_removed(name: str) -> None:
    point = PatchPoint(name, "function", tag)
    apply([point])
    remove([point])
    assert load(name).function() == "function"
    apply([point])
    assert load(name).function() == "<function>"
    remove([point])


def test_what_others_wrapped_since_passes_calls_through(name: str) -> None:
    module = load(name)
    apply([point := PatchPoint(name, "function", tag)])

    def theirs(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> str:  # noqa: ANN401
        return f"theirs({wrapped(*args, **kwargs)})"

    wrapt.wrap_function_wrapper(module, "function", theirs)
    assert module.function() == "theirs(<function>)"
    remove([point])
    assert module.function() == "theirs(function)"
    apply([point])
    assert module.function() == "theirs(<function>)"
    remove([point])


def test_what_is_not_there_is_absent(name: str) -> None:
    load(name)
    for attribute in ("Client.missing", "Missing.method", "missing"):
        apply([point := PatchPoint(name, attribute, tag)])
        status, reason = status_of(point)
        assert status == "absent"
        assert "missing" in str(reason).lower()


def test_what_cannot_be_replaced_has_failed_with_its_reason(name: str) -> None:
    class Sealed(ModuleType):
        def __setattr__(self, name: str, value: object) -> None:
            raise TypeError("sealed")

    module: Any = Sealed(name)
    vars(module)["function"] = len
    sys.modules[name] = module
    apply([point := PatchPoint(name, "function", tag)])
    assert status_of(point) == ("failed", "TypeError: sealed")
    assert any(point.key in kind for kind in troubles())


def test_trouble_is_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("broken on purpose")

    before = troubles().get("break", 0)
    for _ in range(3):
        assert guarded("break", broken) is None
    assert troubles()["break"] == before + 3
    assert sum("broken on purpose" in (record.exc_text or "") for record in caplog.records) == 1
