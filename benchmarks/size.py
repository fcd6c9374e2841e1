"""What a record takes on disk."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.processes import child, python_of
from benchmarks.scratch import Bench
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout

PEER_POINTS = {"sqlite": 20_000, "tensorboard": 20_000, "mlflow": 500}
VALUES = (
    ("losses of a training in float64", "flor", 8),
    ("losses of a training in float32", "float32", 8),
    ("random doubles", "random", 11),
)


def figures(bench: Bench) -> Iterator[Figure]:
    """Every figure of this group."""
    points = bench.pick(100_000, 5_000)
    peers = {name: _of_peer(bench, name, min(points, some)) for name, some in PEER_POINTS.items()}
    for text, values, goal in VALUES:
        yield Figure(f"bytes of a sealed record, {text}", _of_flor(bench, values, points), "B", goal, peers)


def _of_flor(bench: Bench, values: str, points: int) -> float:
    """Bytes of a record in the sealed file, beyond the file of a run with one."""
    sizes = []
    for count in (1, points):
        repository = bench.repository()
        child("training", values, count, cwd=repository)
        layout = Layout(repository / ".flor")
        Catalog.open(layout)
        sizes.append(_bytes(layout.sealed))
    return (sizes[1] - sizes[0]) / (points - 1)


def _of_peer(bench: Bench, name: str, points: int) -> float | None:
    """The same for what a peer leaves behind; None if it is not installed."""
    python = python_of(name)
    if python is None:
        return None
    sizes = []
    for count in (1, points):
        repository = bench.repository()
        before = _bytes(repository)
        child("points", name, count, cwd=repository, python=python)
        sizes.append(_bytes(repository) - before)
    return (sizes[1] - sizes[0]) / (points - 1)


def _bytes(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in files)
