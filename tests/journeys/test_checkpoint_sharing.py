"""What several states, runs and projects have in common is stored once."""

from pathlib import Path

from flor.checkpoints.store import CheckpointStore
from flor.runs.layout import Layout
from workplace import Workplace

EVERY = {"FLOR_EPSILON": "1", "FLOR_STRICT": "1"}
BACKBONE_BYTES = 8 * 250_000
TRAIN = """
import numpy as np
import flor

seed = flor.arg("seed", 0)
backbone, head = np.random.default_rng(0).random(250_000), np.zeros(1_000)
with flor.checkpointing(backbone=backbone, head=head):
    for epoch in flor.loop("epoch", range(15)):
        head += seed + epoch
flor.log("head", float(head[0]))
"""
LOAD = "import flor; print(float(flor.load('backbone').sum()), float(flor.load('head')[0]))"


def packs_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*/*.safetensors"))


def check_all(folder: Path, run_count: int) -> None:
    store = CheckpointStore(folder)
    assert len({kept.manifest.run for kept in store.all()}) == run_count
    for kept in store.all():
        for digest in kept.manifest.hashes():
            assert store.content(digest) is not None


def test_fifteen_epochs_and_three_runs_over_a_frozen_backbone_store_it_once(place: Workplace) -> None:
    place.run(TRAIN, env=EVERY)
    after_one = packs_bytes(place.layout.checkpoints)
    for seed in (1, 2):
        place.python("train.py", "--kwargs", f"seed={seed}", env=EVERY)

    assert after_one < 1.2 * BACKBONE_BYTES
    assert packs_bytes(place.layout.checkpoints) < 1.6 * BACKBONE_BYTES
    check_all(place.layout.checkpoints, run_count=3)


def test_two_clones_that_keep_their_stores_in_one_home_share_what_they_store(
    place: Workplace, tmp_path: Path
) -> None:
    home = {"FLOR_HOME": str(tmp_path / "stores")}
    place.write("train.py", TRAIN)
    place.git("add", "train.py")
    place.git("commit", "--quiet", "-m", "Train")
    other = Workplace(tmp_path / "elsewhere" / place.root.name, place.environ)
    place.git("clone", "--quiet", str(place.root), str(other.root))

    place.python("train.py", env=EVERY | home)
    other.python("train.py", "--kwargs", "seed=1", env=EVERY | home)

    [store] = (tmp_path / "stores").iterdir()
    folder = Layout(store).checkpoints
    check_all(folder, run_count=2)
    assert packs_bytes(folder) < 1.4 * BACKBONE_BYTES
    backbone, head = other.python("-c", LOAD, env=home).stdout.split()
    assert float(head) == 15 + sum(range(15))
    assert place.python("-c", LOAD, env=home).stdout.split() == [backbone, head]


def test_two_projects_of_one_repository_share_what_they_store(place: Workplace) -> None:
    for name in ("vision", "speech"):
        place.write(f"{name}/pyproject.toml", "[tool.flor]\n")
        place.write(f"{name}/train.py", TRAIN)
    place.git("add", ".")
    place.git("commit", "--quiet", "-m", "Two projects")

    for seed, name in enumerate(("vision", "speech")):
        place.python("train.py", "--kwargs", f"seed={seed}", env=EVERY, cwd=place.root / name)

    check_all(place.layout.checkpoints, run_count=2)
    assert packs_bytes(place.layout.checkpoints) < 1.4 * BACKBONE_BYTES
    heads = {
        name: place.python("-c", LOAD, cwd=place.root / name).stdout.split()[1]
        for name in ("vision", "speech")
    }
    assert heads == {"vision": "105.0", "speech": "120.0"}
