"""Code that is seldom written: rewritten, it still does what was written, in every version of Python."""

import ast
import dis
import sys
from types import CodeType

import pytest

from flor.checkpoints.frame_cells import nested_code
from flor.checkpoints.liveness import live_names
from flor.replay import rewrite
from unit.replay.rewriting import Script, dedented, run

PROGRAMS = {
    "a walrus in the header and in a comprehension": """
        import flor
        out = []
        def work():
            for x in flor.loop("x", (items := [last := 3, 4])):
                out.append([(x, y, (last := y)) for y in items if (half := y // 2)])
            return items, last, half
        for n in flor.loop("n", (top := range(2))):
            out.append((n, top))
        out.append(work())
        """,
    "coroutines, asynchronous loops and blocks": """
        import asyncio, contextlib
        import flor
        out = []
        async def numbers(n):
            for i in flor.loop("i", range(n)):
                await asyncio.sleep(0)
                yield i
        @contextlib.asynccontextmanager
        async def around(n):
            out.append("in"); yield n; out.append("out")
        async def main():
            total = 0
            async with around(2) as n:
                async for i in numbers(n):
                    for j in flor.loop("j", [i, i + 1]):
                        total += j
                        get = lambda: total
            return get(), [k async for k in numbers(2)]
        out.append(asyncio.run(main()))
        """,
    "classes in functions, loops in their bodies": """
        import flor
        out = []
        def make(scale):
            class Outer:
                names = []
                for letter in flor.loop("letter", "ab"):
                    names.append(letter * scale)
                class Inner:
                    def __init__(self):
                        self.__hidden = 0
                    def grow(self):
                        for __n in flor.loop("n", range(3)):
                            self.__hidden += __n * scale
                        return self.__hidden, super().__hash__() is not None, __class__.__name__
            return Outer
        made = make(2)
        out += [made.names, made.letter, made.Inner().grow()]
        """,
    "comprehensions over variables that closures share": """
        import flor
        out = []
        def work(k):
            fs = []
            for x in flor.loop("x", range(3)):
                fs.append(lambda y: x + y + k)
                out.append([[f(i) + k for i in range(x)] for f in fs])
                out.append({x: k for x in range(2)})
                out.append(sum(i * k for i in range(x)))
            return [f(1) for f in fs], x
        out.append(work(5))
        """,
    "global and nonlocal names as targets": """
        import flor
        out, total = [], 0
        def by_global():
            global total, index
            for index in flor.loop("index", range(3)):
                total += index
                del_me = 1
        def by_nonlocal():
            step = seen = None
            def inner():
                nonlocal step, seen
                for step, *seen in flor.loop("step", ["abc", "de"]):
                    pass
                del seen
            inner()
            try:
                seen
            except NameError as error:
                return step, type(error).__name__
        by_global()
        out += [total, index, by_nonlocal()]
        """,
    "decorators and defaults with loops of their own": """
        import flor
        out = []
        def repeat(n):
            def decorate(f):
                for i in flor.loop("decorating", range(n)):
                    out.append((f.__name__, i))
                return f
            return decorate
        @repeat(len([i for i in flor.loop("header", range(2))]))
        @(lambda f: f)
        class A:
            @staticmethod
            @repeat(1)
            def genexpr(a=list(i for i in range(2)), *, f=lambda x, y=3: (x, y), **rest):
                for x in flor.loop("x", a):
                    out.append((x, f(x), rest, [n for n in a]))
                return lambda: a
            @staticmethod
            def lambda_(f=lambda q=(lambda: 4): q()): return f()
        out += [A.genexpr(k=1)(), A.lambda_()]
        """,
    "try with groups of exceptions, and every way out": """
        import flor
        out = []
        def work(n):
            for i in flor.loop("i", range(5)):
                try:
                    if i == n:
                        raise ExceptionGroup("g", [ValueError(i), KeyError(i)])
                    with flor.checkpointing():
                        for j in flor.loop("j", range(2)):
                            try:
                                if j == 1 and i == 3:
                                    return "returned", i
                            finally:
                                out.append((i, j))
                except* ValueError as group:
                    out.append(("value", group.exceptions[0].args))
                except* KeyError as group:
                    for error in flor.loop("errors", group.exceptions):
                        out.append(("key", error.args))
                else:
                    out.append("fine")
                finally:
                    out.append("finally")
            else:
                return "else"
        out += [work(1), work(9)]
        """,
    "match statements": """
        import flor
        out = []
        def work(cases):
            for case in flor.loop("case", cases):
                match case:
                    case {"kind": str(kind), **rest}:
                        for key, value in flor.loop("rest", rest.items()):
                            out.append((kind, key, value))
                    case [first, *_] if first:
                        break
                    case int(n) if n > 1:
                        continue
                    case _:
                        out.append(case)
            return locals().keys() >= {"case", "kind", "rest"}
        out.append(work([{"kind": "a", "x": 1, "y": 2}, 3, None, [1, 2], 5]))
        """,
    "star imports and names of FlorDB's that are shadowed": """
        from flor import *
        from flor import loop as loop, checkpointing as block
        from os.path import *
        out = []
        def work(loop):
            for x in loop("x", [1]):
                out.append(x)
        work(lambda name, items: [name, *items])
        for x in loop("x", [join("a", "b")]):
            out.append(x)
        """,
    "loops that are never reached": """
        import flor
        from typing import TYPE_CHECKING
        out = []
        if TYPE_CHECKING:
            for x in flor.loop("types", undefined):
                def f(): return x
        if 0:
            def g():
                for x in flor.loop("never", undefined):
                    yield lambda: x
        def h():
            return out
            for x in flor.loop("after", undefined): pass
        out.append(len(h()))
        """,
    "several functions of one name": """
        import flor
        out = []
        def make(flag):
            k = 1
            if flag:
                def f(): return [k for _ in flor.loop("a", [1])]
            else:
                def f(k=2):
                    for _ in flor.loop("b", [1]): yield lambda: k
            class f2: g = f
            def f3(f): return f
            return list(f()), f3(f2.g) is f
        first, same = make(True)
        out += [first, same, [f() for f in make(False)[0]]]
        """,
    "future annotations, a docstring and nothing else before": '''
        """What this does."""
        from __future__ import annotations
        import flor
        out = []
        total: undefined = 0
        def work(a: undefined) -> undefined:
            """Its own."""
            local: undefined
            for x in flor.loop("x", [a]):
                local = x
            return local, lambda: a
        out += [__doc__, work.__doc__, work(3)[0], __annotations__, work.__annotations__]
        ''',
    "one line": """
        import flor; out = [x for x in flor.loop('x', [1])]
        for y in flor.loop('y', [1, 2]): out.append(y); out.append(-y) if y < 2 else None
        """,
}
GENERIC = {
    "type parameters": """
        import flor
        out = []
        type Pair[T] = tuple[T, T]
        class Box[T: (int, str) = int]:
            held: list[T]
            def each[S](self, items: list[S], first: T = 1) -> Pair[S]:
                def inner[U](u: U = first) -> U:
                    return S, T, u
                for item in flor.loop("item", items):
                    kept = item, inner()[2], first
                return kept, [p.__name__ for p in inner.__type_params__], inner()[:2]
        def plain[A, *B, **C](a: A, *b: *B) -> A:
            type Local = list[A]
            for a in flor.loop("a", [a, *b]):
                out.append((a, Local.__value__.__args__[0].__name__))
            return lambda: (a, A)
        found = Box().each(["x"])
        out += [found[0], found[1], [p.__name__ for p in found[2]], plain(1, 2)()[0]]
        out.append([p.__name__ for p in (*Box.__type_params__, *plain.__type_params__)])
        """,
    "nested quotes and lambdas in annotation scopes": """
        import flor
        out = []
        class Meta(type): pass
        def around(n):
            class A[T](list[(lambda: T)()], metaclass=Meta):
                size = n
                x: "n" = n
                for i in flor.loop("i", range(n)):
                    def f[T2: (n, int)](self, v=f"{f"{i}"}"):
                        for j in flor.loop("j", v): out.append((j, n, self.size))
                        return __class__.__name__
            return A
        out.append(around(2)().f())
        """,
}
if sys.version_info < (3, 13):
    GENERIC["type parameters"] = GENERIC["type parameters"].replace(" = int]:", "]:")
