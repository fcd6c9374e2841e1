"""What recording costs a real training."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.processes import CHILDREN, SOURCE, Cost, child, rounds
from benchmarks.scratch import Bench

SCRIPT = CHILDREN.parents[1] / "examples" / "digits" / "train.py"
STEPS_PER_EPOCH = 34


def figures(bench: Bench) -> Iterator[Figure]:
    """The loop of examples/digits/train.py with its loss logged every step."""
    repository = bench.repository()
    shutil.copy(SCRIPT, repository)
    yield _epochs_in_turn(repository, bench)
    yield from _processes_in_turn(repository, bench)


def _epochs_in_turn(repository: Path, bench: Bench) -> Figure:
    """Epochs that are recorded against those between them that are not, FlorDB's own thread counted in."""
    pairs = [("epochs", bench.pick(120, 8)), ("seed", 1)]
    command = ("alternating", "train.py", *(f"{name}={value}" for name, value in pairs))
    found = [child(*command, cwd=repository, OMP_NUM_THREADS="1").result for _ in range(bench.pick(7, 1))]
    thread = median(one["background"] / one["all"] for one in found)
    overhead = median(one["recorded"] / one["bare"] - 1 for one in found) + thread
    step = median(one["bare"] for one in found) / STEPS_PER_EPOCH
    note = f"{step * 1e3:.2f} ms a step; {thread:.2%} of it FlorDB's thread"
    return Figure(
        "recording examples/digits, epochs with and without in turn, CPU", overhead * 100, "%", 1.0, note=note
    )


def _processes_in_turn(repository: Path, bench: Bench) -> Iterator[Figure]:
    """The whole loop against the same with a flor that does nothing, without and with training states."""
    epochs = bench.pick(60, 4)
    measured = {
        "stub": partial(_trained, repository, epochs, repository / "stub"),
        "records": partial(_trained, repository, epochs, SOURCE, BENCH_WITHOUT_STATES="1"),
        "records and states": partial(_trained, repository, epochs, SOURCE),
    }
    costs = rounds(measured, bench.pick(11, 1))
    stub = sorted(cost.result["cpu"] for cost in costs["stub"])
    for kept in ("records", "records and states"):
        own = sorted(cost.result["cpu"] for cost in costs[kept])
        overhead = (median(own) / median(stub) - 1) * 100
        note = f"the stub alone varies by {stub[-1] / stub[0] - 1:.1%}"
        yield Figure(f"{kept} of examples/digits against a stub, CPU of the loop", overhead, "%", note=note)


def _trained(repository: Path, epochs: int, flor: Path, **variables: str) -> Cost:
    # One thread: two would wait for whatever else the machine does.
    variables |= {"PYTHONPATH": str(flor), "OMP_NUM_THREADS": "1"}
    return child("timed", "train.py", f"epochs={epochs}", "seed=1", cwd=repository, **variables)
