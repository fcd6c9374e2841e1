"""Two ranks of which one is killed go on together, and nobody can tell that they ever stopped."""

from pathlib import Path

import pandas as pd
import pytest

from flor.checkpoints.store import CheckpointStore
from journeys.launching import EVERY, launch, launched
from workplace import Workplace

SCRIPT = """
import os
import signal
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
if sys.argv[1] == "ddp":
    model = nn.parallel.DistributedDataParallel(model)
else:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (2,))
    fully_shard(model[0], mesh=mesh)
    fully_shard(model, mesh=mesh)
optimizer = torch.optim.Adam(model.parameters(), 0.01)
history = []


def whole(value):
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def train(epoch):
    for step, batch in enumerate(flor.loop("step", data[torch.randperm(32, generator=noise)].split(8))):
        loss = model(batch).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        flor.log("loss", loss.item())
        if os.path.exists(f"deaths/{epoch} {step} {rank}"):
            os.kill(os.getpid(), signal.SIGKILL)
    history.append(loss.item())


with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(5)):
        train(epoch)
        flor.log("norm", sum(whole(each).norm().item() for each in model.parameters()))
        with open(f"log{rank}.txt", "a") as file:
            file.write(f"{epoch} {history[-1]}\\n")
flor.log("weights", torch.cat([whole(each).detach().flatten() for each in model.parameters()]).tolist())
flor.log("history", history)
dist.destroy_process_group()
"""
NAMES = ("loss", "norm", "weights", "history")


def project(folder: Path) -> Workplace:
    place = Workplace.make(folder / "project", folder / "home")
    place.write(".gitignore", "*.txt\ndeaths\n")
    place.write("train.py", SCRIPT)
    (place.root / "deaths").mkdir()
    return place


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Workplace]:
    """Projects in which a run came to its end, by how its model was spread."""
    found = {how: project(tmp_path_factory.mktemp(how)) for how in ("ddp", "fsdp")}
    for how, place in found.items():
        launch(place, "train.py", how)
    return found


def killed(place: Workplace, how: str, death: str) -> None:
    """A run of which one rank is killed in a step."""
    path = place.root / "deaths" / death
    path.touch()
    started = launched(place, "train.py", how)
    assert started.ended()
    path.unlink()


def left(place: Workplace) -> tuple[pd.DataFrame, list[str]]:
    """All that a run has recorded and written."""
    frame = place.frame(*NAMES, ranks="all").drop(columns="tstamp")
    return frame, [(place.root / f"log{rank}.txt").read_text() for rank in (0, 1)]


@pytest.mark.parametrize(("how", "death"), [("ddp", "2 1 0"), ("ddp", "0 2 1"), ("fsdp", "3 3 1")])
def test_it_goes_on_as_if_nobody_had_been_killed(
    whole: dict[str, Workplace], tmp_path: Path, how: str, death: str
) -> None:
    place = project(tmp_path)
    killed(place, how, death)
    assert place.statuses() != ["finished"]

    done = place.python("-m", "flor", "resume", "last", env=EVERY)

    assert place.statuses() == ["finished"]
    assert "does not equal" not in done.stderr
    frame, written = left(place)
    expected, texts = left(whole[how])
    pd.testing.assert_frame_equal(frame, expected)
    assert written == texts


def test_a_state_that_one_rank_had_not_kept_is_passed_over(tmp_path: Path) -> None:
    place = project(tmp_path)
    killed(place, "ddp", "3 1 0")
    run = place.only_run().run
    for kept in CheckpointStore(place.layout.checkpoints).kept(run):
        if kept.manifest.rank and "(3)" in kept.manifest.entry:
            kept.path.unlink()

    done = place.python("-m", "flor", "resume", "last", env=EVERY)

    assert "passed over: after epoch 3: not every rank had kept its part of it" in done.stderr
    assert place.statuses() == ["finished"]


def test_where_no_rank_can_go_on_the_run_is_left_as_it_is(tmp_path: Path) -> None:
    place = project(tmp_path)
    killed(place, "ddp", "1 1 1")
    before = place.rows(), place.statuses()
    place.write("train.py", SCRIPT.replace("0.01", "0.02"))

    refused = place.python("-m", "flor", "resume", "last", env=EVERY, code=1)

    assert "its code has changed since: train.py" in refused.stderr
    assert (place.rows(), place.statuses()) == before
