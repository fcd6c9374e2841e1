"""What it costs to get records back as a data frame."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import Figure
from benchmarks.processes import child
from benchmarks.scratch import Bench
from benchmarks.stores import many

GIB = 2**30


def figures(bench: Bench) -> Iterator[Figure]:
    """Every figure of this group."""
    yield from _twenty_runs(bench)
    yield from _ten_million(bench)


def _twenty_runs(bench: Bench) -> Iterator[Figure]:
    """`flor.dataframe` of 3 names over 600,000 records in 20 runs."""
    repository = many(bench, bench.pick(20, 4), 10, 1_000, 3)
    asked = [_asked(repository, "loss", "acc", "norm") for _ in range(bench.pick(5, 1))]
    rivals = {rival: child("rivals", rival, cwd=repository).result for rival in ("duckdb", "sqlite")}
    rows = asked[0]["first"]["rows"]
    name = f"flor.dataframe of 3 names, {rows * 3:,} records"
    beside = {
        "DuckDB over the files": rivals["duckdb"]["wall"],
        "SQLite, read_sql + pivot": rivals["sqlite"]["wall"],
    }
    yield _figure(name, asked, "first", 0.3, beside)
    yield _figure(f"{name}, asked again", asked, "second", 0.3)


def _ten_million(bench: Bench) -> Iterator[Figure]:
    """Ten million records pivoted: time, and the memory of the process at its peak."""
    runs = bench.pick(100, 4)
    repository = many(bench, runs, 10, 5_000, 2)
    for names in (("loss", "acc"), ("hidden", "val_acc", "loss", "acc")):
        asked = [_asked(repository, *names) for _ in range(bench.pick(3, 1))]
        text = f"{runs / 10:g}M records pivoted, {len(names)} names"
        yield _figure(text, asked, "first", 3.0)
        peak = median(one["peak"] for one in asked)
        yield Figure(f"{text}: memory of the process", peak / GIB, "GiB", 4.0)


def _asked(repository: Path, *names: str) -> dict[str, Any]:
    result: dict[str, Any] = child("ask", *names, cwd=repository).result
    return result


def _figure(
    name: str,
    asked: list[dict[str, Any]],
    which: str,
    goal: float,
    beside: dict[str, float | None] | None = None,
) -> Figure:
    wall = median(one[which]["wall"] for one in asked)
    cpu = median(one[which]["cpu"] for one in asked)
    return Figure(name, wall, "s", goal, beside or {}, cpu, f"{asked[0][which]['rows']:,} rows")
