"""Tasks on clusters: Slurm where it is installed, else as submitit runs jobs here; and Ray."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration import slurm_cluster
from workplace import eventually

PROJECT = Path(__file__).parents[2]

DRIVER = """
import json, os, sys
from pathlib import Path
from flor.executors import choice
from flor.executors.tasks import Task

here, given = Path.cwd(), json.loads(sys.argv[1])
executor = choice.named(given["name"], 2, here / "jobs", given["options"])
if given["cluster"]:
    from dataclasses import replace
    executor = replace(executor, cluster=given["cluster"])

def task(name, code):
    return Task(name, (sys.executable, "-c", code), here, dict(os.environ), here / "logs" / name)

events, found = [], {}
with executor.run([task(*each) for each in given["tasks"].items()], events.append) as outcomes:
    for outcome in outcomes:
        facts = dict(code=outcome.exit_code, signal=outcome.signal, tail=outcome.tail)
        facts["words"] = outcome.explanation()
        found[outcome.task] = facts
        if outcome.task == given["until"]:
            break
Path("found").write_text(json.dumps(found))
"""
GOOD = "import os; print('hello from', os.path.basename(os.getcwd()))"
FAILING = "print('about to'); raise SystemExit(3)"
KILLED = "import os; os.kill(os.getpid(), 9)"
LONG = "import os, time; print(os.getpid(), file=open('long', 'w')); time.sleep(600)"
SHORT = """
import os, time
while not (os.path.exists("long") and open("long").read()):
    time.sleep(0.1)
"""


ENDED = """
import os, time
guard = os.getppid()
waiting = int(open(f"/proc/{guard}/stat").read().rpartition(")")[2].split()[1])
os.kill(waiting, 9)  # as a scheduler does it
time.sleep(600)
"""


class Cluster:
    """Where tasks run, and how to get there."""

    def __init__(
        self, python: Path, name: str, cluster: str = "", environ: dict[str, str] | None = None
    ) -> None:
        self.python, self.name, self.cluster, self.environ = python, name, cluster, environ or {}

    def run(self, folder: Path, until: str = "", **tasks: str) -> dict[str, dict[str, object]]:
        """How tasks end; those that run when `until` has ended are given up."""
        options = {"address": "local"} if self.name == "ray" else {}
        given = {
            "name": self.name,
            "options": options,
            "cluster": self.cluster,
            "tasks": tasks,
            "until": until,
        }
        done = subprocess.run(
            [self.python, "-c", DRIVER, json.dumps(given)],
            cwd=folder, env={**os.environ, **self.environ}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found: dict[str, dict[str, object]] = json.loads((folder / "found").read_text())
        return found


@pytest.fixture(scope="module", params=["slurm", "ray"])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "ray":
        yield Cluster(_environment(folder / "env", "ray"), "ray")
    elif slurm_cluster.is_installed():
        with slurm_cluster.running(folder / "cluster") as configuration:
            yield Cluster(Path(sys.executable), "slurm", "slurm", {"SLURM_CONF": str(configuration)})
    else:
        yield Cluster(Path(sys.executable), "slurm", "local")


def _environment(folder: Path, extra: str) -> Path:
    """An environment with FlorDB and one of its extras."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", PROJECT / "constraints.txt"]
    subprocess.run([*install, f"{PROJECT}[{extra}]"], check=True)
    return python


def test_outcomes_tell_how_tasks_ended(cluster: Cluster, tmp_path: Path) -> None:
    found = cluster.run(tmp_path, good=GOOD, failing=FAILING, killed=KILLED)

    assert found["good"] == {"code": 0, "signal": None, "tail": f"hello from {tmp_path.name}\n", "words": ""}
    assert (found["failing"]["code"], found["failing"]["tail"]) == (3, "about to\n")
    assert (found["killed"]["code"], found["killed"]["signal"]) == (None, 9)


def test_what_is_given_up_ends(cluster: Cluster, tmp_path: Path) -> None:
    found = cluster.run(tmp_path, until="short", long=LONG, short=textwrap.dedent(SHORT))

    pid = int((tmp_path / "long").read_text())
    assert list(found) == ["short"]
    eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_a_job_that_the_cluster_ends_is_reported(cluster: Cluster, tmp_path: Path) -> None:
    found = cluster.run(tmp_path, ended=ENDED, good=GOOD)

    assert found["good"]["code"] == 0
    assert found["ended"]["code"] is None
    assert (
        str(found["ended"]["words"]).startswith("did not run to its end: ") or found["ended"]["signal"] == 9
    )
