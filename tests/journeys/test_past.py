"""`flor.load` and `flor.restore`: what a run's objects were, compared with what the run itself saved."""

import shutil
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from workplace import Workplace

TRAIN = """
import sys
from collections import deque
import flor
import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.fc1 = torch.nn.Linear(8, hidden)
        self.bn = torch.nn.BatchNorm1d(hidden)
        self.fc2 = torch.nn.Linear(hidden, 8)
        self.fc3 = torch.nn.Linear(8, hidden)
        self.fc3.weight = self.fc1.weight  # tied
        self.register_buffer("seen", torch.zeros(3), persistent=False)

    def forward(self, x):
        self.seen += 1
        return self.fc2(torch.relu(self.bn(self.fc1(x) + self.fc3(x))))


class History:
    def __init__(self):
        self.losses, self.best = [], None


def main():
    torch.manual_seed(0)
    net, history, average = Net(), History(), np.zeros(4)
    opt = torch.optim.Adam(net.parameters())
    sched = torch.optim.lr_scheduler.StepLR(opt, 1)
    x = torch.randn(64, 8)
    both = {"seed": 7, "text": "x" * 2000, "recent": deque(maxlen=2)}
    with flor.checkpointing(net=net, opt=opt, sched=sched, history=history, average=average, **both):
        for epoch in flor.loop("epoch", range(9)):
            for batch in flor.loop("step", x.split(16)):
                loss = (net(batch) - batch).square().mean()
                opt.zero_grad()
                loss.backward()
                opt.step()
                history.losses.append(loss.item())
                average += 1
            sched.step()
            saved = {"net": net.state_dict(), "opt": opt.state_dict(), "sched": sched.state_dict()}
            torch.save(saved | {"losses": history.losses, "average": average}, f"epoch{epoch + 1}.pt")
            if epoch == 3:
                break


if __name__ == "__main__":
    main()
"""
CHECK = """
import sys
import pytest
import numpy as np
import torch
import flor
from flor.errors import FlorError

epoch = int(sys.argv[1])
saved = torch.load(f"epoch{epoch}.pt", weights_only=False)


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A project whose only run kept every state, and saved for comparison what it would return."""
    place = Workplace.make(tmp_path_factory.mktemp("past") / "project", tmp_path_factory.mktemp("home"))
    place.run(TRAIN, env={"FLOR_STRICT": "1", "FLOR_EPSILON": "1"})
    return place


def check(place: Workplace, epoch: int, code: str) -> str:
    """What the code prints in a process of its own."""
    place.write("check.py", CHECK + textwrap.dedent(code))
    return place.python("check.py", str(epoch)).stdout


@pytest.mark.parametrize("epoch", [1, 4])
def test_state_dicts_and_values_come_back_without_the_classes_of_the_run(
    trained: Workplace, epoch: int
) -> None:
    check(
        trained,
        epoch,
        """
        net, opt = flor.load("net", epoch=epoch), flor.load("opt", epoch=epoch)
        assert same(net, saved["net"]) and not any(value.requires_grad for value in net.values())
        assert same(opt, saved["opt"])
        assert net["fc1.weight"].data_ptr() == net["fc3.weight"].data_ptr()
        assert same(flor.load("sched", epoch=epoch).state_dict(), saved["sched"])
        assert (flor.load("average", epoch=epoch) == saved["average"]).all()
        assert flor.load("seed", epoch=epoch) == 7
        assert flor.load("text", epoch=epoch) == "x" * 2000
        assert "train" not in sys.modules
        """,
    )


def test_without_a_moment_the_newest_state_is_fetched_and_random_state_stays(trained: Workplace) -> None:
    check(
        trained,
        4,
        """
        before = torch.get_rng_state(), np.random.get_state()[1].copy()
        assert same(flor.load("net"), saved["net"])
        assert torch.equal(before[0], torch.get_rng_state())
        assert (before[1] == np.random.get_state()[1]).all()
        """,
    )


def test_an_object_of_a_class_of_the_project_comes_back_where_the_class_is(trained: Workplace) -> None:
    check(
        trained,
        2,
        """
        with pytest.raises(FlorError, match="History of train.py is not here.\\nImport it first: from train"):
            flor.load("history", epoch=epoch)
        from train import History

        history = flor.load("history", epoch=epoch)
        assert type(history) is History and history.best is None
        assert history.losses == saved["losses"]
        """,
    )


