"""Which names are bound on the way to a place: what decides whether a probe would fail there."""

import pytest

from flor.replay.propagation import scopes
from flor.replay.propagation.statements import Module, Statement

HERE = "HERE"


@pytest.mark.parametrize(
    ("code", "bound"),
    [
        ("x = 1\nHERE", True),
        ("HERE\nx = 1", False),
        ("x = 1\ndel x\nHERE", False),
        ("if a:\n    x = 1\nHERE", True),
        ("if a:\n    x = 1\nelse:\n    HERE", False),
        ("for x in a:\n    HERE", True),
        ("for x in a:\n    pass\nHERE", True),
        ("for y in a:\n    HERE\n    x = 1", True),
        ("for y in a:\n    x = 1\n    break\nHERE", True),
        ("for y in a:\n    continue\n    x = 1\nHERE", False),
        ("while a:\n    x = 1\nelse:\n    HERE", True),
        ("with a as x:\n    HERE", True),
        ("try:\n    x = 1\nexcept E:\n    HERE", True),
        ("try:\n    pass\nexcept E as x:\n    HERE", True),
        ("try:\n    a\nfinally:\n    HERE\nx = 1", False),
        ("import x\nHERE", True),
        ("import x.y\nHERE", True),
        ("import y as x\nHERE", True),
        ("from y import x\nHERE", True),
        ("def x(): pass\nHERE", True),
        ("class x: pass\nHERE", True),
        ("class C:\n    x = 1\nHERE", False),
        ("y = [x for x in a]\nHERE", False),
        ("y = (x := 1)\nHERE", True),
        ("y = [x := 1 for z in a]\nHERE", True),
        ("f = lambda x: x\nHERE", False),
        ("x: int\nHERE", False),
        ("x: int = 1\nHERE", True),
        ("match a:\n    case [x, *_]:\n        HERE", True),
        ("match a:\n    case {'k': 1, **x}:\n        HERE", True),
        ("match a:\n    case 1:\n        x = 1\nHERE", True),
        ("def f(x):\n    HERE", True),
        ("def f(*, x=1, **y):\n    HERE", True),
        ("def f():\n    HERE\nx = 1", True),
        ("def f():\n    HERE\n    x = 1\nx = 2", False),
        ("def f():\n    global x\n    HERE\n    x = 1\nx = 2", True),
        ("def f():\n    global x\n    x = 1\ndef g():\n    HERE", True),
        ("def f():\n    x = 1\n    def g():\n        HERE", True),
        ("def f():\n    return\n    x = 1\n    HERE", False),
        ("class C:\n    x = 1\n    def f(self):\n        HERE", False),
        ("class C:\n    x = 1\n    HERE", True),
        ("async def f(a):\n    async for x in a:\n        HERE", True),
    ],
)
def test_a_name_counts_as_bound_where_some_path_binds_it(code: str, bound: bool) -> None:
    module = Module("t.py", code)
    here = next(each for each in module.statements if each.header == HERE)

    assert ("x" in _bound_at(here)) is bound


def test_builtins_and_what_a_module_knows_of_itself_are_bound() -> None:
    module = Module("t.py", HERE)

    assert scopes.bound_at(module.body, 0, ["print", "__name__", "nothing"], {}) == {"print", "__name__"}


def test_what_is_put_in_elsewhere_binds_its_names_from_there_on() -> None:
    module = Module("t.py", "a = 1\nb = 2\nHERE")

    assert scopes.bound_at(module.body, 2, ["x"], {(module.body, 1): ["x"]}) == {"x"}
    assert scopes.bound_at(module.body, 0, ["x"], {(module.body, 1): ["x"]}) == set()


def _bound_at(here: Statement) -> set[str]:
    return scopes.bound_at(here.block, here.position, ["x"], {})
