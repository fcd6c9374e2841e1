"""Two ranks that train one model: each keeps its part, and only both parts are a state."""

import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from flor.checkpoints.entry import parse
from flor.checkpoints.points import Point, points
from flor.checkpoints.store import CheckpointStore
from journeys.launching import EVERY, free_port, launch, launched
from workplace import Workplace

MODEL = """
import os
import sys
import torch
import torch.distributed as dist
import flor
from torch import nn

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank, how = dist.get_rank(), sys.argv[1]


def build(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 501), nn.ReLU(), nn.BatchNorm1d(501), nn.Linear(501, 1))
    if how == "ddp":
        model = nn.parallel.DistributedDataParallel(model)
    else:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh("cpu", (2,))
        fully_shard(model[0], mesh=mesh)
        fully_shard(model, mesh=mesh)
    noise = torch.Generator().manual_seed(100 * seed + rank)
    return model, torch.optim.AdamW(model.parameters(), 0.01, weight_decay=0.1), noise


def train(model, optimizer, noise):
    for batch in data.split(10):
        loss = model(batch + torch.rand(batch.shape, generator=noise)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(flor.log("loss", loss.item()))


def whole(model):
    values = model.state_dict().values()
    full = [value.full_tensor() if hasattr(value, "full_tensor") else value for value in values]
    return torch.cat([value.detach().double().flatten() for value in full])


data, losses = torch.randn(40, 6, generator=torch.Generator().manual_seed(7 + rank)), []
"""
TRAIN = (
    MODEL
    + """
model, optimizer, noise = build(0)
with flor.checkpointing(model=model, optimizer=optimizer, noise=noise):
    for epoch in flor.loop("epoch", range(4)):
        train(model, optimizer, noise)
torch.save([whole(model), losses], f"{how}{rank}.pt")
del model, optimizer
dist.destroy_process_group()
"""
)
GO_ON = (
    MODEL
    + """
model, optimizer, noise = build(1)
train(model, optimizer, noise)
losses.clear()
flor.restore(sys.argv[2], epoch=2, into={"model": model, "optimizer": optimizer, "noise": noise})
for epoch in range(2):
    train(model, optimizer, noise)
wanted, all_losses = torch.load(f"{how}{rank}.pt")
assert losses == all_losses[-8:], (losses, all_losses)
assert torch.equal(whole(model), wanted)
os.write(1, b"exact %d" % rank + bytes([10]))  # at once: the ranks share the output
dist.barrier()
os._exit(0)  # what torch does at its end is not the matter here
"""
)
KINDS = ("ddp", "fsdp")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A project with a run of each kind, all states of which were kept."""
    place = Workplace.make(tmp_path_factory.mktemp("ranks") / "project", tmp_path_factory.mktemp("home"))
    place.write("train.py", TRAIN)
    place.write("go_on.py", GO_ON)
    for kind in KINDS:
        launch(place, "train.py", kind)
    return place


def run_of(place: Workplace, kind: str) -> str:
    return str(place.catalog().runs[KINDS.index(kind)].run)


@pytest.fixture
def copied(trained: Workplace, tmp_path: Path) -> Workplace:
    return replace(trained, root=shutil.copytree(trained.root, tmp_path / "project"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_rank_restores_its_own_part_and_goes_on_bit_for_bit(trained: Workplace, kind: str) -> None:
    said = launch(trained, "go_on.py", kind, run_of(trained, kind), FLOR_MODE="off")

    assert sorted(line for line in said.splitlines() if "exact" in line) == ["exact 0", "exact 1"]


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_the_state_is_kept_and_the_ranks_share_what_is_the_same(trained: Workplace, kind: str) -> None:
    store, run = CheckpointStore(trained.layout.checkpoints), run_of(trained, kind)
    kept = [one.manifest for one in store.kept(run, whole=True) if one.manifest.entry != "start"]

    assert [each.rank for each in kept] == [0] * (len(kept) // 2) + [1] * (len(kept) // 2)
    assert [each.opaque for each in kept] == [[]] * len(kept)
    first, second = (next(e for e in kept if e.rank == rank and "top(2)" in e.entry) for rank in (0, 1))
    common = {leaf.hash for leaf in first.leaves}
    own = sum(leaf.size_bytes for leaf in second.leaves if leaf.hash not in common)
    # Of several ranks with the same model only random state differs.
    assert own < (20_000 if kind == "ddp" else 0.8 * second.size_bytes)


def listed(place: Workplace, run: str) -> list[str]:
    rows = json.loads(place.python("-m", "flor", "checkpoints", run, "--json").stdout)
    return [one["entry"] for one in rows if one["entry"] != "start"]


def test_a_point_that_a_rank_lacks_is_marked_and_never_used(copied: Workplace) -> None:
    run = run_of(copied, "ddp")
    store = CheckpointStore(copied.layout.checkpoints)
    [lacking] = [one for one in store.kept(run) if one.manifest.rank and "top(2)" in one.manifest.entry]
    before = listed(copied, run)
    lacking.path.unlink()

    after = listed(copied, run)
    sql = "SELECT entry FROM checkpoints WHERE run = '{run}'".replace("{run}", run)
    rows = [one["entry"] for one in json.loads(copied.python("-m", "flor", "query", sql, "--json").stdout)]
    refused = copied.python("-c", f"import flor; flor.load('noise', {run!r}, epoch=2)", code=1)
    loaded = copied.python("-c", f"import flor; print(flor.load('noise', {run!r}, epoch=3))")

    assert before == [*(f"0/0 top({i})" for i in range(5)), "0/0 done", "0 end"]
    assert after == [entry for entry in before if entry != "0/0 top(2)"]
    assert {*rows, "start"} == {*after, "start"}
    assert "The nearest that was kept is epoch=1" in refused.stderr
    assert "Generator" in loaded.stdout


STEADY = (
    MODEL
    + """
