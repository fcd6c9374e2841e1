"""Places for statements: of every kind, with the names that are bound there, in any script of the matrix."""

import ast

import pytest

from exactness import matrix, places, questions
from exactness.matrix import Script

TRAIN = '''"""A script."""

import flor


def loss_of(model, x):
    scaled = x * 2
    return model(scaled)


class Trainer:
    def epoch(self, data):
        for x in flor.loop("step", data):
            loss = self.step(x)


model = build()
with flor.checkpointing(model=model):
    for epoch in flor.loop("epoch", range(3)):
        if epoch:
            rate = 0.5
        for x in flor.loop("step", data):
            loss = loss_of(model, x)
        mean = loss / 2
        for x in flor.loop("test", data):
            if x:
                break
        del loss
        print(mean)
print(model)
'''
KINDS = {"prefix", "top", "nested", "between", "behind", "end", "suffix"}
MORE_KINDS = {"function", "called loop", "outer", "if", "with", "try"}


def found() -> dict[str, places.Place]:
    return {str(place): place for place in places.places({"train.py": TRAIN})}


def test_there_is_a_place_of_every_kind() -> None:
    lines = TRAIN.splitlines()

    assert {name: lines[place.line - 1].strip() for name, place in found().items()} == {
        "function": "return model(scaled)",
        "called loop": "",
        "function 2": "",
        "prefix": "with flor.checkpointing(model=model):",
        "top": "if epoch:",
        "if": 'for x in flor.loop("step", data):',
        "nested": "mean = loss / 2",
        "between": "mean = loss / 2",
        "if 2": "break",
        "nested 2": "del loss",
        "behind": "del loss",
        "end": "print(model)",
        "suffix": "print(model)",
    }


def test_a_place_knows_the_names_that_are_bound_there() -> None:
    names = {name: place.names for name, place in found().items()}

    assert names["function"] == ("model", "x", "scaled")
    assert names["called loop"] == ("self", "data", "x", "loss")
    assert names["top"] == ("model", "epoch")
    assert names["if"] == ("model", "epoch", "rate")
    assert names["between"] == ("model", "epoch", "x", "loss")
    assert names["suffix"] == ("model", "epoch", "mean", "x")


def test_a_place_knows_what_the_program_may_still_read() -> None:
    later = {name: place.later for name, place in found().items()}

    assert later["top"] == ("model", "epoch")
    assert later["nested"] == ("model", "epoch", "x", "loss")
    assert later["behind"] == ("model", "epoch", "mean")
    assert later["suffix"] == ("model",)


def test_statements_come_in_the_order_of_their_blocks_and_imports_below_the_others() -> None:
    every = found().items()
    statements = [(place, f"probe({name!r})") for name, place in every]

    text = places.put_in(TRAIN, statements, ["import flor", "from helper import probe"])

    assert "import flor\nfrom helper import probe\n" in text
    assert "            probe('nested')\n        probe('between')\n        mean" in text
    assert "                probe('if 2')\n                break\n            probe('nested 2')\n" in text
    assert len([line for line in text.splitlines() if "probe(" in line]) == len(every)


@pytest.mark.parametrize("script", matrix.all_scripts(), ids=str)
def test_every_script_has_questions_of_several_kinds_and_is_a_script_with_them(script: Script) -> None:
    asked = list(questions.questions_of(script))

    files = questions.with_questions(script, asked)

    assert len({question.place.kind for question in asked}) >= 3
    assert len({question.name for question in asked}) == len(asked)
    for name, text in files.items():
        before, after = (ast.dump(ast.parse(each)) for each in (script.files[name], text))
        assert before != after


def test_there_are_questions_of_every_kind_and_enough_of_them() -> None:
    asked = [each for script in matrix.all_scripts() for each in questions.questions_of(script)]

    assert {question.place.kind for question in asked} == KINDS | MORE_KINDS
    assert len(asked) >= 120
