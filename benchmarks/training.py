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
        bench.pick(15, 1),
    )
    steps = epochs * STEPS_PER_EPOCH
    background = median(cost.result["background"] for cost in costs["flor"])
    for clock, text in (("cpu", "CPU"), ("wall", "wall time")):
        stub, own = (sorted(cost.result[clock] for cost in costs[name]) for name in ("stub", "flor"))
        # What else the machine does only adds: the best rounds are compared.
        overhead = (own[0] / stub[0] - 1) * 100
        spread = stub[len(stub) // 2] / stub[0] - 1
        note = f"{stub[0] / steps * 1e3:.2f} ms a step; the median of rounds is {spread:.1%} above the best"
        if clock == "cpu":
            note += f"; FlorDB's thread takes {background / stub[0]:.2%}"
        yield Figure(f"recording examples/digits, {text} of the training loop", overhead, "%", 1.0, note=note)


def _trained(repository: Path, epochs: int, flor: Path) -> Cost:
    # One thread: two would wait for whatever else the machine does.
    variables = {"PYTHONPATH": str(flor), "OMP_NUM_THREADS": "1"}
    return child("timed", "train.py", f"epochs={epochs}", "seed=1", cwd=repository, **variables)