import time

model, optimizer, noise = build(0)
with flor.checkpointing(model=model, optimizer=optimizer, noise=noise):
    for step in flor.loop("step", range(300)):
        train(model, optimizer, noise)
        time.sleep(0.005)
        if step == 150 and rank == 0:
            print("training", flush=True)
dist.destroy_process_group()
"""
)


def points_of(place: Workplace) -> list[Point]:
    """What the last run kept, without the random state at its beginning."""
    run = place.catalog().runs[-1].run
    kept = [one.manifest for one in CheckpointStore(place.layout.checkpoints).kept(run)]
    return points(each for each in kept if each.entry != "start")


def test_within_the_tolerance_all_ranks_keep_the_same_states(place: Workplace) -> None:
    place.write("train.py", STEADY)

    launch(place, "train.py", "ddp", FLOR_EPSILON="0.3")

    found = points_of(place)
    assert len(found) > 3
    assert [point for point in found if not point.is_complete] == []
    assert len(found) < 100
    assert list(place.layout.checkpoints.glob("*.tmp")) == []


def test_ranks_that_get_sigterm_end_with_a_state_of_all(place: Workplace) -> None:
    place.write("train.py", STEADY)
    started = launched(place, "train.py", "ddp", FLOR_EPSILON="0.02")
    started.wait_for("training")
    began = time.monotonic()

    started.signal(signal.SIGTERM)

    assert time.monotonic() - began < 30
    last = max(points_of(place), key=lambda point: parse(point.first.entry).order)
    assert last.is_complete
    assert parse(last.first.entry).iteration > 150
    assert place.statuses() == ["interrupted"]


SPAWNED = """
import os
import sys
import torch
import torch.distributed as dist
import flor


def work(rank, port):
    os.environ["RANK"] = str(rank)
    dist.init_process_group("gloo", rank=rank, world_size=2, init_method=f"tcp://127.0.0.1:{port}")
    torch.manual_seed(0)
    net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    noise = torch.Generator().manual_seed(rank)
    with flor.checkpointing(net=net, optimizer=optimizer, noise=noise):
        for epoch in flor.loop("epoch", range(3)):
            loss = net(torch.rand(20, 8, generator=noise)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        flor.log("weight", net.module.weight[0, 0].item())
    del net, optimizer
    dist.destroy_process_group()


if __name__ == "__main__":
    flor.log("begun", True)
    torch.multiprocessing.spawn(work, (int(sys.argv[1]),), nprocs=2)
"""


def test_children_that_a_script_connects_itself_are_ranks_of_its_run(place: Workplace) -> None:
    place.write("train.py", SPAWNED)
    place.python("train.py", str(free_port()), env=EVERY)

    found = points_of(place)
    assert [parse(point.first.entry).kind for point in found] == ["top"] * 4 + ["done", "end"]
    assert all(point.is_complete and len(point.manifests) == 2 for point in found)
    loaded = place.python("-c", "import flor; print(flor.load('net', epoch=3)['module.weight'][0, 0].item())")
    assert [float(loaded.stdout)] * 2 == place.values("weight")
