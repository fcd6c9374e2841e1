"""`flordb` is another name for `flor`, submodules included."""

import importlib
import subprocess
import sys

import flor


def test_importing_flordb_gives_flor_itself() -> None:
    assert importlib.import_module("flordb") is flor


def test_a_submodule_is_the_same_module_under_either_name() -> None:
    program = "import flordb.runs.layout as a; import flor.runs.layout as b; print(a is b, a.__spec__.name)"

    assert _python("-c", program) == "True flor.runs.layout\n"


def test_a_submodule_that_flor_imported_first_is_not_imported_again() -> None:
    program = (
        "import flor.runs.layout as a; import flordb; from flordb.runs import layout as b; print(a is b)"
    )

    assert _python("-c", program) == "True\n"


def test_a_module_that_flor_lacks_is_missing_under_either_name() -> None:
    program = (
        "import flordb\ntry:\n    import flordb.nowhere\nexcept ModuleNotFoundError as e:\n    print(e.name)"
    )

    assert _python("-c", program) == "flor.nowhere\n"


def test_python_m_flordb_is_python_m_flor() -> None:
    assert _python("-m", "flordb", "--version") == _python("-m", "flor", "--version")


def _python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    return done.stdout
