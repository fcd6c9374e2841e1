"""Which of the loaded modules are the project's."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flor.checkpoints.scope import Scope

NAMES = ("scoped_first", "scoped_second")


@pytest.fixture
def scope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scope]:
    monkeypatch.syspath_prepend(str(tmp_path))
    for number, name in enumerate(NAMES):
        (tmp_path / f"{name}.py").write_text(f"NUMBER = {number}\n")
    importlib.invalidate_caches()
    yield Scope(tmp_path)
    for name in NAMES:
        sys.modules.pop(name, None)


def projects(scope: Scope) -> dict[str, object]:
    return {name: names.get("NUMBER") for name, names in scope.modules().items() if name in NAMES}


def test_a_module_that_is_imported_late_is_seen(scope: Scope) -> None:
    assert projects(scope) == {}
    importlib.import_module(NAMES[0])
    assert projects(scope) == {NAMES[0]: 0}
    importlib.import_module("colorsys")
    importlib.import_module(NAMES[1])
    assert projects(scope) == {NAMES[0]: 0, NAMES[1]: 1}


def test_a_module_that_was_taken_out_is_not(scope: Scope) -> None:
    importlib.import_module(NAMES[0])
    projects(scope)
    del sys.modules[NAMES[0]]
    assert projects(scope) == {}


def test_a_module_that_was_imported_anew_is_the_new_one(scope: Scope) -> None:
    for name in NAMES:
        importlib.import_module(name)
    projects(scope)
    for name in NAMES:
        del sys.modules[name]
        vars(importlib.import_module(name))["NUMBER"] = "new"

    assert projects(scope) == dict.fromkeys(NAMES, "new")


def test_a_module_that_was_replaced_where_it_stands_is_the_new_one(scope: Scope) -> None:
    old = importlib.import_module(NAMES[0])
    projects(scope)
    new = type(sys)(NAMES[0])
    vars(new).update(__file__=old.__file__, NUMBER="new")
    sys.modules[NAMES[0]] = new

    assert projects(scope) == {NAMES[0]: "new"}


def test_what_is_installed_below_the_root_is_a_library(tmp_path: Path) -> None:
    scope = Scope(tmp_path)
    assert scope.has_file(str(tmp_path / "train.py"))
    assert not scope.has_file(str(tmp_path / ".venv" / "lib" / "site-packages" / "numpy" / "__init__.py"))
    assert not scope.has_file(str(tmp_path.parent / "train.py"))
