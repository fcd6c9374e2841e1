"""Killed anywhere, taking out leaves every state that is still listed everything it needs."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from flor.checkpoints import collection
from flor.checkpoints.budget import Wanted
from flor.checkpoints.store import CheckpointStore
from unit.checkpoints.given import manifest_of, state_of
from workplace import Workplace

TESTS = Path(__file__).parents[1]


def test_a_death_at_any_file_operation_costs_no_state_that_stays(tmp_path: Path) -> None:
    shared, store = bytes(60_000), tmp_path / "store"
    for run in ("gone", "old", "new"):
        for position in range(4):
            keep(store, run, position, {"shared": shared, "own": os.urandom(30_000)})
    environ = os.environ | {"PYTHONPATH": str(TESTS.parent / "src")}

    done = subprocess.run(
        [sys.executable, TESTS / "faults" / "taken_out.py", store],
        check=False,
        env=environ,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    *deaths, survived = done.stdout.splitlines()
    assert survived == "survived 0"
    assert len(deaths) > 50
    assert [line for line in deaths if not line.endswith(" 0")] == []


TRAIN = """
import sys
import flor
import numpy as np

shared, own = np.arange(20_000.0), np.zeros(2_000)
with flor.checkpointing(shared=shared, own=own):
    for epoch in flor.loop("epoch", range(int(sys.argv[1]))):
        own += flor.arg("add", 1)
        if epoch == 3:
            print("going", flush=True)
        if epoch % 7 == 6:
            shared += 1  # a state that an earlier run had too
"""


def test_a_run_that_trains_meanwhile_loses_nothing_to_gc(place: Workplace) -> None:
    place.run(TRAIN, "60", env={"FLOR_EPSILON": "1"})
    [old] = [run.run for run in place.catalog().runs]
    folder = place.layout.checkpoints
    started = place.start(
        "train.py", "200", "--kwargs", "add=2", env={"FLOR_EPSILON": "1", "FLOR_STRICT": "1"}
    )
    started.wait_for("going")
    new = next(run.run for run in place.catalog().runs if run.run != old)

    rounds = 0
    while started.process.poll() is None:
        wanted = Wanted((old, new), {new}, {old} if rounds else (), budget_bytes=1_000_000)
        # Not even young packs are spared: the lock alone must do.
        collection.take_out(folder, replace(wanted, running=()) if rounds % 2 else wanted)
        collection.compress(folder)
        rounds += 1

    assert started.ended() == 0, started.output
    store = CheckpointStore(folder)
    assert store.kept(new)
    assert {kept.manifest.run for kept in store.all()} == {new}
    for kept in store.all():
        for digest in kept.manifest.hashes():
            assert store.content(digest) is not None
    assert rounds > 3
    assert place.catalog().find(new).faults == ()


def keep(folder: Path, run: str, position: int, content: dict[str, bytes]) -> None:
    store = CheckpointStore(folder)
    described = msgspec.structs.replace(manifest_of(content, f"0/0 top({position})", position), run=run)
    missing = store.missing(described.hashes())
    store.keep(described, [blob for blob in state_of(content) if blob.hash in missing])
