"""Questions to a run of two ranks: they are executed again together, and each answers for itself."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flor.checkpoints.store import CheckpointStore
from journeys.launching import launch
from workplace import Workplace

SCRIPT = """
import sys
import torch
import torch.distributed as dist
import flor
from torch import nn

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
noise = torch.Generator().manual_seed(rank)
data = torch.randn(32, 6, generator=noise)
model = nn.Sequential(nn.Linear(6, 40), nn.Dropout(0.2), nn.ReLU(), nn.BatchNorm1d(40), nn.Linear(40, 1))
# prefix
if sys.argv[1] == "ddp":
    model = nn.parallel.DistributedDataParallel(model)
else:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (2,))
    fully_shard(model[0], mesh=mesh)
    fully_shard(model, mesh=mesh)
optimizer = torch.optim.Adam(model.parameters(), 0.01)


def whole(value):
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def train():
    for batch in flor.loop("step", data[torch.randperm(32, generator=noise)].split(8)):
        loss = model(batch).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # inner
    flor.log("loss", loss.item())


with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(5)):
        # top
        train()
        # behind
        if rank == 0:
            pass
            # first
# after
dist.destroy_process_group()
"""
PROBES = {
    "prefix": "flor.log('prefix', [list(each.shape) for each in model.parameters()])",
    "inner": "flor.log('inner', [loss.item(), noise.get_state().sum().item()])",
    "top": "flor.log('top', sum(whole(each).norm().item() for each in model.parameters()))",
    "behind": "summed = data.sum() * epoch; dist.all_reduce(summed); flor.log('behind', summed.item())",
    "first": "flor.log('first', optimizer.state_dict()['state'][0]['step'].item())",
    "after": "flor.log('after', model.state_dict().keys().__len__())",
}
KINDS = ("ddp", "fsdp")


def probed(probes: dict[str, str]) -> str:
    text = SCRIPT
    for where, probe in probes.items():
        text = text.replace(f"# {where}\n", f"{probe}\n")
    return text


def trained(folder: Path, script: str) -> Workplace:
    place = Workplace.make(folder / "project", folder / "home")
    place.write("train.py", script)
    for kind in KINDS:
        launch(place, "train.py", kind)
    return place


@pytest.fixture(scope="module")
def foresight(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return trained(tmp_path_factory.mktemp("foresight"), probed(PROBES))


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return trained(tmp_path_factory.mktemp("past"), SCRIPT)


@pytest.fixture
def place(past: Workplace, tmp_path: Path) -> Workplace:
    return replace(past, root=shutil.copytree(past.root, tmp_path / "project", symlinks=True))


def asked(place: Workplace, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """The lines of the report."""
    done = place.python("-m", "flor", "replay", *arguments, "--yes", "--json", code=code)
    return list(json.loads(done.stdout)["runs"])


def answers(place: Workplace) -> list[pd.DataFrame]:
    """What each rank has under each name, run by run."""
    found = [place.frame("loss", name, ranks="all").drop(columns="tstamp") for name in PROBES]
    return [frame.astype(object).where(frame.notna(), None) for frame in found]


def test_hindsight_equals_foresight_for_every_rank(place: Workplace, foresight: Workplace) -> None:
    place.write("train.py", probed(PROBES))

    report = asked(place, ",".join(PROBES), "--audit", "1")

    assert [one["diverged"] for one in report] == [0, 0]
    assert [one["obtained"] for one in report] == [2 * (1 + 20 + 5 + 5 + 1) + 5] * 2
    for found, wanted in zip(answers(place), answers(foresight), strict=True):
        pd.testing.assert_frame_equal(found, wanted)


def test_only_the_rest_is_executed_where_states_were_kept(place: Workplace) -> None:
    place.write("train.py", probed({"behind": PROBES["behind"]}))

    report = asked(place, "behind", "--audit", "1", "--runs", str(place.catalog().runs[0].run))

    assert [(one["level"], one["verified"], one["unverified"]) for one in report] == [("outer", 10, 0)]


def test_a_probe_that_raises_in_one_rank_is_named_and_the_others_do_not_wait(place: Workplace) -> None:
    place.write("train.py", probed({"behind": "flor.log('behind', 1 // (1 - rank))"}))

    report = asked(place, "behind", "--runs", str(place.catalog().runs[0].run), code=1)

    assert "ZeroDivisionError" in report[0]["reason"]
    assert "train.py, line" in report[0]["reason"]


def jumps(place: Workplace, run: str) -> list[str]:
    shown = place.python("-m", "flor", "replay", "after", "--dry-run", "--json", "--runs", run)
    [plan] = json.loads(shown.stdout)["plans"]
    return [jump for segment in plan["segments"] for jump in segment["jumps"]]


def test_a_state_of_which_a_rank_lacks_its_part_is_not_entered(place: Workplace) -> None:
    run = str(place.catalog().runs[0].run)
    place.write("train.py", probed({"after": PROBES["after"]}))
    before = jumps(place, run)
    for kept in CheckpointStore(place.layout.checkpoints).kept(run):
        if kept.manifest.rank and kept.manifest.entry in before:
            kept.path.unlink()

    after = jumps(place, run)
    report = asked(place, "after", "--runs", run)

    assert before
    assert set(before).isdisjoint(after)
    assert (report[0]["obtained"], report[0]["diverged"]) == (2, 0)