if sys.version_info >= (3, 12):
    PROGRAMS |= GENERIC


@pytest.mark.parametrize("name", PROGRAMS)
def test_rewritten_it_does_what_was_written(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = dedented(PROGRAMS[name])

    written = run(source, monkeypatch, None, rewritten=False)
    found = run(source, monkeypatch, None)

    assert repr(found["out"]) == repr(written["out"])
    assert {name for name in found if not name.startswith("_flor_")} == set(written)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_line_of_a_traceback_was_written_by_the_user(name: str) -> None:
    source = dedented(PROGRAMS[name])

    lines = {getattr(node, "lineno", 1) for node in ast.walk(rewrite.rewrite(source, "train.py"))}

    assert lines <= {getattr(node, "lineno", 1) for node in ast.walk(ast.parse(source))} | {1}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_can_be_read_at_a_header_can_be_read_there_when_it_is_rewritten(name: str) -> None:
    source = dedented(PROGRAMS[name])
    written = _live_at_headers(compile(source, "train.py", "exec", dont_inherit=True))
    rewritten = _live_at_headers(compile(rewrite.rewrite(source, "train.py"), "train.py", "exec"))

    assert {
        place: live - rewritten[place] for place, live in written.items() if live - rewritten[place]
    } == {}


def _live_at_headers(code: CodeType) -> dict[tuple[object, ...], frozenset[str]]:
    """The names that can be read at the header of each loop, by the place of what it iterates over."""
    found: dict[tuple[object, ...], frozenset[str]] = {}
    for each in (code, *nested_code(code)):
        for instruction in dis.get_instructions(each):
            if instruction.opname == "FOR_ITER":
                place = (each.co_qualname, *(instruction.positions or ()))
                found[place] = found.get(place, frozenset()) | live_names(each, instruction.offset)
    return found


def test_names_of_a_class_body_are_bound_in_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    source = dedented(
        """
        import flor
        class Schedule:
            best = 0
            for x in flor.loop("x", [1]):
                out = (best, x)
        """
    )

    assert run(source, monkeypatch, Script(bound={"best": 7}))["Schedule"].out == (7, 1)


def test_parameters_and_names_of_a_generic_method_are_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    source = dedented(
        """
        import flor
        class Trainer:
            def fit(self, __data, *rest, lr=0.1, **options):
                __count = 0
                def peek(): return __count, lr
                for __step in flor.loop("x", __data):
                    return peek(), rest, options, __step
        out = Trainer().fit([1], 2, momentum=3)
        """
    )
    bound = {
        "_Trainer__count": 5,
        "_Trainer__data": [1],
        "lr": 0.2,
        "rest": (9,),
        "options": {},
        "peek": None,
    }

    with pytest.raises(TypeError, match="NoneType"):
        run(source, monkeypatch, Script(bound=dict(bound)))
    del bound["peek"]
    with pytest.raises(UnboundLocalError, match="peek"):
        run(source, monkeypatch, Script(bound=dict(bound)))
    source = source.replace("return peek()", "return __count, lr")

    assert run(source, monkeypatch, Script(bound=bound))["out"] == (5, 0.2, (9,), {}, 1)


def test_expressions_may_be_nested_as_deep_as_python_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "+".join(["1"] * 700)
    source = f"import flor\nfor x in flor.loop('x', [1]):\n    out = {deep}\n"

    assert run(source, monkeypatch, None)["out"] == 700
