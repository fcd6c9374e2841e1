"""Many processes at once in one repository, and processes that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from flor.entities import RunId
from flor.snapshots import history, shadow

SOURCE = Path(shadow.__file__).parents[2]

PROGRAM = """
import json, os, sys, time
from pathlib import Path
from flor.config import Config
from flor.snapshots import shadow
from flor.snapshots.repository import locate

top, number = Path(sys.argv[1]), int(sys.argv[2])
repository, run = locate(top, {}), f"{number:016x}"

def turn(count):
    (top / f"own_{number}.py").write_text(f"count = {count}")
    taken = shadow.take(repository, top / ".flor/snapshots", Config())
    if number % 2:
        (top / "train.py").write_text(f"edited by {number}")
    shadow.close(repository, taken.version, run, "2026-01-02 03:04:05")
    return taken
"""

ONCE = (
    PROGRAM
    + """
print("ready", flush=True)
sys.stdin.read(1)
taken = turn(0)
print(json.dumps([run, taken.version.commit, taken.version.tree, taken.created_branch]))
"""
)

FOREVER = (
    PROGRAM
    + """
print("ready", flush=True)
count = 0
while True:
    count += 1
    turn(count)
"""
)


def start(user, program, number):
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(user.root), str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
    )
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process):
    out, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(out)


def test_16_runs_at_once_make_one_line_of_code_versions(user):
    head = user.head()
    processes = [start(user, ONCE, number) for number in range(16)]
    for process in processes:
        process.stdin.write("!")
        process.stdin.flush()
    results = [finish(process) for process in processes]

    parents = user.git("log", "--format=%P", "flor.shadow", "--not", head).splitlines()
    assert all(len(line.split()) == 1 for line in parents)
    assert sum(created for *_, created in results) == 1
    closed = {row.run: row for row in history.versions(user.repository) if row.run}
    assert len(closed) == 16
    for number, (run, commit, tree, _) in enumerate(results):
        assert closed[RunId(run)].tree == tree == user.git("rev-parse", f"{commit}^{{tree}}")
        assert user.files(commit)[f"own_{number}.py"] == b"count = 0"
    assert {path.suffix for path in user.snapshots.iterdir()} == {".index", ".json"}


def test_killed_processes_leave_a_repository_that_works(user):
    before = user.git("for-each-ref", "refs/heads/main"), (user.root / ".git/index").read_bytes()
    for number in range(1, 16, 2):
        process = start(user, FOREVER, number)
        time.sleep(0.01 * number)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    user.write("train.py", "print('after')\n")
    taken = user.run("f" * 16)

    assert user.files(taken.version.commit)["train.py"] == b"print('after')\n"
    assert (user.git("for-each-ref", "refs/heads/main"), (user.root / ".git/index").read_bytes()) == before
    user.git("fsck", "--no-dangling")
    assert all(row.run for row in history.versions(user.repository) if "Auto" in row.subject)


def test_what_killed_processes_left_in_the_store_is_swept_later(user):
    abandoned = user.write(".flor/snapshots/work-1-abcdef", "old")
    fresh = user.write(".flor/snapshots/work-2-abcdef", "in use")
    user.age(".flor/snapshots/work-1-abcdef")

    user.take()

    assert not abandoned.exists()
    assert fresh.exists()
