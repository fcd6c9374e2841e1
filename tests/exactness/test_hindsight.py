"""What is asked of past runs is, bit for bit, what they would have logged. Here a sample; all in integration.

The scripts use torch or scikit-learn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from exactness import matrix
from exactness.hindsight import Answer, Asked, Replayer
from exactness.interpreters import OF_REPLAYS, Forking, ForkingExecutor
from exactness.said import Place

SAMPLE = (
    ("batch_norm", "between"),
    ("best_checkpoint_file", "suffix"),
    ("caught_exceptions", "end"),
    ("hidden_module_globals", "function 2"),
    ("hidden_modes", "with"),
    ("main_function", "called loop"),
    ("several_blocks", "suffix 2: all"),
    ("sweep", "behind: all"),
    ("three_levels", "behind 2"),
    ("trainer_fit_return", "top: all"),
)


@pytest.fixture(scope="module")
def others() -> Iterator[Forking]:
    """Another interpreter than the one that recorded: with other hashes and another random state."""
    with Forking(1, OF_REPLAYS) as interpreter:
        yield interpreter


@pytest.fixture(scope="module")
def asked(one_thread: Forking, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    [script] = matrix.named("plain_numpy")
    return Asked.of(script, one_thread, tmp_path_factory.mktemp("asked") / "of")


def answer(asked: Asked, name: str, replayer: Replayer) -> Answer:
    [question] = [one for one in asked.questions if str(one) == name]
    return asked.answer(question, replayer)


@pytest.mark.parametrize(("script", "name"), SAMPLE)
def test_hindsight_equals_foresight(
    script: str, name: str, one_thread: Forking, others: Forking, tmp_path: Path
) -> None:
    [found] = matrix.named(script)

    given = answer(Asked.of(found, one_thread, tmp_path), name, Replayer(ForkingExecutor(others)))

    assert (given.outcome, given.reason, given.problems) == ("exact", "", ())
    assert given.rows


@dataclass(frozen=True)
class Meddling:
    """An executor that does something else besides."""

    others: Forking
    path: Path

    def run(self, *arguments: Any) -> Any:
        self.path.write_text("changed\n")
        return ForkingExecutor(self.others).run(*arguments)


def test_a_file_that_a_replay_changes_is_noticed(asked: Asked, others: Forking) -> None:
    notes = asked.hindsight.root / "notes.txt"

    given = answer(asked, "top", Replayer(Meddling(others, notes)))

    assert given.problems == ("files changed: notes.txt",)


def test_a_wrong_or_missing_row_is_noticed(asked: Asked, others: Forking) -> None:
    question = next(one for one in asked.questions if str(one) == "end")
    given = asked.answer(question, Replayer(ForkingExecutor(others)))
    rows = [one for one in asked.wanted[0] if one.name == question.name]

    def problems(*wanted: Place) -> Sequence[str]:
        """Where these rows stand in foresight in place of the first."""
        run = [other for one in asked.wanted[0] for other in (wanted if one == rows[0] else (one,))]
        return replace(asked, wanted=[run, *asked.wanted[1:]]).differences(question)

    assert given.problems == ()
    assert list(problems(rows[0])) == []
    assert "end = " in problems(replace(rows[0], value=("float", (0.0).hex())))[0]
    assert "end = " in problems()[0]
    assert "end = " in problems(rows[0], rows[0])[0]
