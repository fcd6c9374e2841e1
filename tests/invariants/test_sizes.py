"""Files and functions stay small enough to be read at one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FILE_LINES = 350
FUNCTION_LINES = 60


def test_no_file_is_longer_than_350_lines() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in _sources()}

    assert {str(path): lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_is_longer_than_60_lines_without_its_docstring() -> None:
    lengths = {name: lines for path in _sources() for name, lines in _functions(path)}

    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def _sources() -> list[Path]:
    return sorted((PROJECT / "src").rglob("*.py"))


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path}:{node.lineno} {node.name}", _length(node)


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    total = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return total
    return total - ((first.end_lineno or 0) - first.lineno + 1)
