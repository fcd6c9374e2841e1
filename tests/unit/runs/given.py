"""Sealed files as runs leave them, made at once."""

from pathlib import Path

import msgspec
import pyarrow as pa

from flor.entities import RunId
from flor.runs import metadata, parquet
from flor.runs.layout import Layout, SealedName
from flor.runs.metadata import RunMetadata
from flor.runs.schema import RECORDS

_ROW = {
    "ts": 1,
    "rank": 0,
    "process": 0,
    "path": "epoch",
    "source": "log",
    "vf": None,
    "vi": None,
    "vs": None,
}


def described(run: str, rows: int, **fields: object) -> bytes:
    """The description of a run."""
    texts = dict.fromkeys(("projid", "filename", "cwd", "user", "host"), "")
    tables = {name: {} for name in ("args", "values", "names", "loops", "journals")}
    facts = {"format": 1, "run": run, "status": "finished", "rank_count": 1, "argv": [], "rows": rows}
    times = {"tstamp": 1, "started": 1, "ended": 2, "pid": 1}
    return metadata.pack(RunMetadata(**(texts | tables | facts | times | fields)))


def losses(count: int, name: str = "loss", **fields: object) -> pa.Table:
    """The records of a loop that logs a number each time."""
    numbered = [
        {"seq": n + 1, "name": name, "it": [n + 1], "kind": "float", "vf": 1 / (n + 1)} for n in range(count)
    ]
    return pa.Table.from_pylist([_ROW | one | fields for one in numbered], schema=RECORDS)


def naming(*blobs: object) -> pa.Table:
    """Records that name blobs."""
    texts = [msgspec.json.encode(blob).decode() for blob in blobs]
    rows = [{"seq": n, "name": "w", "it": [1], "kind": "blob", "vs": text} for n, text in enumerate(texts, 1)]
    return pa.Table.from_pylist([_ROW | row for row in rows], schema=RECORDS)


def seal(layout: Layout, run: str, table: pa.Table, **fields: object) -> Path:
    """A sealed file of a run."""
    path = layout.sealed_file(SealedName(RunId(run), 0))
    parquet.write(path, table, described(run, len(table), **fields))
    return path
