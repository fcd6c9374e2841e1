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


def figures(bench: Bench) -> Iterator[Figure]:
    """The loop of examples/digits/train.py with its loss logged every step."""
    repository = bench.repository()
    shutil.copy(SCRIPT, repository)
    found = [_steps_in_turn(repository, bench, keeps_states) for keeps_states in (False, True)]
    yield from (figure for figure, _ in found)
    yield _a_minute(repository, bench, found[1][1])
    yield from _processes_in_turn(repository, bench)


def _steps_in_turn(repository: Path, bench: Bench, keeps_states: bool) -> tuple[Figure, float]:
    """Steps that are recorded against those between them that are not; the figure, and the part of a step."""
    variables = {"OMP_NUM_THREADS": "1"} | ({} if keeps_states else {"BENCH_WITHOUT_STATES": "1"})
    command = ("alternating", "train.py", f"epochs={bench.pick(250, 10)}", "seed=1")
    found = [child(*command, cwd=repository, **variables).result for _ in range(bench.pick(3, 1))]
    step = median(one["recorded"] / one["bare"] - 1 for one in found)
    bare = median(one["bare"] for one in found)
    # Where states are kept, the other thread writes them too: that is counted below.
    thread = 0.0 if keeps_states else median(one["background"] for one in found)
    place = ", in a checkpointing block" if keeps_states else ""
    name = f"recording examples/digits, steps with and without in turn{place}"
    note = f"{step * bare * 1e6:.1f} µs of a step of {bare * 1e3:.2f} ms"
    note += "" if keeps_states else f"; {thread:.2%} FlorDB's thread"
    return Figure(name, (step + thread) * 100, "%", 1.0, note=note), step


def _a_minute(repository: Path, bench: Bench, step: float) -> Figure:
    """All of it over a minute: the steps as measured before, the states kept, and the threads beside."""
    epochs = bench.pick(1_800, 20)
    command = ("minute", "train.py", f"epochs={epochs}", "seed=1")
    one = child(*command, cwd=repository, OMP_NUM_THREADS="1").result
    stall, background = one["stall"] / one["own"], one["background"] / one["own"]
    note = f"{step:.2%} at the steps, {stall:.2%} for {one['kept']} states, {background:.2%} other threads"
    name = f"records and states of examples/digits, {one['own']:.0f} s of training, CPU"
    return Figure(name, (step + stall + background) * 100, "%", 2.0, note=note)


def _processes_in_turn(repository: Path, bench: Bench) -> Iterator[Figure]:
    """The whole loop against the same with a flor that does nothing, without and with training states."""
    epochs = bench.pick(60, 4)
    measured = {
        "stub": partial(_trained, repository, epochs, repository / "stub"),
        "records": partial(_trained, repository, epochs, SOURCE, BENCH_WITHOUT_STATES="1"),
        "records and states": partial(_trained, repository, epochs, SOURCE),
    }
    costs = rounds(measured, bench.pick(5, 1))
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
