"""What one call costs the thread that trains."""

import os
import pty
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.processes import Cost, child, python_of, rounds, run
from benchmarks.scratch import Bench

GOAL_US = 0.6
KINDS = ("int", "bool", "numpy.float32", "numpy.float64", "str", "dict")
CALLS = {"sqlite": 20_000, "tensorboard": 20_000, "mlflow": 300}


def figures(bench: Bench) -> Iterator[Figure]:
    """Every figure of this group."""
    yield _one_value(bench)
    yield from _variants(bench)
    yield from _iterations(bench)


def _one_value(bench: Bench) -> Figure:
    """`flor.log` of a float in two nested loops, echo silent, beside the same in other trackers."""
    calls = bench.pick(100_000, 10_000)
    names = ("null", "flor", "bare", "sqlite", "tensorboard", "mlflow")
    pythons = {name: python for name in names if (python := python_of(name))}
    measured = {
        name: partial(_calls, bench, name, min(calls, CALLS.get(name, calls)), python=python)
        for name, python in pythons.items()
    }
    costs = rounds(measured, bench.pick(5, 2))
    p50 = {name: median(cost.result["p50"] for cost in found) * 1e6 for name, found in costs.items()}
    p99 = median(cost.result["p99"] for cost in costs["flor"]) * 1e6 - p50["null"]
    return Figure(
        "flor.log in two nested loops, median of a call",
        p50["flor"] - p50["null"],
        "µs",
        GOAL_US,
        {name: p50[name] - p50["null"] if name in p50 else None for name in names[2:]},
        note=f"p99 {p99:.2f}; the clock's {p50['null'] * 1e3:.0f} ns taken off",
    )


def _variants(bench: Bench) -> Iterator[Figure]:
    """The same with other values, names and threads."""
    calls = bench.pick(50_000, 5_000)
    four_threads = "four threads, CPU of a call and its loop"
    asked: dict[str, tuple[object, ...]] = {
        "four names in turn": ("float", 4),
        four_threads: ("float", 1, 4),
        **{f"{kind} value": (kind,) for kind in KINDS},
    }
    measured = {text: partial(_calls, bench, "flor", calls, *shape) for text, shape in asked.items()}
    costs = rounds({**measured, "null": partial(_calls, bench, "null", calls)}, bench.pick(3, 1))
    null = median(cost.result["p50"] for cost in costs["null"])
    for text in asked:
        found = median(cost.result["cpu" if text == four_threads else "p50"] for cost in costs[text])
        goal = GOAL_US if text == "four names in turn" else None
        yield Figure(f"flor.log, {text}", (found - null) * 1e6, "µs", goal)


def _calls(bench: Bench, peer: str, calls: int, *shape: object, python: str = sys.executable) -> Cost:
    return child("calls", peer, calls, *shape, cwd=bench.repository(), python=python)


def _iterations(bench: Bench) -> Iterator[Figure]:
    """An iteration of `flor.loop` without a value, beyond a bare one; on a terminal, beyond tqdm's."""
    repository = bench.repository()
    for place, rival in (
        ("beyond bare tqdm, on a terminal", "tqdm"),
        ("beyond a bare loop, no terminal", "for"),
    ):
        costs = [_iteration(repository, has_terminal=rival == "tqdm") for _ in range(bench.pick(3, 1))]
        own, rivals = (median(cost.result[key] for cost in costs) for key in ("flor", "rival"))
        name = f"an iteration of flor.loop {place}"
        yield Figure(name, (own - rivals) * 1e6, "µs", 1.0, note=f"{rival} itself {rivals * 1e6:.2f}")


def _iteration(repository: Path, has_terminal: bool) -> Cost:
    if not has_terminal:
        return child("loops", cwd=repository)
    ours, theirs = pty.openpty()
    reader = threading.Thread(target=_swallow, args=(ours,), daemon=True)
    reader.start()
    try:
        return run([sys.executable, repository / "loops.py"], repository, stderr=theirs)
    finally:
        os.close(theirs)
        reader.join(timeout=5)
        os.close(ours)


def _swallow(descriptor: int) -> None:
    """Read what a terminal is shown, so that its writer never waits."""
    try:
        while os.read(descriptor, 65_536):
            pass
    except OSError:
        return  # the last writer has gone
