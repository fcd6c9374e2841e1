"""What many runs cost."""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.processes import Cost, child, cpu, rounds, run, wall
from benchmarks.scratch import Bench
from benchmarks.stores import forget, many


def figures(bench: Bench) -> Iterator[Figure]:
    """Every figure of this group."""
    yield from _frames(bench)
    yield from _lists(bench)


def _frames(bench: Bench) -> Iterator[Figure]:
    """Two names of 1,000 runs of 3,000 records: the first query packs their files."""
    count = bench.pick(1_000, 100)
    repository = many(bench, count, 3, 333, 3)
    packing = child("ask", "loss", "acc", cwd=repository).result
    asked = [child("ask", "loss", "acc", cwd=repository).result["first"] for _ in range(bench.pick(5, 1))]
    text = f"flor.dataframe of 2 names over {count:,} runs of 3,000 records"
    rows = f"{packing['first']['rows']:,} rows"
    first = packing["first"]
    yield Figure(f"{text}, the query that packs them", first["wall"], "s", cpu_s=first["cpu"], note=rows)
    found, cpu_s = median(one["wall"] for one in asked), median(one["cpu"] for one in asked)
    yield Figure(f"{text}, packed", found, "s", 1.0, cpu_s=cpu_s, note=rows)


def _lists(bench: Bench) -> Iterator[Figure]:
    """`flor runs`, the whole command, beyond bare Python."""
    count = bench.pick(10_000, 500)
    repository = many(bench, count, 1, 3, 2)
    cold = _listed(repository, forgetting=True)
    costs = rounds(
        {
            "python": lambda: run([sys.executable, "-c", "pass"], repository),
            "all": lambda: _listed(repository),
            "newest": lambda: _listed(repository, "--limit", "50"),
        },
        bench.pick(5, 1),
    )
    text = f"flor runs over {count:,} runs"
    yield Figure(f"{text}, nothing cached", cold.wall_s, "s", cpu_s=cold.cpu_s)
    for name, what in (("newest", "the newest 50 shown"), ("all", "all printed")):
        beyond = wall(costs[name]) - wall(costs["python"])
        yield Figure(f"{text}, {what}", beyond, "s", 1.0, cpu_s=cpu(costs[name]) - cpu(costs["python"]))


def _listed(repository: Path, *arguments: str, forgetting: bool = False) -> Cost:
    if forgetting:
        forget(repository / ".flor")
    return run([sys.executable, "-m", "flor", "runs", *arguments], repository)
