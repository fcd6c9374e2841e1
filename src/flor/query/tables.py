"""The tables of SQL: what each holds, and how it is made of runs, records and git."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from flor.checkpoints.points import points
from flor.checkpoints.store import CheckpointStore
from flor.entities import Run, RunId, Source
from flor.query import contexts
from flor.query.contexts import LOGGED, texts
from flor.query.database import quoted
from flor.query.fields import Fields, fields
from flor.query.text import fields_of, json_text, number_of, plain_json, printable, records, text_of
from flor.runs import files
from flor.runs.metadata import Answered
from flor.runs.records import Chunk
from flor.runs.schema import RECORDS
from flor.snapshots import history
from flor.snapshots.history import FileRow
from flor.snapshots.repository import Repository

_TIME = pa.timestamp("us")


class Records(Protocol):
    """What the tables ask of a catalog of runs."""

    @property
    def runs(self) -> tuple[Run, ...]: ...

    @property
    def names(self) -> Collection[str]: ...

    def chunks(
        self,
        names: Collection[str] | None,
        runs: Collection[RunId] | None = None,
        sources: Collection[Source] = ...,
    ) -> Iterator[Chunk]: ...

    def detailed(self, run: Run) -> Run: ...

    def answered(self, run: RunId) -> Sequence[Answered]: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the tables come from."""

    catalog: Records
    repository: Repository | None
    checkpoints: Path | None = None  # the folder of training states


@dataclass(frozen=True, slots=True)
class View:
    """An Arrow table and, for each column of a SQL table over it, the expression that gives it."""

    table: pa.Table
    columns: Mapping[str, str]


class Nothing:
    """A catalog without runs."""

    runs: tuple[Run, ...] = ()
    names: Collection[str] = ()

    def chunks(self, names: object, runs: object = None, sources: object = ()) -> Iterator[Chunk]:
        """No chunk."""
        return iter(())

    def detailed(self, run: Run) -> Run:
        """The run as it is."""
        return run

    def answered(self, run: RunId) -> Sequence[Answered]:
        """No answer."""
        return ()


EMPTY = Origin(Nothing(), None)
"""Tables made of it have their columns and no row."""


def _runs(origin: Origin) -> View:
    runs = origin.catalog.runs
    columns = {
        "run": _text([run.run for run in runs]),
        "projid": _text([run.projid for run in runs]),
        "tstamp": pa.array([run.tstamp for run in runs], _TIME),
        "filename": _text([run.filename for run in runs]),
        "status": _text([run.status.value for run in runs]),
        "rank_count": pa.array([run.rank_count for run in runs], pa.int64()),
        "duration_s": pa.array([run.duration_s for run in runs], pa.float64()),
        "args": _text([json_text(run.args) for run in runs]),
        "values": _text([json_text(run.values) for run in runs]),
        "version": _text([run.version for run in runs]),
    }
    return _plain(columns)


def _args(origin: Origin) -> View:
    found = [(run.run, name, value) for run in origin.catalog.runs for name, value in run.args.items()]
    columns = {
        "run": _text([run for run, _, _ in found]),
        "name": _text([name for _, name, _ in found]),
        **fields_of(records([value for _, _, value in found])),
    }
    return View(pa.table(columns), {**_same("run", "name"), "value": text_of()})


def _logs(origin: Origin) -> View:
    chunks = _chunks(origin, LOGGED)
    found = fields(chunks)
    raw = pa.concat_tables([chunk.table for chunk in chunks]).unify_dictionaries()
    table = _with_plain_json(raw.drop_columns(["run", "ts", "it"]))
    for name, column in _run_columns(found).items():
        table = table.append_column(name, column)
    table = table.append_column("ctx_id", pa.array(contexts.identities(found)))
    table = table.append_column("wall_time", raw["ts"].cast(_TIME))
    columns = {
        **_same("projid", "tstamp", "filename", "run", "rank", "process", "ctx_id", "path", "name"),
        "value": text_of(),
        "value_float": number_of(),
        "value_int": "CASE WHEN kind IN ('int', 'bool') THEN vi END",
        **_same("kind", "source", "seq", "wall_time"),
    }
    is_logged = found.have_source(*LOGGED)
    return View(table if is_logged.all() else table.filter(pa.array(is_logged)), columns)


def _run_columns(found: Fields) -> dict[str, pa.Array]:
    """The columns of a record that say which run it is of."""
    tstamps = pa.array([run.tstamp for run in found.runs], _TIME)
    return {
        "run": texts([run.run for run in found.runs], found.run),
        "projid": texts([run.projid for run in found.runs], found.run),
        "filename": texts([run.filename for run in found.runs], found.run),
        "tstamp": tstamps.take(pa.array(found.run)),
    }