def test_live_objects_become_what_they_were_in_place(trained: Workplace) -> None:
    check(
        trained,
        3,
        """
        from train import History, Net

        net, history, average = Net(), History(), np.ones(4)
        opt = torch.optim.Adam(net.parameters(), lr=1)
        weight, moved = net.fc1.weight, net(torch.randn(4, 8)).sum().backward()
        flor.restore(epoch=epoch, into={"net": net, "opt": opt, "history": history, "average": average})

        assert net.fc1.weight is weight is net.fc3.weight is opt.param_groups[0]["params"][0]
        assert same(net.state_dict(), saved["net"])
        assert same(opt.state_dict(), saved["opt"])
        assert history.losses == saved["losses"]
        assert (average == saved["average"]).all()
        assert net.seen.tolist() == [12.0] * 3
        """,
    )


def test_training_goes_on_from_restored_objects_as_it_did(trained: Workplace) -> None:
    check(
        trained,
        3,
        """
        from collections import deque
        from train import Net

        torch.manual_seed(0)
        Net()
        x = torch.randn(64, 8)
        net = Net()
        opt = torch.optim.Adam(net.parameters())
        sched = torch.optim.lr_scheduler.StepLR(opt, 1)
        flor.restore(epoch=3, into={"net": net, "opt": opt, "sched": sched})
        for batch in x.split(16):
            loss = (net(batch) - batch).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
        sched.step()
        saved = torch.load("epoch4.pt", weights_only=False)
        assert same(net.state_dict(), saved["net"])
        assert same(opt.state_dict(), saved["opt"])
        assert same(sched.state_dict(), saved["sched"])
        """,
    )


def test_objects_of_another_build_are_refused_and_stay_as_they_are(trained: Workplace) -> None:
    said = check(
        trained,
        3,
        """
        from collections import deque
        from train import Net

        def refused(into):
            before = [value.clone() for value in net.state_dict().values()]
            with pytest.raises(FlorError) as error:
                flor.restore(epoch=epoch, into=into)
            assert all(map(torch.equal, before, net.state_dict().values()))
            print(error.value.message)

        net = Net(20)
        refused({"net": net})
        net = Net()
        net.extra = torch.nn.Linear(1, 1)
        refused({"net": net})
        net = Net()
        del net.bn
        refused({"net": net})
        refused({"net": net.fc1})
        refused({"opt": torch.optim.SGD(net.parameters())})
        refused({"opt": torch.optim.Adam(net.fc1.parameters())})
        refused({"model": net})
        refused({"seed": 8})
        refused({"net": 8})
        refused({"recent": deque()})
        refused([net])
        """,
    ).splitlines()

    assert said[0].startswith(
        "net.fc1.weight is a tensor of float [16, 8] in the run and a tensor of float [20, 8] here. "
    )
    assert said[1] == "net.extra is not in the run."
    assert said[2] == "net.bn is not here."
    assert (
        said[3]
        == "net is an object of train.Net in the run and an object of torch.nn.modules.linear.Linear here."
    )
    assert said[4] == (
        "opt is an object of torch.optim.adam.Adam in the run and an object of torch.optim.sgd.SGD here."
    )
    assert said[5].startswith("opt.param_groups[0].params[2] is not here.")
    assert "gave no object 'model'" in said[6]
    assert said[7] == "seed is a value that cannot be set in place."
    assert said[8] == "net is an object in the run and a simple value here."
    assert said[9] == "recent is a deque of at most 2 in the run and a deque here."
    assert said[10] == "into is a list, which names no object."


def test_a_moment_that_was_not_kept_is_refused_with_the_nearest(trained: Workplace) -> None:
    check(
        trained,
        4,
        """
        with pytest.raises(LookupError, match="at epoch=7.\\nThe nearest that was kept is epoch=4"):
            flor.load("net", epoch=7)
        with pytest.raises(LookupError, match="It gave average, history, net, opt, recent, "):
            flor.load("model")
        with pytest.raises(FlorError, match="no number of iterations"):
            flor.load("net", epoch="3")
        """,
    )


def test_a_damaged_pack_is_told_before_anything_is_changed(trained: Workplace, tmp_path: Path) -> None:
    place = replace(trained, root=shutil.copytree(trained.root, tmp_path / "project"))
    for path in place.layout.checkpoints.glob("*/*.safetensors"):
        content = bytearray(path.read_bytes())
        content[-3000:] = bytes(3000)
        path.write_bytes(content)

    check(
        place,
        2,
        """
        from collections import deque
        from train import Net

        net = Net()
        before = [value.clone() for value in net.state_dict().values()]
        with pytest.raises(FlorError, match="fsck"):
            flor.restore(epoch=2, into={"net": net})
        assert all(map(torch.equal, before, net.state_dict().values()))
        """,
    )
