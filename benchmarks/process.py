"""What a whole process costs: its import, its first record, its end."""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from statistics import median

from benchmarks.figures import Figure
from benchmarks.processes import Cost, child, cpu, python_of, rounds, run, wall
from benchmarks.scratch import Bench

POINTS = 100_000
PEER_POINTS = {"mlflow": 1_000}
STATEMENTS = {"import flor": "import flor", "import flor and its functions": "import flor; flor.log"}
_IMPORT = """
import json, sys, time
before, begun, cpu = set(sys.modules), time.perf_counter(), time.process_time()
{statement}
took, cpu = time.perf_counter() - begun, time.process_time() - cpu
print(json.dumps({{"s": took, "cpu": cpu, "modules": len(set(sys.modules) - before)}}))
"""
_NOTES = """
import flor, json, sys, time

def cost_s(names):
    begun = time.perf_counter()
    for name in names:
        sys.audit("open", name, "r", 0)
    return (time.perf_counter() - begun) / len(names)

flor.log
again = min(cost_s(["file"] * 1_000) for _ in range(20))
new = min(cost_s([f"{turn}/{number}" for number in range(500)]) for turn in range(20))
print(json.dumps({"again": again, "new": new}))
"""


def figures(bench: Bench) -> Iterator[Figure]:
    """Every figure of this group."""
    yield from _imports(bench)
    yield _notes(bench)
    yield from _one_record(bench)
    yield _durable(bench)


def _imports(bench: Bench) -> Iterator[Figure]:
    """`import flor`, and what the first call loads besides."""
    folder = bench.folder()
    measured = {
        name: partial(run, [sys.executable, "-c", _IMPORT.format(statement=statement)], folder)
        for name, statement in STATEMENTS.items()
    }
    for name, costs in rounds(measured, bench.pick(15, 3)).items():
        took = median(cost.result["s"] for cost in costs)
        cpu_s = median(cost.result["cpu"] for cost in costs)
        yield Figure(name, took * 1e3, "ms", 50, cpu_s=cpu_s, note=f"{costs[0].result['modules']} modules")


def _notes(bench: Bench) -> Figure:
    """What a file that a program opens costs beyond opening it: a name is noted once, then only looked up."""
    folder = bench.folder()
    costs = [run([sys.executable, "-c", _NOTES], folder) for _ in range(bench.pick(9, 2))]
    again, new = (median(cost.result[name] for cost in costs) for name in ("again", "new"))
    name = "a file is opened that was opened before"
    return Figure(name, again * 1e6, "µs", 1.0, note=f"{new * 1e6:.2f} µs where it is new")


def _one_record(bench: Bench) -> Iterator[Figure]:
    """A process with one log beyond bare Python: the first run in a fresh repository, and the next."""
    count = bench.pick(9, 2)
    kept = bench.repository()
    fresh = iter([bench.repository() for _ in range(count)])
    run([sys.executable, "hello.py"], kept)
    measured: dict[str, Callable[[], Cost]] = {
        "python": lambda: run([sys.executable, "-c", "pass"], kept),
        "first": lambda: run([sys.executable, "hello.py"], next(fresh)),
        "next": lambda: run([sys.executable, "hello.py"], kept),
    }
    pythons = {peer: python for peer in ("sqlite", "tensorboard") if (python := python_of(peer))}
    measured |= {
        peer: partial(_in_new_repository, bench, python, "one", peer) for peer, python in pythons.items()
    }
    costs = rounds(measured, count)
    mlflow = python_of("mlflow")
    if mlflow:  # once only: it takes ten seconds
        costs["mlflow"] = [_in_new_repository(bench, mlflow, "one", "mlflow")]
    beside = {
        peer: _beyond(costs, peer) if peer in costs else None for peer in ("sqlite", "tensorboard", "mlflow")
    }
    for name, text in (("first", "the first run in a repository"), ("next", "a later run")):
        cpu_s = cpu(costs[name]) - cpu(costs["python"])
        figure = f"a process with one log beyond bare Python, {text}"
        yield Figure(figure, _beyond(costs, name), "s", 0.35, beside, cpu_s)


def _beyond(costs: Mapping[str, list[Cost]], name: str) -> float:
    return wall(costs[name]) - wall(costs["python"])


def _durable(bench: Bench) -> Figure:
    """100,000 records, from the first call to the process's end, beyond a process with one."""
    points = bench.pick(POINTS, POINTS // 10)
    wall_s, cpu_s = _points_of(bench, "flor", points, bench.pick(5, 1)) or (0.0, 0.0)
    peers = {name: _points_of(bench, name, points) for name in ("sqlite", "tensorboard", "mlflow", "bare")}
    return Figure(
        f"{points:,} records durable at exit",
        wall_s,
        "s",
        0.2,
        {name: found[0] if found else None for name, found in peers.items()},
        cpu_s,
        f"mlflow from {PEER_POINTS['mlflow']:,}; bare keeps nothing",
    )


def _points_of(bench: Bench, name: str, points: int, count: int = 1) -> tuple[float, float] | None:
    """Wall and CPU seconds of so many records; None where the peer is not installed."""
    python = python_of(name)
    if python is None:
        return None
    some = min(points, PEER_POINTS.get(name, points))
    measured = {
        number: partial(_in_new_repository, bench, python, "points", name, number) for number in (1, some)
    }
    costs = rounds(measured, count)
    factor = points / some
    return (wall(costs[some]) - wall(costs[1])) * factor, (cpu(costs[some]) - cpu(costs[1])) * factor


def _in_new_repository(bench: Bench, python: str, program: str, *arguments: object) -> Cost:
    return child(program, *arguments, cwd=bench.repository(), python=python)