def _loops(origin: Origin) -> View:
    found = fields(_chunks(origin, (*LOGGED, Source.LOOP)))
    columns = {**_same("run", "ctx_id", "parent_ctx_id", "loop_name", "iteration"), "value": text_of()}
    return View(_with_plain_json(contexts.table(found)), columns)


def _with_plain_json(table: pa.Table) -> pa.Table:
    return table.set_column(table.column_names.index("vs"), "vs", plain_json(table["vs"], table["kind"]))


def _chunks(origin: Origin, sources: Collection[Source]) -> list[Chunk]:
    """The records, of which there is one chunk at least."""
    none = pa.Table.from_batches([], RECORDS.append(pa.field("run", pa.int32())))
    return [*origin.catalog.chunks(None, sources=sources)] or [Chunk((), none, ())]


def _versions(origin: Origin) -> View:
    rows = history.versions(origin.repository) if origin.repository else []
    columns = {
        "tstamp": pa.array([row.tstamp for row in rows], _TIME),
        "vid": _text([row.vid for row in rows]),
        "parent": _text([row.parent for row in rows]),
    }
    return _plain(columns)


def _git(origin: Origin) -> View:
    rows: list[FileRow] = []
    if origin.repository:
        vids = [row.vid for row in history.versions(origin.repository)]
        rows.extend(history.files_of(origin.repository, vids))
    places: dict[str | None, int] = {}
    codes = [places.setdefault(row.contents, len(places)) for row in rows]
    columns = {
        "vid": _text([row.vid for row in rows]),
        "filename": _text([row.filename for row in rows]),
        "contents": texts(list(places), np.array(codes, np.int32)),
    }
    return _plain(columns)


def _files(origin: Origin) -> View:
    runs = map(origin.catalog.detailed, origin.catalog.runs)
    found = [(run.run, *row) for run in runs for row in files.rows(run)]
    names = ("run", "path", "mode", "sha256")
    return _plain({name: _text([row[place] for row in found]) for place, name in enumerate(names)})


def _checkpoints(origin: Origin) -> View:
    store = CheckpointStore(origin.checkpoints) if origin.checkpoints else None
    found = [one.manifest for run in origin.catalog.runs for one in (store.kept(run.run) if store else ())]
    kept = [point for point in points(found) if point.is_complete]
    opaque = [[{"path": part.path, "reason": part.reason} for part in each.opaque] for each in kept]
    columns = {
        "run": _text([each.first.run for each in kept]),
        "entry": _text([each.first.entry for each in kept]),
        "size_bytes": pa.array([each.size_bytes for each in kept], pa.int64()),
        "new_bytes": pa.array([each.new_bytes for each in kept], pa.int64()),
        "opaque": _text([json_text(parts) for parts in opaque]),
    }
    return _plain(columns)


def _replays(origin: Origin) -> View:
    found = [(run, one) for run in origin.catalog.runs for one in origin.catalog.answered(run.run)]
    counts = ("segments", "obtained", "verified", "diverged", "unverified")
    columns = {
        "run": _text([run.run for run, _ in found]),
        "tstamp": pa.array([run.tstamp for run, _ in found], _TIME),
        "name": _text([one.name for _, one in found]),
        "replay": _text([one.replay for _, one in found]),
        "level": _text([one.level for _, one in found]),
        "seconds": pa.array([one.seconds for _, one in found], pa.float64()),
        **{count: pa.array([getattr(one, count) for _, one in found], pa.int64()) for count in counts},
        "reason": _text([one.reason for _, one in found]),
    }
    return _plain(columns)


def _text(cells: Sequence[str | None]) -> pa.Array:
    return pa.array([None if cell is None else printable(cell) for cell in cells], pa.string())


def _plain(columns: Mapping[str, pa.Array]) -> View:
    return View(pa.table(dict(columns)), _same(*columns))


def _same(*names: str) -> dict[str, str]:
    """Columns that the Arrow table has as they are."""
    return {name: quoted(name) for name in names}


TABLES: Mapping[str, Callable[[Origin], View]] = {
    "runs": _runs,
    "args": _args,
    "logs": _logs,
    "loops": _loops,
    "versions": _versions,
    "git": _git,
    "files": _files,
    "checkpoints": _checkpoints,
    "replays": _replays,
}
"""How each table is made."""
