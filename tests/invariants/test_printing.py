"""The library raises; only the command line and the echo print, and nobody else asks."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "flor"
MAY_PRINT = {
    "cli/console.py",
    "record/echo.py",
    "replay/mounting.py",  # a program of its own, whose parent reads what it says
}
CALLS = {"print", "input", "exit", "quit", "breakpoint"}
STREAMS = {"sys.stdout.write", "sys.stderr.write"}


def test_only_the_command_line_and_the_echo_print() -> None:
    printing = {path for path in SOURCE.rglob("*.py") if _prints(ast.parse(path.read_text("utf-8")))}

    assert {path.relative_to(SOURCE).as_posix() for path in printing} - MAY_PRINT == set()


def _prints(tree: ast.AST) -> bool:
    called = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return not (CALLS | STREAMS).isdisjoint(called)
