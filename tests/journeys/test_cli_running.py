"""A run that is still going on, and one that was killed, seen from another process."""

import signal
import subprocess
import sys

import pytest

from journeys.cli_user import CliUser

WAIT = """import time
import flor

flor.arg("lr", 0.5)
for epoch in flor.loop("epoch", range(2)):
    flor.log("loss", 1.0 / (epoch + 1))
print("ready", flush=True)
time.sleep(120)
"""


@pytest.fixture
def user(tmp_path):
    return CliUser.with_repository(tmp_path / "project")


@pytest.fixture
def process(user):
    """A training run that has logged and now waits."""
    user.write("wait.py", WAIT)
    process = subprocess.Popen(
        [sys.executable, "wait.py"], cwd=user.folder, stdout=subprocess.PIPE, text=True
    )
    while "ready" not in process.stdout.readline():
        assert process.poll() is None
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_running_run_is_listed_with_what_it_has_logged(user, process):
    [run] = user.json("runs")

    assert (run["status"], run["duration_s"], run["values"]) == ("running", None, {"loss": 0.5})


def test_a_running_run_is_not_removed(user, process):
    done = user.process("rm", "last", "--yes")

    assert done.returncode == 1
    assert f"process {process.pid}" in done.stderr
    assert user.json("runs")[0]["status"] == "running"


def test_fsck_finds_no_fault_in_a_running_run(user, process):
    assert user.flor("fsck").returncode == 0


def test_gc_takes_nothing_from_a_running_run(user, process):
    done = user.flor("gc", "--yes")

    assert done.returncode == 0, done.stderr
    process.send_signal(signal.SIGKILL)
    process.wait()
    [run] = user.json("runs")
    assert (run["status"], run["values"]) == ("interrupted", {"loss": 0.5})


def test_a_killed_run_can_be_removed(user, process):
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert user.flor("rm", "last", "--yes").returncode == 0
    assert user.json("runs") == []
    assert not list((user.folder / ".flor" / "journals").glob("*.journal"))
