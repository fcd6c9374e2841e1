"""Which names can still be read: small programs, and random ones that are executed."""

import dis
import itertools
import sys
import textwrap
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flor.checkpoints.liveness import is_dynamic, live_names
from flor.checkpoints.mentions import live_names_of
from flor.checkpoints.scope import Scope


def code_of(source: str) -> CodeType:
    """The code of the function that the source defines."""
    module = compile(textwrap.dedent(source), "program.py", "exec")
    return next(each for each in module.co_consts if isinstance(each, CodeType))


def headers(code: CodeType) -> list[int]:
    """Where the loops of the code ask for the next item."""
    return [each.offset for each in dis.get_instructions(code) if each.opname == "FOR_ITER"]


def live_at(source: str, loop: int = 0) -> set[str]:
    code = code_of(source)
    return set(live_names(code, headers(code)[loop]))


TRAIN = """
def train(loader, model, epochs):
    best = None
    for epoch in range(epochs):
        total = 0.0
        for x, y in loader:
            out = model(x)
            loss = out - y
            total += loss
        if best is None or total < best:
            best = total
        print(epoch, total)
    return best
"""


def test_the_batch_and_its_activations_are_not_live() -> None:
    assert live_at(TRAIN) == {"loader", "model", "best"}
    assert live_at(TRAIN, 1) == {"loader", "model", "best", "epoch", "total"}


@pytest.mark.parametrize(
    ("body", "is_live"),
    [
        ("print(x)", True),
        ("x = i", False),
        ("x += 1", True),
        ("x = x + 1", True),
        ("if i: x = 1\n        print(x)", True),
        ("if i:\n            x = 1\n        else:\n            x = 2\n        print(x)", False),
        ("del x", True),
        ("y = [x for x in range(i)]", False),
        ("y = [x + z for z in range(i)]", True),
        ("y = lambda: x", True),
        ("x = 1\n        y = lambda: x", True),
        ("for x in range(i): pass", False),
        ("for x in range(i): pass\n        print(x)", True),
        ("while i:\n            x = 1\n            i = x\n        print(x)", True),
        ("with open(i) as x: pass", False),
        ("try:\n            x = f(i)\n        except ValueError: pass\n        print(x)", True),
        (
            "try:\n            x = f(i)\n        except ValueError:\n            continue\n        print(x)",
            False,
        ),
        ("try:\n            f(i)\n        finally:\n            x = 1", False),
        ("try:\n            f(i)\n        finally:\n            print(x)", True),
        ("x, y = i", False),
        ("y, x = x, y", True),
        ("(x := i)", False),
        ("print(locals())", True),
        ("exec('x')", True),
        ("match i:\n            case [x]: print(x)", False),
        ("y = f(x=i)", False),
        ("import x", False),
        ("def x(): pass", False),
        ("y = {x: 1 for x in i}, x", True),
    ],
)
def test_a_name_is_live_if_some_path_reads_it_first(body: str, is_live: bool) -> None:
    source = f"def f(items, y=None, z=None):\n    x = 0\n    for i in items:\n        {body}\n"

    found = live_at(source)

    # Told by text, or shared with a closure, every name counts.
    assert ("x" in found) is is_live or (not is_live and "lambda" in body)


def test_what_is_read_after_the_loop_is_live() -> None:
    source = "def f(items):\n    last = None\n    for i in items:\n        last = i\n    return last, i\n"

    assert live_at(source) == {"last", "i"}


def test_a_variable_shared_with_closures_is_always_live() -> None:
    source = "def f(items):\n    for i in items:\n        shared = i\n        g = lambda: shared\n"

    assert "shared" in live_at(source)


def test_of_a_module_what_other_code_mentions_is_live() -> None:
    code = compile(
        "model = 1\nloss = 2\nfor epoch in range(3):\n    loss = epoch\n    print(loss)\n    model = loss\n",
        "m.py",
        "exec",
    )
    offset = headers(code)[0]

    assert live_names(code, offset) == frozenset()
    assert live_names(code, offset, {"model", "other"}) == {"model"}


