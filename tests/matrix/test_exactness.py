"""The whole matrix of tests/exactness: two threads, killed at every moment, and in fresh interpreters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exactness import harness, matrix, said
from exactness.interpreters import Forking, Fresh, Interpreter
from exactness.matrix import Script
from exactness.project import Project
from exactness.resume import flor_resume, killed, killed_and_resumed, uninterrupted
from exactness.said import Place

BY_CHANCE = [script for script in matrix.all_scripts() if script.by_chance]
OTHERS = [script for script in matrix.all_scripts() if not script.by_chance]


@pytest.fixture(scope="module")
def two_threads() -> Iterator[Forking]:
    with Forking(threads=2) as interpreter:
        yield interpreter


@pytest.mark.parametrize("script", matrix.all_scripts(), ids=str)
def test_what_the_program_says_is_kept_with_two_threads_too(
    script: Script, two_threads: Forking, tmp_path: Path
) -> None:
    assert harness.differences(script, two_threads, tmp_path) == []


@pytest.mark.parametrize("script", matrix.all_scripts(), ids=str)
def test_what_was_said_outlives_a_kill_at_every_moment(
    script: Script, two_threads: Forking, tmp_path: Path
) -> None:
    wanted = uninterrupted(script, two_threads, tmp_path)

    dead = {moment: killed(script, moment, wanted, two_threads, tmp_path) for moment in script.kill}

    assert {moment: one.problems for moment, one in dead.items() if one and one.problems} == {}


@pytest.mark.parametrize("script", matrix.all_scripts(), ids=str)
def test_a_run_that_was_killed_is_resumed_exactly_or_refused_for_a_reason_of_its_own(
    script: Script, two_threads: Forking, tmp_path: Path
) -> None:
    wanted, resume = uninterrupted(script, two_threads, tmp_path), flor_resume(Fresh(threads=2))

    reports = [
        killed_and_resumed(script, moment, wanted, two_threads, resume, tmp_path) for moment in script.kill
    ]

    assert {report.moment: report.problems for report in reports if report.problems} == {}
    assert script.refusal or any(report.is_late for report in reports)


@pytest.mark.parametrize("script", OTHERS, ids=str)
def test_a_script_says_the_same_in_every_process(
    script: Script, two_threads: Forking, tmp_path: Path
) -> None:
    once, again = heard(script, two_threads, tmp_path), heard(script, Fresh(threads=2), tmp_path)

    assert said.first_difference(once, again) == ""


@pytest.mark.parametrize("script", BY_CHANCE, ids=str)
def test_a_script_without_a_seed_does_not(script: Script, two_threads: Forking, tmp_path: Path) -> None:
    once = heard(script, two_threads, tmp_path)

    # Three names have six orders: one more process may by chance have the same.
    others = (heard(script, Fresh(threads=2), tmp_path) for _ in range(6))

    assert any(said.first_difference(once, other) for other in others)


def heard(script: Script, interpreter: Interpreter, folder: Path) -> list[Place]:
    """What the script says without FlorDB."""
    project = Project.make(folder / f"{len(list(folder.iterdir()))}", script)
    for command in script.commands[: len(script.before) + 1]:
        project.heard.unlink(missing_ok=True)
        project.run(interpreter, command, listening=True)
    return [one.place for one in said.heard(project.heard, script.volatile)]
