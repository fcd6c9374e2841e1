"""kill -9 while checkpoints are written: the store is whole, and what it lists can be put back."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flor.checkpoints import collection
from flor.checkpoints.budget import Wanted
from flor.checkpoints.store import CheckpointStore
from workplace import Workplace

TESTS = Path(__file__).parents[1]


def test_fifty_deaths_inside_the_writer_leave_a_store_that_is_whole(tmp_path: Path) -> None:
    store = tmp_path / "store"
    done = subprocess.run(
        [sys.executable, TESTS / "faults" / "written.py", store, "50"],
        check=False,
        env=os.environ | {"PYTHONPATH": str(TESTS.parent / "src")},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    *deaths, survived = done.stdout.splitlines()
    assert len(deaths) == 50
    assert [line for line in deaths if len(line.split()) > 1] == []
    assert deaths.count("none") < 10
    assert survived == "survived 5"
    _take_out_what_the_dead_left(store)


def _take_out_what_the_dead_left(store: Path) -> None:
    before = CheckpointStore(store).kept("last", whole=True)
    runs = {kept.manifest.run for kept in CheckpointStore(store).all()} - {"last"}
    assert len(runs) > 10  # of many something was kept before they died

    collection.take_out(store, Wanted(unwanted=runs))

    assert CheckpointStore(store).kept("last", whole=True) == before
    assert {path.parent.name for path in store.glob("*/*.manifest")} == {"last.0.0"}


TRAIN = """
import os, sys
import numpy as np
import flor

rng = np.random.default_rng(7)
weights, frozen = np.zeros(400_000), rng.random(200_000)
with flor.checkpointing(weights=weights, frozen=frozen, rng=rng):
    for epoch in flor.loop("epoch", range(400)):
        weights += rng.random(400_000)
        flor.log("sum", float(weights.sum()))
        if epoch == 4:
            print("training", flush=True)
"""
LOOK = """
import json, sys
import flor
from flor.errors import CheckpointNotFound

found = {}
for epoch in range(1, 400):
    try:
        found[epoch] = float(flor.load("weights", epoch=epoch).sum())
    except CheckpointNotFound:
        continue
print(json.dumps(found))
"""


@pytest.mark.parametrize("delay_s", [0.01, 0.1, 0.3])
def test_a_training_run_killed_while_it_writes_lists_only_what_it_can_give_back(
    place: Workplace, delay_s: float
) -> None:
    place.write("train.py", TRAIN)
    process = place.start("train.py", env={"FLOR_EPSILON": "1", "FLOR_STRICT": "1"})
    process.wait_for("training")
    time.sleep(delay_s)
    process.kill()

    assert place.python("-m", "flor", "fsck").returncode == 0
    found = json.loads(place.python("-c", LOOK).stdout)
    sums = place.values("sum")
    assert found
    assert all(sums[int(epoch) - 1] == value for epoch, value in found.items())
