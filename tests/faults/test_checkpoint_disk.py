"""Checkpoints on a disk that is full, and in a store that was deleted or damaged between two runs."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flor.checkpoints.store import CheckpointStore
from workplace import Workplace

STATES_THAT_FIT = 5
TRAIN = """
import os, resource, time
import numpy as np
import flor

def set_limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

rng = np.random.default_rng(7)
weights = np.zeros(50_000)  # 0.4 MB
with flor.checkpointing(weights=weights, rng=rng):
    for epoch in flor.loop("epoch", range(12)):
        weights += rng.random(50_000)
        flor.log("sum", float(weights.sum()))
        if epoch == {full}:
            {fill}
        if epoch == 9:
            time.sleep(1)
            {free}
"""


@pytest.fixture
def small_disk(place: Workplace) -> Iterator[bool]:
    """A disk of 2 MB for checkpoints; False where this user may not mount one."""
    folder = place.layout.checkpoints
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    yield is_mounted
    if is_mounted:
        subprocess.run(["umount", str(folder)], check=True)


def train(place: Workplace, full: int, fill: str, free: str) -> str:
    script = TRAIN.replace("{full}", str(full)).replace("{fill}", fill).replace("{free}", free)
    return place.run(script, env={"FLOR_EPSILON": "1"}).stderr


def epochs(place: Workplace) -> list[int]:
    """The epochs whose state can be put back, each of which is checked."""
    run, store = place.only_run().run, CheckpointStore(place.layout.checkpoints)
    kept = store.kept(run, whole=True)
    for one in kept:
        for digest in one.manifest.hashes():
            assert store.content(digest) is not None
    numbers = [int(one.manifest.entry[8:-1]) for one in kept if "top" in one.manifest.entry]
    sums = place.values("sum")
    for number in numbers[1:]:
        load = f"import flor; print(float(flor.load('weights', epoch={number}).sum()))"
        assert float(place.python("-c", load).stdout) == sums[number - 1]
    return numbers


def check_that_training_went_on(place: Workplace, said: str) -> None:
    assert len(place.values("sum")) == 12
    assert place.statuses() == ["finished"]
    assert said.count("flor:") == 1
    assert place.only_run().faults
    assert not list(place.layout.checkpoints.rglob("*.tmp"))
    assert place.python("-m", "flor", "fsck").returncode == 0


def test_on_a_full_disk_training_goes_on_and_what_was_kept_before_is_whole(
    place: Workplace, small_disk: bool
) -> None:
    fill = "pass" if small_disk else "time.sleep(1); set_limit(100_000)"

    said = train(place, STATES_THAT_FIT - 1, fill, "pass")

    check_that_training_went_on(place, said)
    assert "No space left" in said or "File too large" in said
    assert epochs(place) == list(range(STATES_THAT_FIT))


def test_when_there_is_room_again_states_are_kept_again(place: Workplace, small_disk: bool) -> None:
    filler = place.layout.checkpoints / "filler"
    fill, free = "time.sleep(1); set_limit(100_000)", "set_limit(resource.RLIM_INFINITY)"
    if small_disk:
        filler.write_bytes(bytes(700_000))
        fill, free = "pass", f"os.unlink({str(filler)!r})"

    said = train(place, 2, fill, free)

    check_that_training_went_on(place, said)
    found = epochs(place)
    assert found[:3] == [0, 1, 2]
    assert 10 in found
    assert 5 not in found


TWO_RUNS = """
import numpy as np
import flor

seed = flor.arg("seed", 0)
backbone, weights = np.arange(40_000.0), np.full(1_000, float(seed))
with flor.checkpointing(backbone=backbone, weights=weights):
    for epoch in flor.loop("epoch", range(3)):
        weights += 1
"""
LOAD = "import flor; print(float(flor.load('backbone').sum()), flor.load('weights', epoch=2)[0])"
WANTED = f"{sum(range(40_000))}.0 3.0"


@pytest.fixture
def trained(place: Workplace) -> Workplace:
    """A project with one run whose states are there."""
    place.run(TWO_RUNS, env={"FLOR_EPSILON": "1"})
    return place


def again(place: Workplace, *kwargs: str) -> str:
    """Train once more; the run's id."""
    done = place.python("train.py", *kwargs, env={"FLOR_EPSILON": "1", "FLOR_STRICT": "1"})
    assert "Traceback" not in done.stderr
    return str(place.catalog().runs[-1].run)


def pack_of_the_backbone(place: Workplace) -> Path:
    return max(place.layout.checkpoints.glob("*/*.safetensors"), key=os.path.getsize)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_store_that_was_deleted_between_runs_is_begun_anew(trained: Workplace) -> None:
    shutil.rmtree(trained.layout.checkpoints)

    refused = trained.python("-c", LOAD, code=1)
    assert "CheckpointNotFound" in refused.stderr
    again(trained, "--kwargs", "seed=1")

    assert trained.python("-c", LOAD).stdout.strip() == WANTED
    assert trained.python("-m", "flor", "fsck").returncode == 0


def test_a_pack_that_was_deleted_is_told_and_what_a_later_run_needs_of_it_is_kept_again(
    trained: Workplace,
) -> None:
    [first] = [run.run for run in trained.catalog().runs]
    pack_of_the_backbone(trained).unlink()

    refused = trained.python("-c", LOAD, code=1)
    assert "has kept its state, or none of them is whole" in refused.stderr
    fsck = trained.python("-m", "flor", "fsck", code=1)
    assert f"of run {first} are missing or damaged" in fsck.stdout
    again(trained, "--kwargs", "seed=1")

    assert trained.python("-c", LOAD).stdout.strip() == WANTED


def test_a_flipped_bit_is_named_refused_and_mended_as_fsck_says(trained: Workplace) -> None:
    pack = pack_of_the_backbone(trained)
    flip(pack)

    refused = trained.python("-c", LOAD, code=1)
    assert f"{pack.name} is damaged" in refused.stderr
    fsck = trained.python("-m", "flor", "fsck", code=1)
    assert f"checkpoints/{pack.parent.name}/{pack.name} (pack)" in fsck.stdout
    assert "Delete it" in fsck.stdout
    pack.unlink()
    again(trained, "--kwargs", "seed=1")

    assert trained.python("-c", LOAD).stdout.strip() == WANTED


def test_a_run_that_rests_on_a_damaged_pack_is_told_so(trained: Workplace) -> None:
    """What an older pack has is not read through while training."""
    pack = pack_of_the_backbone(trained)
    flip(pack)
    again(trained, "--kwargs", "seed=1")

    refused = trained.python("-c", LOAD, code=1)

    assert f"{pack.name} is damaged" in refused.stderr
