"""Stores with many runs: one is recorded, the others are written like it, each with values of its own."""

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from benchmarks.processes import child
from benchmarks.scratch import Bench
from flor.runs import cache, metadata, parquet
from flor.runs.catalog import Catalog, sealed_names
from flor.runs.layout import Layout, SealedName
from flor.runs.metadata import RunMetadata
from flor.runs.schema import RECORDS

APART_US = 60_000_000


def many(bench: Bench, count: int, epochs: int, steps: int, names: int) -> Path:
    """A repository with so many runs of this shape (see `children/shape.py`), all sealed, nothing cached."""
    repository = bench.repository()
    child("shape", epochs, steps, names, cwd=repository)
    layout = Layout(repository / ".flor")
    Catalog.open(layout)
    [name] = sealed_names(layout)
    table = parquet.read(layout.sealed_file(name), RECORDS.names)
    described = cache.read_metadata(layout.sealed_file(name))
    for number in range(1, count):
        _write_like(layout, table, described, number)
    forget(layout.home)
    return repository


def forget(home: Path) -> None:
    """Delete what a store keeps only to be quicker."""
    for path in sorted((home / "cache").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _write_like(layout: Layout, table: pa.Table, described: RunMetadata, number: int) -> None:
    """One more sealed run."""
    run = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
    later = APART_US * number
    own = msgspec.structs.replace(
        described,
        run=run,
        tstamp=described.tstamp + later,
        started=described.started + later,
        ended=(described.ended or described.started) + later,
        journals={f"{run}.0.0": seq for seq in described.journals.values()},
    )
    values = np.random.default_rng(number).random(len(table))
    column = pa.array(values, mask=~np.asarray(table["vf"].is_valid()))
    place = table.schema.get_field_index("vf")
    path = layout.sealed_file(SealedName(run, 0))  # type: ignore[arg-type]
    parquet.write(path, table.set_column(place, table.field(place), column), metadata.pack(own))