def test_a_script_and_the_modules_that_it_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`used` is read by a function of the script, `setting` by a helper module."""
    (tmp_path / "helper_of_liveness.py").write_text("def get(module):\n    return module.setting\n")
    script = tmp_path / "script_of_liveness.py"
    script.write_text(
        "import helper_of_liveness\nused = setting = loss = batch = 0\n"
        "def report():\n    return used\n"
        "for epoch in range(2):\n    batch = epoch\n    loss = batch\n"
        "    used = setting = loss\n    probe()\n"
        "probe()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[set[str]] = []
    live = live_names_of(Scope(tmp_path))

    def probe() -> None:
        seen.append(set(live(sys._getframe(1))))

    module = type(sys)("__main__")
    module.__file__ = str(script)
    vars(module)["probe"] = probe
    monkeypatch.setitem(sys.modules, "__main__", module)
    exec(compile(script.read_text(), str(script), "exec"), vars(module))

    assert "used" in seen[0]
    assert "setting" in seen[0]
    assert not {"batch", "loss"} & seen[0]
    monkeypatch.delitem(sys.modules, "helper_of_liveness")


NAMES = ("a", "b", "c")
EXPRESSION = st.sampled_from([*NAMES, "i", "1", "a + b", "[c for c in (1, 2)]", "g(c)"])
SIMPLE = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(NAMES), EXPRESSION),
    st.builds("g({})".format, EXPRESSION),
    st.builds("{} += 1".format, st.sampled_from(NAMES)),
    st.builds("{0}, {1} = {1}, {0}".format, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.sampled_from(["continue", "break", "pass", "g(i)"]),
)


def compound(block: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    return st.one_of(
        st.builds(lambda one, two: ["if choose():", *indented(one), "else:", *indented(two)], block, block),
        st.builds(lambda one: ["for b in items(2):", *indented(one)], block),
        st.builds(
            lambda one, two: ["try:", *indented(one), "except KeyError:", *indented(two)], block, block
        ),
        st.builds(lambda one, two: ["try:", *indented(one), "finally:", *indented(two)], block, block),
    ).flatmap(lambda lines: block.map(lambda rest: [*lines, *rest]))


def indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


BLOCK = st.recursive(st.lists(SIMPLE, min_size=1, max_size=3), compound, max_leaves=5)


@settings(max_examples=120, deadline=None)
@given(block=BLOCK, after=st.lists(SIMPLE.filter(lambda line: line not in ("continue", "break")), max_size=1))
def test_names_that_are_not_live_may_have_any_value(block: list[str], after: list[str]) -> None:
    """Executed with many choices and exceptions: whatever stands in a dead name, nothing else is seen."""
    source = "\n".join(
        [
            "def f(a, b, c):",
            "    for i in items(2):",
            "        header()",
            *indented(indented(block)),
            *indented(after or ["pass"]),
        ]
    )
    code = code_of(source)
    offset = next(each.offset for each in dis.get_instructions(code) if each.argval == "header")
    live = live_names(code, offset)
    for choices in itertools.islice(itertools.product((0, 1, 2), repeat=4), 0, None, 5):
        known = {name: name.upper() for name in NAMES}
        other = {name: value if name in live else object() for name, value in known.items()}
        assert executed(source, known, choices) == executed(source, other, choices)


def executed(source: str, values: dict[str, Any], choices: tuple[int, ...]) -> list[str]:
    """What the function shows of itself: each value passed on, and how it ended."""
    shown: list[str] = []
    left = list(choices)

    def choose() -> bool:
        return bool(left and left.pop() == 1)

    def g(value: Any) -> Any:
        shown.append(repr(value))
        if left and left.pop() == 2:
            raise KeyError
        return value

    names: dict[str, Any] = {"choose": choose, "g": g, "items": range, "header": lambda: None}
    exec(source, names)
    try:
        names["f"](**values)
    except (KeyError, TypeError) as error:
        shown.append(type(error).__name__)
    return shown


def test_the_offset_of_a_frame_is_where_it_stands() -> None:
    frames: list[FrameType] = []

    def items() -> Any:
        frames.append(sys._getframe(1))
        found = live_names(frames[0].f_code, frames[0].f_lasti)
        yield found

    def loop() -> Any:
        kept, dropped = 1, 2
        for found in items():
            dropped = kept
            return found, dropped
        return None

    found, _ = loop()
    assert "kept" in found
    assert "dropped" not in found


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("model.eval()", False),
        ("frame.eval('a + b')", False),
        ("args.vars = 1", False),
        ("eval('a')", True),
        ("names = locals()", True),
        ("run = exec", True),
        ("builtins.eval('a')", True),
        ("sys._getframe(1)", True),
        ("inspect.currentframe()", True),
    ],
)
def test_a_method_that_is_called_eval_reaches_no_name_by_text(statement: str, expected: bool) -> None:
    assert is_dynamic(code_of(f"def f(model, frame, args):\n    {statement}\n")) is expected
