"""However a run is killed: each file that it had written is put back exactly, or named."""

import random
import time
from pathlib import Path

import pytest

from flor.checkpoints.entry import parse
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.store import CheckpointStore
from flor.replay import outputs
from journeys.remembered import contents, files_of, settle
from workplace import Workplace

# Every iteration writes in many ways; at each header the tree is copied: that is how it has to look.
SCRIPT = """
    import os, pathlib, shutil, time
    import flor, numpy as np

    class Headers:
        epoch = -1
        def __iter__(self):
            return self
        def __next__(self):
            self.epoch += 1
            ignore = shutil.ignore_patterns(".flor", ".git", "__pycache__")
            shutil.copytree(".", f"../copies/{self.epoch}.part", ignore=ignore)
            os.rename(f"../copies/{self.epoch}.part", f"../copies/{self.epoch}")
            return self.epoch

    pathlib.Path("../copies").mkdir(exist_ok=True)
    rows = open("rows.csv", "w", buffering=1)
    weights = np.zeros(4)
    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", Headers()):
            weights += epoch
            epoch == 1 and print("begun", flush=True)
            flor.log("sum", float(weights.sum()))
            rows.write(f"{epoch},{weights.sum()}\\n")
            np.save("best.npy", weights)
            with open("log.txt", "a") as log:
                log.write(f"epoch {epoch}\\n")
            pathlib.Path("out").mkdir(exist_ok=True)
            np.savez(f"out/{epoch}.npz", weights=weights)
            pathlib.Path("state.tmp").write_bytes(bytes([epoch % 256]) * 100)
            os.replace("state.tmp", "state.bin")
            pathlib.Path(f"out/{epoch - 3}.npz").unlink(missing_ok=True)
            time.sleep(0.005)
    """


@pytest.mark.parametrize("epsilon", ["0.5", "1000"])
@pytest.mark.parametrize("seed", range(4))
def test_files_are_as_they_were_at_the_last_state_that_was_kept_or_named(
    place: Workplace, seed: int, epsilon: str
) -> None:
    place.write("train.py", SCRIPT)
    settle()
    started = place.start("train.py", env={"FLOR_EPSILON": epsilon})
    started.wait_for("begun")
    time.sleep(random.Random(seed).uniform(0.0, 1.5))
    started.kill()

    entry, copied = last_kept(place)
    then = contents(copied)

    done = outputs.put_back(files_of(place), entry.facts["files"], place.root, place.layout)

    now, unknown = contents(place.root), {path for path, _ in done.unknown}
    assert {path for path in now.keys() | then.keys() if now.get(path) != then.get(path)} <= unknown


def last_kept(place: Workplace) -> tuple[Manifest, Path]:
    """The last state that was kept, and the copy of the tree that was made there."""
    kept = CheckpointStore(place.layout.checkpoints).kept(place.only_run().run)
    tops = [one.manifest for one in kept if parse(one.manifest.entry).kind == "top"]
    found = [(top, place.root.parent / "copies" / str(parse(top.entry).iteration)) for top in tops]
    return [(top, copied) for top, copied in found if copied.exists()][-1]
