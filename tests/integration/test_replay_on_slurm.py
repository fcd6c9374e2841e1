"""A replay whose segments are jobs of a Slurm cluster; without one it is refused."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration import slurm_cluster
from workplace import Workplace

SCRIPT = """
    import flor

    total = 0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            for step in flor.loop("step", range(3)):
                total += step
                # nested
            flor.log("total", total)
    """


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a user of a cluster has set; nothing where there is none."""
    if not slurm_cluster.is_installed():
        yield {}
        return
    with slurm_cluster.running(tmp_path_factory.mktemp("slurm") / "cluster") as configuration:
        yield {"SLURM_CONF": str(configuration)}


@pytest.fixture
def asked(place: Workplace) -> Workplace:
    """A project with a run that lacks an answer for `probe`."""
    place.run(SCRIPT, env={"FLOR_EPSILON": "1000"})
    place.write("train.py", SCRIPT.replace("# nested\n", 'flor.log("probe", total * 2)\n'))
    return place


def replay(place: Workplace, code: int, **environ: str) -> str:
    command = ("-m", "flor", "replay", "probe", "--yes", "--executor", "slurm")
    done = place.python(*command, env=environ, code=code)
    return done.stdout + done.stderr


def test_answers_come_from_jobs_of_the_cluster(asked: Workplace, cluster: dict[str, str]) -> None:
    said = replay(asked, 0 if cluster else 1, **cluster)

    answers = [0, 2, 6, 6, 8, 12, 12, 14, 18] if cluster else []
    assert asked.values("probe") == answers, said
    assert not list(asked.layout.worktrees.iterdir())


def test_without_slurm_a_replay_is_refused_with_the_reason(asked: Workplace, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("git", "python3"):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program) or "")

    said = replay(asked, 1, PATH=str(tmp_path / "bin"))

    assert "error: Slurm does not take the jobs" in said
    assert "Traceback" not in said
