"""Executors by their names."""

import sys
from pathlib import Path

import pytest

from flor.errors import ExecutorUnavailable
from flor.executors import choice
from flor.executors.local import LocalExecutor


def test_processes_of_this_machine_need_nothing_else(tmp_path: Path) -> None:
    assert choice.named("local", 3, tmp_path) == LocalExecutor(3)


@pytest.mark.parametrize(("name", "library"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_library_is_named_with_what_installs_it(
    name: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"flor.executors.{name}", raising=False)

    with pytest.raises(ExecutorUnavailable) as refused:
        choice.named(name, 1, tmp_path)

    assert refused.value.message == f"The executor '{name}' needs {library}, which is not installed."
    assert refused.value.hint == f"Install it with: pip install 'flordb[{name}]'"


def test_an_unknown_name_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ExecutorUnavailable, match="Choose one of local, slurm, ray"):
        choice.named("kubernetes", 1, tmp_path)
