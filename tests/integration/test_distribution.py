"""The wheel, installed where nothing else is: it works without torch, under either name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    pip_wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, PROJECT]
    subprocess.run(pip_wheel, check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    interpreter = folder / "venv" / "bin" / "python"
    install = [interpreter, "-m", "pip", "install", "--quiet", "--constraint", PROJECT / "constraints.txt"]
    subprocess.run([*install, *folder.glob("flordb-*.whl")], check=True)
    return interpreter


def test_a_first_run_works_and_is_read_back(python: Path, tmp_path: Path) -> None:
    _git(tmp_path, "init", "--quiet")
    (tmp_path / "hello.py").write_text('import flor\n\nflor.log("msg", "Hello world!")\n')

    printed = _run([python, "hello.py"], tmp_path)
    read = _run([python, "-c", 'import flor; print(flor.dataframe("msg")["msg"].tolist())'], tmp_path)

    assert "msg: Hello world!" in printed
    assert read.strip() == "['Hello world!']"


def test_torch_is_not_needed(python: Path, tmp_path: Path) -> None:
    assert (
        _run([python, "-c", "from importlib.util import find_spec; print(find_spec('torch'))"], tmp_path)
        == "None\n"
    )


def test_both_names_are_one_module(python: Path, tmp_path: Path) -> None:
    program = (
        "import flor, flordb, flor.utils, flordb.utils; print(flordb is flor, flordb.utils is flor.utils)"
    )

    assert _run([python, "-c", program], tmp_path) == "True True\n"


def test_the_command_and_both_modules_are_one_program(python: Path, tmp_path: Path) -> None:
    spellings = ([python.with_name("flor")], [python, "-m", "flor"], [python, "-m", "flordb"])

    versions = {_run([*spelling, "--version"], tmp_path) for spelling in spellings}

    assert len(versions) == 1


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


def _run(command: list[str | Path], folder: Path) -> str:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "FLOR_", "PYTHON"))
    }
    done = subprocess.run(
        command, check=False, cwd=folder, env=environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
