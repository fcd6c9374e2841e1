"""Every script of the matrix is asked at each of its places: hindsight equals foresight, or is refused."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exactness import matrix
from exactness.hindsight import Answer, Asked, Replayer
from exactness.interpreters import OF_REPLAYS, Forking, ForkingExecutor
from exactness.matrix import Script
from flor.executors.local import LocalExecutor

AS_CONFIGURED = matrix.named(
    "digits_dropout", "early_stopping", "hidden_closures", "kfold", "sweep", "trainer_class"
)
APART = matrix.named("partial_fit", "shuffle_buffer", "three_levels")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[Forking]:
    with Forking(1) as interpreter:
        yield interpreter


@pytest.fixture(scope="module")
def others() -> Iterator[Forking]:
    """Another interpreter than the one that recorded: with other hashes and another random state."""
    with Forking(1, OF_REPLAYS) as interpreter:
        yield interpreter


@pytest.mark.parametrize("script", matrix.all_scripts(), ids=str)
def test_hindsight_equals_foresight(
    script: Script, one_thread: Forking, others: Forking, tmp_path: Path
) -> None:
    asked, replayer = Asked.of(script, one_thread, tmp_path), Replayer(ForkingExecutor(others))

    answers = [asked.answer(question, replayer) for question in asked.questions]

    assert [problem for answer in answers for problem in _problems(script, answer)] == []


@pytest.mark.parametrize("script", AS_CONFIGURED, ids=str)
def test_the_same_with_the_checkpoints_and_plans_that_pay_off(
    script: Script, one_thread: Forking, others: Forking, tmp_path: Path
) -> None:
    asked = Asked.of(script, one_thread, tmp_path, settings={})
    replayer = Replayer(ForkingExecutor(others), audit=None, restores=False)

    answers = [asked.answer(question, replayer) for question in asked.questions]

    assert [problem for answer in answers for problem in _problems(script, answer)] == []


@pytest.mark.parametrize("is_sliced", [True, False], ids=["sliced", "whole iterations"])
@pytest.mark.parametrize("script", APART, ids=str)
def test_the_same_in_processes_of_their_own_two_at_a_time(
    script: Script, is_sliced: bool, one_thread: Forking, tmp_path: Path
) -> None:
    asked = Asked.of(script, one_thread, tmp_path)
    replayer = Replayer(LocalExecutor(2), workers=2, is_sliced=is_sliced)

    answers = [
        asked.answer(each, replayer) for each in asked.questions if str(each) in ("nested", "behind: all")
    ]

    assert [problem for answer in answers for problem in _problems(script, answer)] == []
    assert max(len(plan.segments) for answer in answers for plan in answer.plans) == 2
    assert is_sliced or not any(answer.entered for answer in answers)


def _problems(script: Script, answer: Answer) -> list[str]:
    """What is wrong with an answer, or with its refusal."""
    allowed = answer.outcome != "refused" or re.search(script.unanswered or "(?!)", answer.reason)
    refused = [] if allowed else [f"refused: {answer.reason}"]
    return [f"{answer.question}: {problem}" for problem in (*answer.problems, *refused)]
