"""Packages that pip has installed editable, each in the manner of its build system, executed again."""

import os
import subprocess
from pathlib import Path

import pytest

from journeys.again import WAYS, Again, environment, lines, said
from workplace import Workplace

TRAIN = """
import flor
from pkg.inner import model

if __name__ == "__main__":
    flor.log("value", model.VALUE)
    print(model.VALUE, __name__, __spec__.name)
"""
PROJECT = """
[build-system]
requires = {requires}
build-backend = "{backend}"

[project]
name = "pkg"
version = "0.1"
description = "A package."
"""
FLAT = '[tool.setuptools]\npackages = ["pkg", "pkg.inner"]\n'
FINDER = '[tool.pdm.build]\neditable-backend = "editables"\n'
SYSTEMS = {
    "setuptools, src layout": ("src", '["setuptools>=70"]', "setuptools.build_meta", ""),
    "setuptools, flat layout": (".", '["setuptools>=70"]', "setuptools.build_meta", FLAT),
    "hatchling": ("src", '["hatchling"]', "hatchling.build", ""),
    "flit": ("src", '["flit_core"]', "flit_core.buildapi", ""),
    "pdm, by its finder": ("src", '["pdm-backend", "editables"]', "pdm.backend", FINDER),
}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with pip and what FlorDB needs."""
    return environment(tmp_path_factory.mktemp("editable") / "env", with_pip=True)


TRAINING = """
import flor
from pkg.inner import model

if __name__ == "__main__":
    total = 1
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            total = model.step(total, epoch)
            flor.log("total", total)
"""
ASKS = '            flor.log("probe", [model.step(total, 10), __spec__.name])\n'


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_package_that_is_run_as_a_module_answers_as_it_was(
    system: str, python: Path, place: Workplace
) -> None:
    folder = _install(place, python, system)
    model = place.write(f"{folder}/pkg/inner/model.py", "def step(total, by):\n    return total + by\n")
    train = place.write(f"{folder}/pkg/train.py", TRAINING)
    _run(place, python, "-m", "pkg.train", FLOR_EPSILON="1000")
    model.write_text("def step(total, by):\n    return -by\n")
    train.write_text(TRAINING + ASKS)

    _run(place, python, "-m", "flor", "replay", "probe", "--yes")

    assert place.values("probe") == [[number, "pkg.train"] for number in (11, 12, 14)]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_package_that_is_run_as_a_module_is_that_of_the_run(
    system: str, python: Path, place: Workplace
) -> None:
    folder = _install(place, python, system)
    model = place.write(f"{folder}/pkg/inner/model.py", "VALUE = 'then'\n")
    place.write(f"{folder}/pkg/train.py", TRAIN)
    (place.root / "elsewhere").mkdir()
    printed = _run(place, python, "-m", "pkg.train", folder="elsewhere")
    model.write_text("VALUE = 'today'\n")

    again = [Again(place, way).run(place.only_run()) for way in WAYS]

    assert said(printed) == ["then __main__ pkg.train"]
    assert [lines(each) for each in again] == [said(printed)] * len(WAYS)


def _install(place: Workplace, python: Path, system: str) -> str:
    """Install a package of this build system; the folder that its code is in."""
    folder, requires, backend, further = SYSTEMS[system]
    place.write("pyproject.toml", PROJECT.format(requires=requires, backend=backend) + further)
    place.write(f"{folder}/pkg/__init__.py", '"""A package."""\n')
    place.write(f"{folder}/pkg/inner/__init__.py", "")
    place.write(".gitignore", "*.egg-info\nbuild\n__pycache__\n")
    _run(place, python, "-m", "pip", "install", "--quiet", "--editable", str(place.root))
    return folder


def _run(place: Workplace, python: Path, *arguments: str, folder: str = ".", **variables: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FLOR_", "PYTHON"))}
    environ |= {"FLOR_ECHO": "off", **place.environ, **variables}
    cwd = place.root / folder
    done = subprocess.run(
        [python, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
