"""Training that makes keeping its state hard: at once with another, too fast, too large, or forking."""

import msgspec
import pytest

from flor.checkpoints import lock, manifest
from flor.checkpoints.store import CheckpointStore
from flor.entities import FORMAT_VERSION
from workplace import Workplace

EVERY = {"FLOR_EPSILON": "1", "FLOR_STRICT": "1"}


def fsck(place: Workplace) -> None:
    place.python("-m", "flor", "fsck")


def entries(place: Workplace, run: str, process: bool = False) -> list[str]:
    """The states of a run that are whole, and can be read; of the main process or of children."""
    store = CheckpointStore(place.layout.checkpoints)
    kept = [one for one in store.kept(run, whole=True) if bool(one.manifest.process) == process]
    for one in kept:
        for digest in one.manifest.hashes():
            assert store.content(digest) is not None
    return [one.manifest.entry for one in kept]


AT_ONCE = """
import os, sys, time
from pathlib import Path
import numpy as np
import flor

number, rng = sys.argv[1], np.random.default_rng(7)
weights = np.zeros(200_000)
with flor.checkpointing(weights=weights, rng=rng):
    for epoch in flor.loop("epoch", range(6)):
        Path(f"at/{epoch}.{number}").touch()
        while len(list(Path("at").glob(f"{epoch}.*"))) < 2:
            time.sleep(0.001)
        weights += rng.random(200_000)
        flor.log("sum", float(weights.sum()))
"""


def test_two_runs_that_write_the_same_blobs_at_once_are_both_whole(place: Workplace) -> None:
    place.write(".gitignore", "at\n")
    (place.root / "at").mkdir()
    place.write("train.py", AT_ONCE)

    both = [place.start("train.py", number, env=EVERY) for number in "ab"]

    assert [one.ended() for one in both] == [0, 0], [one.output for one in both]
    first, second = [run.run for run in place.catalog().runs]
    assert len(entries(place, first)) == len(entries(place, second)) == 9
    fsck(place)
    place.python("-m", "flor", "rm", first, "--yes")
    fsck(place)
    loaded = place.python("-c", "import flor; print(float(flor.load('weights', epoch=6).sum()))")
    assert float(loaded.stdout) == place.values("sum", run=second)[-1]


FAST = """
import time
import flor
import numpy as np

def peak_mb():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024

weights = np.ones(10_000_000)  # 80 MB
flor.log("before", peak_mb())
with flor.checkpointing(weights=weights):
    for epoch in flor.loop("epoch", range(40)):
        weights += 1
        time.sleep(0.05)
    print("trained", flush=True)
    input()
flor.log("after", peak_mb())
"""


def test_a_loop_faster_than_the_writer_skips_states_and_takes_no_more_memory(place: Workplace) -> None:
    place.write("train.py", FAST)
    process = place.start("train.py", env={"FLOR_EPSILON": "0.99", "FLOR_ECHO": "auto"})
    place.layout.checkpoints.mkdir(parents=True)
    with lock.taking_out(place.layout.checkpoints):  # the writer has to wait
        process.wait_for("trained")
    process.tell()
    assert process.ended() == 0, process.output

    [before], [after] = place.values("before"), place.values("after")
    run = place.only_run()
    assert after - before < 3 * 80  # two copies, and what FlorDB itself takes
    assert entries(place, run.run)
    assert "skipped, as two were being written" in process.output[0] + process.output[1]
    assert run.faults == ()


WORKERS = """
import os
import flor
import torch

class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 24

    def __getitem__(self, number):
        return torch.full((3,), float(number))

model = torch.nn.Linear(3, 400_000)  # 6.4 MB, that are being written while workers are forked
loader = torch.utils.data.DataLoader(
    Data(), batch_size=4, num_workers=2, shuffle=True, multiprocessing_context="fork"
)
torch.ones(300, 300) @ torch.ones(300, 300)  # threads of torch's own
with flor.checkpointing(model=model):
    for epoch in flor.loop("epoch", range(6)):
        for batch in flor.loop("step", loader):
            with torch.no_grad():
                model.weight += batch.mean()
            flor.log("mean", batch.mean().item())
print("over")
"""


def test_workers_of_a_loader_forked_while_states_are_written_disturb_nothing(place: Workplace) -> None:
    done = place.run(WORKERS, env=EVERY)

    assert "over" in done.stdout.splitlines()
    assert len(place.values("mean")) == 36
    assert place.statuses() == ["finished"]
    assert len(entries(place, place.only_run().run)) == 15
    fsck(place)


