"""Where in a run a line can be executed: small scripts, with the answer for each line behind it."""

import re

import pytest

from flor.replay.planning.places_of_probes import Structure, structure
from flor.replay.planning.reading import read
from unit.replay.rewriting import dedented

TRAIN = """
    import flor
    def helper():
        pass  # H
    a = 1  # prefix
    with flor.checkpointing():
        b = 1  # prefix
        for i in flor.loop("epoch", range(3)):
            c = 1  # outer
            for x in "ab":
                d = 1  # outer
            for j in flor.loop("step", range(3)):
                e = 1  # nested
                for k in flor.loop("part", range(3)):
                    f = 1  # nested
            else:
                g = 1  # outer
            with open("x") as file:
                h = 1  # outer
            if c:
                for j in flor.loop("test", range(3)):
                    m = 1  # nested
        else:
            n = 1  # suffix
        o = 1  # suffix
    p = 1  # suffix
"""


def levels(files: dict[str, str]) -> list[tuple[str, str]]:
    """Of each line with an expected level that, and the one found."""
    found = of(files)
    result = []
    for name, text in files.items():
        for at, line in enumerate(dedented(text).splitlines(), 1):
            expected = re.search(r"# (prefix|outer|nested|suffix|whole)$", line)
            if expected:
                result.append((f"{line.strip()}", expected[1], found.place(name, at).level))
    assert result
    return [(f"{line} -> {level}", level) for line, expected, level in result if expected != level]


def of(files: dict[str, str]) -> Structure:
    """The structure of a program whose script is `train.py`."""
    return structure(read({name: dedented(text) for name, text in files.items()}, "train.py"))


def test_the_lines_of_a_script() -> None:
    assert levels({"train.py": TRAIN}) == []


def with_helper(inside: str = "pass", before: str = "pass", behind: str = "pass", level: str = "") -> str:
    return f"""
        import flor
        def helper(x=1):
            y = x  # {level}
        {before}
        with flor.checkpointing():
            for i in flor.loop("epoch", range(3)):
                {inside}
                for j in flor.loop("step", range(3)):
                    pass
        {behind}
    """


@pytest.mark.parametrize(
    "script",
    [
        with_helper(before="helper()", level="prefix"),
        with_helper(inside="helper()", level="outer"),
        with_helper(inside="x = [helper(k) for k in 'ab']", level="outer"),
        with_helper(inside="x = helper(1) + 2", level="outer"),
        with_helper(behind="helper()", level="suffix"),
        with_helper(before="helper()", behind="helper()", level="suffix"),
        with_helper(inside="helper()", behind="helper()", level="outer"),
        with_helper(inside="for j in flor.loop('test', 'ab'): helper()", level="nested"),
        with_helper(inside="for j in flor.loop('test', 'ab'): helper()", before="helper()", level="nested"),
        with_helper(inside="x = map(helper, 'ab')", level="whole"),
        with_helper(before="hooks = [helper]", level="whole"),
        with_helper(inside="x = lambda: helper()", level="whole"),
        with_helper(inside="x = (helper() for k in 'ab')", level="whole"),
        with_helper(inside="getattr(i, 'helper')()", level="whole"),
        with_helper(inside="getattr(flor, i)()", behind="helper()", level="suffix"),
        with_helper(before="import train", inside="getattr(train, i)()", level="whole"),
        with_helper(inside="eval('helper()')", level="whole"),
        with_helper(level="whole"),
    ],
)
def test_a_function_runs_where_it_is_called(script: str) -> None:
    assert levels({"train.py": script}) == []


METHODS = """
    import flor
    from torch import nn
    class Base:
        def __init__(self):
            self.seed = 1  # prefix
        def describe(self):
            return 1  # suffix
    class Trainer(Base):
        def __init__(self, net):
            super().__init__()
            self.net = net  # prefix
        def fit(self):
            x = 1  # prefix
            with flor.checkpointing():
                for self.epoch in flor.loop("epoch", range(3)):
                    y = 1  # outer
                    self._train()
                    self._validate()
            z = 1  # suffix
            return self
        def _train(self):
            a = 1  # outer
            for batch in flor.loop("step", self.net):
                self._step(batch)
        def _step(self, batch):
            b = self.rate  # nested
        def _validate(self):
            c = self.rate  # outer
        @property
        def rate(self):
            return 1  # nested
        def __len__(self):
            return 1  # whole
    class Net(nn.Module):
        def forward(self, x):
            return x  # whole
        def __init__(self):
            self.w = 1  # prefix
    trainer = Trainer(Net()).fit()
    trainer.describe()
"""


def test_methods_constructors_and_properties() -> None:
    assert levels({"train.py": METHODS}) == []


MAIN = """
    import flor
    from lib.steps import one_step
    import lib.report as report
    def main():
        a = 1  # prefix
        with flor.checkpointing():
            for i in flor.loop("epoch", range(3)):
                one_step(i)
        report.write()
    if __name__ == "__main__":
        b = 1  # prefix
        main()
        c = 1  # suffix
"""
STEPS = """
    import flor
    d = 1  # prefix
    def one_step(i):
        e = 1  # outer
        for j in flor.loop("step", "ab"):
            f = 1  # nested
"""
REPORT = """
    g = 1  # prefix
    def write():
        h = 1  # suffix
"""
OTHER = """
    k = 1  # whole
"""


