"""Probes are found wherever a name is logged, and names that are computed are explained."""

import pytest

from flor.replay import probes
from flor.replay.probes import Probe

SCRIPT = """\
import flor

flor.log("lr", 0.1)


class Trainer:
    def fit(self):
        for epoch in flor.loop("epoch", range(3)):
            flor.log(
                "loss",
                self.step(),
            )
            def inner():
                return flor.log("lr", 2)


def main():
    flor.log("é", 1); flor.log("lr", 3)
"""


def test_every_statement_of_a_name_is_found_with_its_place() -> None:
    found = probes.find({"train.py": SCRIPT}, ["lr", "loss"])

    assert [(probe.name, probe.qualname, probe.line, probe.end_line) for probe in found] == [
        ("lr", "<module>", 3, 3),
        ("loss", "Trainer.fit", 9, 12),
        ("lr", "Trainer.fit.inner", 14, 14),
        ("lr", "main", 18, 18),
    ]


def test_columns_count_bytes_as_syntax_trees_do() -> None:
    [probe] = [each for each in probes.find({"train.py": SCRIPT}, ["lr"]) if each.line == 18]

    assert probe.column == len('    flor.log("é", 1); '.encode())


def test_files_come_in_the_order_of_their_names() -> None:
    text = 'import flor\nflor.log("x", 1)\n'

    found = probes.find({"b.py": text, "a/c.py": text}, ["x"])

    assert [probe.filename for probe in found] == ["a/c.py", "b.py"]


@pytest.mark.parametrize(
    ("begin", "call"),
    [
        ("import flor", "flor.log"),
        ("import flor as f", "f.log"),
        ("import flordb as flor", "flor.log"),
        ("import flordb", "flordb.log"),
        ("from flor import log", "log"),
        ("from flor import log as note", "note"),
        ("from flordb import log, loop", "log"),
        ("from flor import MTK as Flor", "Flor.log"),
    ],
)
def test_flor_is_known_under_every_name(begin: str, call: str) -> None:
    found = probes.find({"train.py": f'{begin}\n{call}("x", 1)\n'}, ["x"])

    assert found == [Probe("x", "train.py", "<module>", 2, 2, 0)]


@pytest.mark.parametrize(
    "statement",
    [
        'x = flor.log("x", 1)',
        'flor.log(name="x", value=1)',
        'total += flor.log("x", 1) * 2',
        'if flor.log("x", 1): pass',
        'y = [flor.log("x", z) for z in range(3)]',
        'f = lambda: flor.log("x", 1)',
        'flor.log("y", flor.log("x", 1))',
        'logging.info(flor.log("x", 1))',
    ],
)
def test_a_log_inside_another_statement_is_found(statement: str) -> None:
    assert len(probes.find({"train.py": f"import flor\n{statement}\n"}, ["x"])) == 1


@pytest.mark.parametrize(
    "statement", ['logger.log("x", 1)', 'math.log("x")', 'flor.arg("x", 1)', "flor.log(x, 1)", "flor.log()"]
)
def test_other_calls_are_no_probes(statement: str) -> None:
    assert probes.find({"train.py": f"import flor\n{statement}\n"}, ["x"]) == []


def test_a_file_that_is_no_python_has_no_probes_and_a_note() -> None:
    files = {"old.py": 'import flor\nprint "x"\nflor.log("x", 1)\n'}

    assert probes.find(files, ["x"]) == []
    assert probes.notes(files, ["x"]) == ["old.py cannot be parsed: what it logs cannot be found."]
    assert probes.notes(files, ["y"]) == []


def test_a_name_that_is_computed_is_explained_where_it_may_be_the_one_asked_for() -> None:
    files = {
        "train.py": 'import flor\nfor i in range(3):\n    flor.log(f"loss_{i}", i)\n    flor.log(name, i)\n'
    }

    [note] = probes.notes(files, ["loss_2", "accuracy"])

    assert note.startswith("train.py:3 logs under a name that is computed (f'loss_{i}'), perhaps 'loss_2'")


def test_all_names_are_those_of_every_file() -> None:
    files = {"a.py": SCRIPT, "b.py": 'from flor import log\nlog("b", 1)\n', "c.py": "x = (\n"}

    assert probes.all_names(files) == {"lr", "loss", "é", "b"}


def test_expressions_may_be_nested_deeper_than_python_recurses() -> None:
    deep = "+".join(["1"] * 900)

    assert len(probes.find({"train.py": f'import flor\nflor.log("x", {deep})\n'}, ["x"])) == 1


def test_a_byte_order_mark_and_other_line_ends_are_read() -> None:
    found = probes.find({"train.py": '\ufeffimport flor\r\nflor.log("x", 1)\r\n'}, ["x"])

    assert [probe.line for probe in found] == [2]
