"""Random programs do what was written; to a module without loops of FlorDB's hardly anything is added."""

import ast
import contextlib
import dataclasses
import enum
import functools
import inspect
import random
import re
import tokenize
import traceback
import typing
import unittest.mock
from types import ModuleType
from typing import Any

import pytest

from flor.checkpoints.frames import CELLS
from flor.replay import rewrite, runtime

NAMES = ("a", "b", "c", "__d")
LIBRARY_MODULES = (contextlib, dataclasses, enum, functools, inspect, typing, unittest.mock)
SIMPLE = (
    "{a} = {value}", "{a} = {value}", "{a} = {value}", "say({value})", "say({value})", "say({value})",
    "{a} = lambda: ({b}, {a})", "del {a}", "{a}, *{b} = {value}, 1", "if {value}: raise ValueError({value})",
    "if {a}: return {value}", "if {a}: LEAVE break", "if {b}: LEAVE continue",
)  # fmt: skip
VALUES = (
    "0", "1", "2", "{a}", "{b}", "({a}, {b})", "[x for x in range(2) if x != {a}]", "({a} := 5)",
    "(lambda {a}=1: ({a}, {b}))()", "[({a}, y) for y in range(2)]", "(lambda: {b})()",
)  # fmt: skip
NESTED = (
    "def f({a}, {b}_2=0):\n{body}\ntry:\n    say(f({value}))\nfinally:\n    say(1)",
    "def g():\n    nonlocal {a}\n    {a} = {value}\n{body}\n{a} = 0\ng()",
    "class C:\n    {a} = {value}\n    def m(self, {b}=2):\n{deeper}\nsay(C().m())",
    "for {a} in range(2):\n{body}\nelse:\n{rest}",
    "for {a} in LOOP('{a}', range(2)):\n{body}\nelse:\n{rest}",
    "for i, {a} in enumerate(LOOP('{a}', range(3))):\n{body}",
    "for {a} in LOOP('{a}', [{value}]):\n{body}\n{rest}",
    "while say({value}) and len(SAID) < 30:\n{body}",
    "if {value}:\n{body}\nelse:\n{rest}",
    "try:\n{body}\nexcept ValueError as {b}:\n{rest}\nelse:\n{rest}\nfinally:\n    say(2)",
    "try:\n{body}\nexcept (NameError, TypeError):\n{rest}",
    "with flor.checkpointing():\n{body}",
    "match {value}:\n    case 0 | 1:\n{deeper}\n    case {a}:\n{deeper}",
)


def _block(draw: random.Random, depth: int) -> str:
    return "\n".join(_statement(draw, depth) for _ in range(draw.randint(1, 3)))


def _statement(draw: random.Random, depth: int) -> str:
    a, b = draw.sample(NAMES, 2)
    value = draw.choice(VALUES).format(a=draw.choice(NAMES), b=draw.choice(NAMES))
    if depth == 0 or draw.random() < 0.4:
        return draw.choice(SIMPLE).format(a=a, b=b, value=value)
    form = draw.choice(NESTED)
    body, rest = (_block(draw, depth - 1) for _ in range(2))
    if form.startswith(("for", "while")):
        body = body.replace("LEAVE ", "")
    elif form.startswith(("def", "class")):
        body = body.replace("LEAVE ", "pass # ")
    deeper = _indented(_indented(body))
    return form.format(a=a, b=b, value=value, body=_indented(body), rest=_indented(rest), deeper=deeper)


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


class Block:
    """Stands for `flor.checkpointing`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


@pytest.mark.parametrize("loop", ["flor.loop", "plain"])
@pytest.mark.parametrize("seed", range(3))
def test_programs_say_and_raise_the_same(seed: int, loop: str) -> None:
    draw = random.Random(seed)
    for _ in range(25):
        body = _indented("\n".join(_block(draw, 3) for _ in range(3)).replace("LEAVE ", "pass # "))
        source = f"import flor\ndef main({', '.join(f'{n}=0' for n in NAMES)}):\n{body}\nsay(main())\n"
        _check(source.replace("LOOP", loop))


def _check(source: str) -> None:
    try:
        written = compile(source, "train.py", "exec", dont_inherit=True)
    except SyntaxError:
        with pytest.raises(SyntaxError):
            compile(rewrite.rewrite(source, "train.py"), "train.py", "exec")
        return
    rewritten = compile(rewrite.rewrite(source, "train.py"), "train.py", "exec", dont_inherit=True)
    assert _outcome(rewritten) == _outcome(written), source


def _outcome(code: Any) -> tuple[list[str], object]:
    """What a program said, and how and at which lines it failed."""
    said: list[str] = []
    flor = ModuleType("flor")
    flor.loop = plain = lambda name, items: iter(items)  # type: ignore[attr-defined]
    flor.checkpointing = Block  # type: ignore[attr-defined]
    names = {"SAID": said, "say": lambda value: said.append(_shown(value)) or True, "plain": plain}
    modules = {"flor": flor, "flor.replay": _package()}
    names["__builtins__"] = {
        **vars(__import__("builtins")),
        "__import__": lambda name, *rest: modules.get(name) or __import__(name, *rest),
    }
    try:
        exec(code, names)
    except Exception as error:  # noqa: BLE001  (whatever the program raises)
        frames = traceback.extract_tb(error.__traceback__)[1:]
        return said, (
            type(error),
            _shown(error),
            [frame.lineno for frame in frames if frame.filename == "train.py"],
        )
    return said, sorted(name for name in names if not name.startswith("_flor_"))


def _shown(value: object) -> str:
    return re.sub(r" at 0x\w+", "", repr(value))


def _package() -> ModuleType:
    package = ModuleType("flor.replay")
    package.runtime = _Nobody()  # type: ignore[attr-defined]
    return package


class _Nobody:
    """The runtime without a player."""

    BlockIsOver = runtime.BlockIsOver
    through = beside = staticmethod(lambda thing: thing)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: False


@pytest.mark.parametrize("module", LIBRARY_MODULES, ids=lambda module: module.__name__)
def test_nothing_but_what_is_needed_is_added_to_a_module(module: ModuleType) -> None:
    path = str(module.__file__)
    with tokenize.open(path) as opened:
        source = opened.read()

    rewritten = rewrite.rewrite(source, path)

    compile(rewritten, path, "exec", dont_inherit=True)
    assert _dumped(_without_ours(rewritten)) == _dumped(ast.parse(source))


def _without_ours(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body[:] = [statement for statement in node.body if not _is_ours(statement)]
    return tree


def _is_ours(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id == CELLS
    return isinstance(statement, ast.ImportFrom) and statement.module == "flor.replay"


def _dumped(tree: ast.AST) -> str:
    return ast.dump(tree, include_attributes=True)
