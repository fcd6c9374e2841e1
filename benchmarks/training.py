"""What recording costs a real training."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.processes import CHILDREN, SOURCE, Cost, child, rounds
from benchmarks.scratch import Bench

SCRIPT = CHILDREN.parents[1] / "examples" / "digits" / "train.py"
STEPS_PER_EPOCH = 34


def figures(bench: Bench) -> Iterator[Figure]:
    """The loop of examples/digits/train.py, loss logged every step, against a flor that does nothing."""
    repository = bench.repository()
    shutil.copy(SCRIPT, repository)
    epochs = bench.pick(60, 4)
    costs = rounds(
        {
            "stub": lambda: _trained(repository, epochs, repository / "stub"),
            "flor": lambda: _trained(repository, epochs, SOURCE),
        },
        bench.pick(11, 1),
    )
    steps = epochs * STEPS_PER_EPOCH
    for clock, text in (("cpu", "CPU"), ("wall", "wall time")):
        stub, own = (sorted(cost.result[clock] for cost in costs[name]) for name in ("stub", "flor"))
        spread = stub[len(stub) * 3 // 4] / stub[len(stub) // 4] - 1
        note = f"{median(stub) / steps * 1e3:.2f} ms a step; half of the stub's runs lie within {spread:.1%}"
        name = f"recording examples/digits, {text} of the training loop"
        yield Figure(name, (median(own) / median(stub) - 1) * 100, "%", 1.0, note=note)


def _trained(repository: Path, epochs: int, flor: Path) -> Cost:
    # One thread: two would wait for whatever else the machine does.
    variables = {"PYTHONPATH": str(flor), "OMP_NUM_THREADS": "1"}
    return child("timed", "train.py", f"epochs={epochs}", "seed=1", cwd=repository, **variables)