def test_functions_in_other_files() -> None:
    files = {
        "train.py": MAIN,
        "lib/steps.py": STEPS,
        "lib/report.py": REPORT,
        "lib/__init__.py": "x = 1  # prefix",
    }

    assert levels({**files, "prep.py": OTHER}) == []


FOLDS = """
    import flor
    a = 1  # prefix
    for fold in flor.loop("fold", range(3)):
        b = 1  # suffix
        with flor.checkpointing():
            c = 1  # suffix
            for i in flor.loop("epoch", range(3)):
                d = 1  # outer
        e = 1  # suffix
"""


def test_what_stands_in_a_loop_around_a_block_runs_again_behind_it() -> None:
    assert levels({"train.py": FOLDS}) == []


SWEEP = """
    import flor
    def train(lr):
        a = 1  # suffix
        with flor.checkpointing():
            for i in flor.loop("epoch", range(3)):
                b = 1  # outer
        c = 1  # suffix
    d = 1  # prefix
    for lr in [1, 2]:
        train(lr)
"""


def test_a_block_in_a_function_that_is_called_again() -> None:
    assert levels({"train.py": SWEEP}) == []


def test_a_script_without_a_main_loop_is_executed_whole() -> None:
    assert levels({"train.py": "import flor\nfor i in flor.loop('epoch', 'ab'):\n    a = 1  # whole\n"}) == []


def test_generators_and_coroutines_run_when_they_are_resumed() -> None:
    script = with_helper(inside="for x in items(): pass", level="whole").replace(
        "def helper(x=1):", "def items():\n            yield 1  # whole\n        def helper(x=1):"
    )

    assert levels({"train.py": script}) == []


def test_flor_under_another_name() -> None:
    script = """
        from flor import checkpointing as keep, loop as each
        with keep():
            for i in each("epoch", "ab"):
                a = 1  # outer
                for j in each("step", "ab"):
                    b = 1  # nested
    """

    assert levels({"train.py": script}) == []


def test_a_loop_that_no_statement_iterates_over_is_noticed() -> None:
    script = "import flor\nwith flor.checkpointing():\n    x = [i for i in flor.loop('epoch', 'ab')]\n"

    assert of({"train.py": script}).has_hidden_loops
    assert not of({"train.py": TRAIN}).has_hidden_loops


def test_main_and_nested_loops_are_named() -> None:
    found = of({"train.py": TRAIN})

    assert [loop.name for loop in found.mains] == ["epoch"]
    assert [each.loop.name for each in found.nested] == ["step", "test"]


def test_a_file_that_is_no_python_can_be_executed_anywhere() -> None:
    assert of({"train.py": TRAIN, "odd.py": "print 'x'"}).place("odd.py", 1).level == "whole"


STARTED = """
    import flor
    {decorator}
    def train(lr=1):
        a = 1  # suffix
        with flor.checkpointing():
            for i in flor.loop("epoch", range(3)):
                b = 1  # outer
                helper()
        c = 1  # suffix
    def helper():
        d = 1  # outer
    {start}
"""


@pytest.mark.parametrize(
    ("decorator", "start"),
    [
        ("", "fire.Fire(train)"),
        ("", "parser.set_defaults(func=train); args.func(args)"),
        ("", "list(pool.map(train, [1, 2]))"),
        ("", "launch(lambda: train())"),
        ("@app.command(name='x')", "app()"),
        ("@some.decorator", "app()"),
    ],
)
def test_what_holds_the_main_loop_is_called_somehow_perhaps_several_times(decorator: str, start: str) -> None:
    assert levels({"train.py": STARTED.format(decorator=decorator, start=start)}) == []


@pytest.mark.parametrize("start", ["train()", "train(lr=2)", "raise SystemExit(train())"])
def test_what_is_called_once_begins_with_the_prefix(start: str) -> None:
    script = STARTED.format(decorator="@hydra.main(config_path='conf')", start=start)

    assert levels({"train.py": script.replace("a = 1  # suffix", "a = 1  # prefix")}) == []


def test_packages_around_the_script_run_before_it() -> None:
    files = {
        "train.py": "x = 1  # whole",
        "src/pkg/__init__.py": "import pkg.config\ny = 1  # prefix",
        "src/pkg/config.py": "z = 1  # prefix",
        "src/pkg/train.py": TRAIN,
    }
    texts = {name: dedented(text) for name, text in files.items()}
    found = structure(read(texts, "src/pkg/train.py"))

    assert found.place("src/pkg/__init__.py", 2).level == "prefix"
    assert found.place("src/pkg/config.py", 1).level == "prefix"
    assert found.program.reached == {"src/pkg/__init__.py", "src/pkg/config.py", "src/pkg/train.py"}


def test_only_what_the_script_imports_is_read() -> None:
    files = {"train.py": MAIN, "lib/steps.py": STEPS, "lib/report.py": REPORT, "prep.py": "import ("}
    program = read({name: dedented(text) for name, text in files.items()}, "train.py")

    assert set(program.modules) == {"train.py", "lib/steps.py", "lib/report.py"}
    assert program.unreadable == ()


def test_code_that_is_imported_by_text_may_be_anywhere() -> None:
    script = f"{dedented(TRAIN)}\n__import__(name)\n"
    program = read({"train.py": script, "prep.py": "x = 1"}, "train.py")

    assert program.reached == {"train.py", "prep.py"}
