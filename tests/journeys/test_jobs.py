"""Processes of one job: ranks of one run, or runs of their own."""

import pytest

from workplace import Workplace, eventually

RANK = """
import os, flor
flor.log("x", int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))))
print("begun", flush=True)
input()
"""
BATCH = {"SLURM_JOB_ID": "71", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}
STEP = {"SLURM_JOB_ID": "71", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"}


def _together(place: Workplace, environs: list[dict[str, str]]) -> None:
    """Run `train.py` in each of these environments, all at the same time."""
    processes = [place.start("train.py", env=environ) for environ in environs]
    for process in processes:
        process.wait_for("begun")
    for process in processes:
        process.tell()
    assert [process.ended() for process in processes] == [0] * len(processes)


def test_two_calls_in_one_batch_script_are_two_runs(place: Workplace) -> None:
    for environ in (BATCH, BATCH | {"SLURM_STEP_ID": "4294967291"}):
        place.run("import flor\nflor.log('x', 1)", env=environ)

    assert len(place.catalog().runs) == 2


def test_the_tasks_of_one_step_are_one_run_and_a_second_script_another(place: Workplace) -> None:
    place.write("train.py", RANK)
    tasks = [STEP | {"SLURM_PROCID": str(rank)} for rank in range(4)]

    _together(place, tasks)
    _together(place, tasks)
    eventually(lambda: len(place.catalog().runs) == 2)

    assert [run.rank_count for run in place.catalog().runs] == [4, 4]
    for run in place.catalog().runs:
        assert [(row.rank, row.value) for row in place.rows("x", run=run.run)] == [(r, r) for r in range(4)]
        assert run.version
    assert sum("Auto-commit" in subject for subject in place.commits()) == 2
    _together(place, tasks)  # a third one, after the others have been sealed
    assert len(place.catalog().runs) == 3


def test_another_step_and_a_restarted_job_are_other_runs(place: Workplace) -> None:
    place.write("train.py", RANK)
    _together(place, [STEP | {"SLURM_PROCID": "0"}, STEP | {"SLURM_PROCID": "1"}])
    _together(place, [STEP | {"SLURM_PROCID": "0", "SLURM_STEP_ID": "1"}])
    _together(place, [STEP | {"SLURM_PROCID": "0", "SLURM_RESTART_COUNT": "1"}])

    assert [run.rank_count for run in place.catalog().runs] == [2, 1, 1]


@pytest.mark.parametrize("launch", ["none", "a1b2"])
def test_the_workers_of_one_torchelastic_launch_are_one_run(place: Workplace, launch: str) -> None:
    place.write("train.py", RANK)
    common = {"TORCHELASTIC_RUN_ID": launch, "TORCHELASTIC_RESTART_COUNT": "0", "WORLD_SIZE": "3"}

    _together(place, [common | {"RANK": str(rank)} for rank in range(3)])
    _together(place, [common | {"RANK": "0", "TORCHELASTIC_RESTART_COUNT": "1"}])

    assert [run.rank_count for run in place.catalog().runs] == [3, 1]


def test_only_rank_0_shows_what_is_logged(place: Workplace) -> None:
    place.write("train.py", RANK)
    tasks = [STEP | {"SLURM_PROCID": str(rank), "FLOR_ECHO": "all"} for rank in range(2)]
    processes = [place.start("train.py", env=environ) for environ in tasks]
    for process in processes:
        process.wait_for("begun")
        process.tell()
        process.ended()

    assert "committed" in processes[0].output[0]
    assert "committed" not in processes[1].output[0]
    assert place.frame("x")["x"].tolist() == [0]
    assert place.frame("x", ranks="all")[["rank", "x"]].to_numpy().tolist() == [[0, 0], [1, 1]]


def test_processes_join_the_run_that_they_are_told(place: Workplace) -> None:
    """Also after the run has been sealed: nothing is taken for what is there already."""
    script = "import flor\nfor i in range(5):\n    flor.log('x', i)"
    for expected in (5, 10, 15):
        place.run(script, env={"FLOR_RUN": "together"})
        assert len(place.values("x")) == expected

    assert place.only_run().run == "together"
    place.write("train.py", RANK)
    _together(place, [{"FLOR_RUN": "other", "RANK": str(rank)} for rank in range(2)])
    assert sorted(place.values("x", run=place.catalog().find("other").run)) == [0, 1]


def test_a_run_id_that_cannot_be_one_is_refused_before_training(place: Workplace) -> None:
    done = place.run("import flor\nflor.log('x', 1)", env={"FLOR_RUN": "../evil"}, code=1)

    assert "FLOR_RUN='../evil' is no run id." in done.stderr
    assert place.catalog().runs == ()
