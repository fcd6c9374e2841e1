"""What it costs to keep the code."""

import sys
from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.processes import cpu, rounds, run, wall
from benchmarks.scratch import Bench


def figures(bench: Bench) -> Iterator[Figure]:
    """A run in a large repository, nothing changed, beyond one in a small repository and `git status`."""
    files = bench.pick(20_000, 2_000)
    large, small = bench.repository(files), bench.repository()
    first = run([sys.executable, "hello.py"], large)
    run([sys.executable, "hello.py"], small)
    costs = rounds(
        {
            "large": lambda: run([sys.executable, "hello.py"], large),
            "small": lambda: run([sys.executable, "hello.py"], small),
            "status": lambda: run(["git", "status", "--porcelain"], large),
        },
        bench.pick(7, 2),
    )
    in_large, status = wall(costs["large"]) - wall(costs["small"]), wall(costs["status"])
    yield Figure(
        f"a run with {files:,} tracked files unchanged, beyond git status",
        (in_large - status) * 1e3,
        "ms",
        150,
        cpu_s=cpu(costs["large"]) - cpu(costs["small"]) - cpu(costs["status"]),
        note=f"git status {status * 1e3:.0f} ms; the very first run {first.wall_s * 1e3:.0f} ms",
    )
