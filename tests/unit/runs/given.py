"""Sealed files as runs leave them, made at once."""

from pathlib import Path

import msgspec
import pyarrow as pa

from flor.entities import Kind, RunId, Source
from flor.runs import frames, metadata, parquet, slots
from flor.runs.layout import JournalName, Layout, SealedName
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


def ended(layout: Layout, run: str, value: float, tstamp: int = 1) -> JournalName:
    """What a process leaves that logged one number as `loss`, and ended."""
    name = JournalName(RunId(run), 0, 0)
    texts = dict.fromkeys(("projid", "filename", "cwd", "user", "host", "boot", "no_version"), "")
    header = (
        texts | dict.fromkeys(("parent", "version", "ring")) | {"format": 1, "argv": [], "environment": {}}
    )
    header |= {"tstamp": tstamp, "started": tstamp, "pid": 1}
    records = [
        slots.HEAD_SLOT.pack(4, 1, 0, 0, slots.code(slots.NAME, 0, 1, head=True), 1),
        slots.PART_SLOT.pack(b"loss", slots.code(slots.PART, 0, 1), 2),
        slots.FLOAT_SLOT.pack(value, 1_000, 0, 0, slots.code(Kind.FLOAT, Source.LOG, 1), 3),
    ]
    layout.journals.mkdir(parents=True, exist_ok=True)
    layout.journal(name).write_bytes(
        frames.pack_facts(frames.HEADER, header)
        + frames.pack(frames.SLOTS, b"".join(records))
        + frames.pack_facts(frames.META, {"status": "finished", "ended": 2})
    )
    (layout.journals / f"{tstamp}.stamp").touch()
    return name