FORKING = """
import multiprocessing, threading, time
import flor
import numpy as np
import torch

def train(weights, count):
    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", range(count)):
            weights += 1
            flor.log("weight", float(weights[0]))

def train_in_child(weights):
    weights += 100
    train(weights, 2)

def on():
    while True:
        time.sleep(0.001)

if __name__ == "__main__":
    torch.ones(400, 400) @ torch.ones(400, 400)
    for _ in range(3):
        threading.Thread(target=on, daemon=True).start()
    weights = np.zeros(500_000)
    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", range(3)):
            weights += 1
            flor.log("weight", float(weights[0]))
            child = multiprocessing.get_context("fork").Process(target=train_in_child, args=(weights,))
            child.start()
            child.join(60)
            flor.log("code", child.exitcode)
"""


def test_a_process_forked_after_threads_keeps_states_of_its_own(place: Workplace) -> None:
    place.run(FORKING, env=EVERY)

    assert place.values("code") == [0, 0, 0]
    run = place.only_run().run
    assert entries(place, run) == [f"0/0 top({i})" for i in range(4)] + ["0/0 done", "0 end"]
    kept = CheckpointStore(place.layout.checkpoints).kept(run)
    assert len({one.manifest.process for one in kept if one.manifest.process}) == 3
    assert len(entries(place, run, process=True)) == 3 * 5
    weights = [row.value for row in place.rows("weight") if row.process == 0]
    assert weights == [1, 2, 3]
    fsck(place)


METRICS = """
import threading

def plus_one(value):
    return value + 1

class Metric:
    def __init__(self):
        self.values, self.lock, self.key = [], threading.Lock(), lambda value: plus_one(value)

    def state_dict(self):
        raise RuntimeError("no state yet")

    def __reduce__(self):
        raise TypeError("never pickle this")

    def __getstate__(self):
        raise TypeError("nor this")
"""
ODD = """
import flor
import numpy as np
from metrics import Metric

metric, weights = Metric(), np.zeros(3)
stream, unread = open("train.py"), (line for line in "ab")
metric.lock.acquire()
with flor.checkpointing(metric=metric, weights=weights, stream=stream, unread=unread):
    for epoch in flor.loop("epoch", range(3)):
        metric.values.append(epoch)
        weights += metric.key(epoch)
        flor.log("weight", weights[0])
"""


def test_an_object_whose_state_dict_raises_and_what_cannot_be_pickled(place: Workplace) -> None:
    place.write("metrics.py", METRICS)
    done = place.run(ODD, env=EVERY)

    assert "Traceback" not in done.stderr
    run = place.only_run()
    assert run.faults == ()
    store = CheckpointStore(place.layout.checkpoints)
    opaque = {one.path: one.reason for one in store.kept(run.run)[-1].manifest.opaque}
    assert opaque == {
        "metric.lock": "it is a lock that is held",
        "stream": "it is a file that can be read",
        "unread": "it is a generator",
    }
    loaded = place.python("-c", "import flor, metrics\nmetric = flor.load('metric', epoch=2)\n" + CHECK)
    assert loaded.stdout.split() == ["[0,1]", "8", "[3.", "3.", "3.]", "StateLost"]


CHECK = """
print(str(metric.values).replace(" ", ""), metric.key(7), flor.load("weights", epoch=2))
try:
    metric.lock.release()
except flor.errors.StateLost as error:
    print(type(error).__name__)
"""
NEWER = "import flor; flor.load('weights'{moment})"


@pytest.mark.parametrize("moment", ["", ", epoch=2", ", run={run!r}, epoch=2"])
def test_states_of_a_newer_format_are_refused_as_such(place: Workplace, moment: str) -> None:
    place.run("import flor\nimport numpy as np\nweights = np.zeros(9)\n" + PLAIN, env=EVERY)
    run = place.only_run().run
    for path in place.layout.checkpoints.glob("*/*.manifest"):
        manifest.write(path, msgspec.structs.replace(manifest.read(path), format=FORMAT_VERSION + 1))

    done = place.python("-c", NEWER.replace("{moment}", moment.replace("{run!r}", repr(run))), code=1)

    assert f"has format {FORMAT_VERSION + 1}" in done.stderr
    assert "Upgrade it: pip install --upgrade flordb" in done.stderr
    fsck(place)


PLAIN = """
with flor.checkpointing(weights=weights):
    for epoch in flor.loop("epoch", range(3)):
        weights += 1
"""
