import subprocess
import sys
import warnings
from types import ModuleType

import pytest

from flor.cli.main import COMMANDS, main
from flor.errors import FlorError


@pytest.fixture
def command(monkeypatch):
    """Gives the command line one more command, `try`, that does what it is told."""

    def add(execute):
        module = ModuleType("flor.cli.try")
        module.configure = lambda parser: None
        module.execute = execute
        monkeypatch.setitem(sys.modules, "flor.cli.try", module)
        monkeypatch.setitem(COMMANDS, "try", "a command of this test")

    return add


def refuse(arguments, console):
    raise FlorError("There is no such thing.", "Make one.")


def divide_by_zero(arguments, console):
    return 1 // 0


def interrupt(arguments, console):
    raise KeyboardInterrupt


def test_an_error_the_user_can_mend_shows_message_and_remedy_without_traceback(command, capsys):
    command(refuse)

    assert main(["try"]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: There is no such thing.\nMake one.\n"


def test_a_bug_is_saved_in_the_store_and_its_path_printed(command, capsys, tmp_path, monkeypatch):
    (tmp_path / ".flor").mkdir()
    monkeypatch.chdir(tmp_path)
    command(divide_by_zero)

    assert main(["try"]) == 3

    [report] = (tmp_path / ".flor" / "reports").iterdir()
    assert str(report) in capsys.readouterr().err
    content = report.read_text("utf-8")
    assert "ZeroDivisionError" in content
    assert "divide_by_zero" in content
    assert "pyarrow: " in content
    assert "command: flor try" in content


def test_without_a_store_a_bug_is_saved_in_the_temporary_folder_and_no_store_is_made(
    command, capsys, tmp_path, monkeypatch
):
    project, temporary = tmp_path / "project", tmp_path / "temporary"
    project.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    command(divide_by_zero)

    assert main(["try"]) == 3

    [report] = temporary.iterdir()
    assert str(report) in capsys.readouterr().err
    assert list(project.iterdir()) == []


def test_an_interrupt_has_its_own_exit_code(command, capsys):
    command(interrupt)

    assert main(["try"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("given", [[], ["nonsense"], ["runs", "--limit", "-1"], ["diff", "one"]])
def test_a_command_line_that_cannot_be_understood_is_usage(given, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(given)

    assert stopped.value.code == 2
    assert "usage: flor" in capsys.readouterr().err


def test_a_deleted_folder_is_an_error_the_user_can_mend(tmp_path):
    code = "import os, sys; os.rmdir(os.getcwd()); from flor.cli.main import main; sys.exit(main(['fsck']))"

    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "folder has been deleted" in done.stderr


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from flor.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'pandas', 'duckdb', 'pyarrow', 'numpy', 'torch'} & set(sys.modules), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "set()"
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.filterwarnings("default")
def test_a_warning_of_the_library_is_one_line(command, capsys):
    command(lambda arguments, console: warnings.warn("closest names: loss", stacklevel=1) or 0)

    assert main(["try"]) == 0
    assert capsys.readouterr().err == "closest names: loss\n"
