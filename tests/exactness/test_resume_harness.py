"""The harness that kills and resumes tells an exact resume from any other. (The scripts use torch.)

Whoever resumes here only runs the script again, which is exact for a script that keeps nothing in files.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from exactness import matrix
from exactness.interpreters import Ended, Forking, Fresh, Interpreter
from exactness.matrix import Script
from exactness.project import Project
from exactness.resume import Resume, Resumed, killed_and_resumed, uninterrupted
from flor.entities import RunId


def script_named(name: str) -> Script:
    [script] = matrix.named(name)
    return script


def rerun(interpreter: Interpreter, *argv: str) -> Resume:
    """Runs the script again, as a run of its own; `argv` is given in place of its arguments."""

    def resume(project: Project, script: Script, run: RunId) -> Resumed:
        ended = project.run(interpreter, [script.main, *(argv or script.argv)])
        return Resumed(ended, project.catalog().runs[-1].run)

    return resume


def says(code: int, stderr: str = "") -> Resume:
    """Does nothing but end."""
    return lambda project, script, run: Resumed(Ended(code, "", stderr), run)


@pytest.mark.parametrize("moment", ["loss 7", "val_acc 2", "loss 12 + 3 ms", "loss 20 SIGTERM"])
def test_a_run_is_killed_at_the_moment_and_an_exact_resume_passes(
    moment: str, one_thread: Forking, tmp_path: Path
) -> None:
    script = script_named("digits_dropout")
    wanted = uninterrupted(script, one_thread, tmp_path)

    report = killed_and_resumed(script, moment, wanted, one_thread, rerun(one_thread), tmp_path)

    assert (report.outcome, report.problems) == ("resumed", [])


def test_a_script_without_a_seed_is_compared_too_and_a_new_draw_does_not_pass(
    one_thread: Forking, fresh: Fresh, tmp_path: Path
) -> None:
    script = script_named("unseeded_model")
    wanted = uninterrupted(script, one_thread, tmp_path)

    same = killed_and_resumed(script, "loss 4", wanted, one_thread, rerun(one_thread), tmp_path)
    drawn = killed_and_resumed(script, "val_acc 2", wanted, one_thread, rerun(fresh), tmp_path)

    assert same.problems == []
    assert "record number 2 is loss" in drawn.problems[0]


def test_a_resume_with_another_argument_does_not_pass(one_thread: Forking, tmp_path: Path) -> None:
    script = script_named("adam_groups")
    wanted = uninterrupted(script, one_thread, tmp_path)

    report = killed_and_resumed(
        script, "loss 5", wanted, one_thread, rerun(one_thread, "--kwargs", "lr=0.021"), tmp_path
    )

    assert report.problems == ["record number 1 is lr = 0.021, not lr = 0.02"]


def test_a_resume_that_does_nothing_does_not_pass(one_thread: Forking, tmp_path: Path) -> None:
    script = script_named("adam_groups")
    wanted = uninterrupted(script, one_thread, tmp_path)

    report = killed_and_resumed(script, "loss 5", wanted, one_thread, says(0), tmp_path)

    assert "exit code 0 and interrupted, not 0" in report.problems[0]
    assert "is missing (8 of 27)" in report.problems[1]


def test_a_refusal_passes_where_the_script_names_its_reason_and_nowhere_else(
    one_thread: Forking, tmp_path: Path
) -> None:
    script = script_named("hidden_coroutine")
    wanted = uninterrupted(script, one_thread, tmp_path)

    def refused(who: Script, message: str, moment: str) -> list[str]:
        return killed_and_resumed(who, moment, wanted, one_thread, says(1, message), tmp_path).problems

    assert refused(script, "`rates` is a generator, which cannot be kept.", "loss 5") == []
    assert refused(script, "The disk is full.", "rate 2") != []
    assert refused(replace(script, refusal=""), "`rates` is a generator.", "loss 9") != []
    assert refused(script, "Traceback (most recent call last): generator", "loss 16") != []


def test_files_that_a_run_had_written_count(one_thread: Forking, tmp_path: Path) -> None:
    script = script_named("resumes_from_file")
    wanted = uninterrupted(script, one_thread, tmp_path)

    report = killed_and_resumed(script, "mean_loss 2", wanted, one_thread, rerun(one_thread), tmp_path)

    assert "first_epoch = 4, not first_epoch = 3" in report.problems[0]


def test_a_moment_that_never_comes_is_reported(one_thread: Forking, tmp_path: Path) -> None:
    script = script_named("adam_groups")
    wanted = uninterrupted(script, one_thread, tmp_path)

    report = killed_and_resumed(script, "loss 1000", wanted, one_thread, says(0), tmp_path)

    assert (report.outcome, report.problems) == ("never killed", ["the run came to its end"])
