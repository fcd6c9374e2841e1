"""A catalog with runs and records that a test writes down by hand."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from flor.entities import Run, RunId, Source, Status
from flor.query.text import record
from flor.runs import verdicts
from flor.runs.records import Chunk, LoopDefault
from flor.runs.schema import RECORDS

START = datetime(2026, 1, 31, 12, 0, 0, 123456)


def a_run(number: int, **parts: Any) -> Run:
    """The run number `number`, an hour after the one before."""
    common: dict[str, Any] = {
        "run": RunId(f"{number:016x}"),
        "projid": "digits",
        "tstamp": START + timedelta(hours=number),
        "filename": "train.py",
        "status": Status.FINISHED,
        "rank_count": 1,
        "duration_s": 1.5,
        "args": {},
        "values": {},
        "version": None,
        "tree": None,
        "base": None,
        "branch": None,
        "argv": ("train.py",),
        "cwd": "/",
        "user": "ada",
        "host": "here",
        "pid": 1,
        "parent": None,
    }
    return Run(**(common | parts))


@dataclass(frozen=True)
class Logged:
    """One record, before it is a row."""

    name: str | None
    value: Any
    path: str = ""
    it: Sequence[int] = ()
    source: Source = Source.LOG
    rank: int = 0
    process: int = 0
    verdict: str | None = None


def a_chunk(
    runs: Sequence[Run], records: Sequence[Sequence[Logged]], loops: Sequence[Mapping[str, LoopDefault]] = ()
) -> Chunk:
    """The records of the runs, one list each, in one table."""
    rows = [_row(place, seq, one) for place, own in enumerate(records) for seq, one in enumerate(own, 1)]
    table = pa.Table.from_pylist(rows, RECORDS.append(verdicts.FIELD).append(pa.field("run", pa.int32())))
    return Chunk(tuple(runs), table, tuple(loops) or tuple({} for _ in runs))


def _row(run: int, seq: int, one: Logged) -> dict[str, Any]:
    return {
        "run": run,
        "seq": seq,
        "ts": 1_750_000_000_000_000 + seq * 1_000,
        "rank": one.rank,
        "process": one.process,
        "name": one.name,
        "path": one.path,
        "it": list(one.it),
        "source": one.source.name.lower(),
        "verdict": one.verdict,
        **record(one.value),
    }


@dataclass(frozen=True)
class Given:
    """The catalog of these runs; each chunk is what a sealed file or a live journal gives."""

    runs: tuple[Run, ...]
    parts: tuple[Chunk, ...] = ()

    @property
    def names(self) -> Collection[str]:
        """Every name in the records."""
        return {name for part in self.parts for name in self._names(part)}

    def chunks(
        self,
        names: Collection[str] | None,
        runs: Collection[RunId] | None = None,
        sources: Collection[Source] = (Source.LOG, Source.ARG, Source.REPLAY, Source.LOOP),
    ) -> Iterator[Chunk]:
        """The chunks, with the rows of these sources."""
        wanted = pa.array([source.name.lower() for source in sources])
        for part in self.parts:
            kept = pa.compute.is_in(part.table["source"].cast(pa.string()), wanted)
            if names is not None:
                if not self._names(part) & set(names):
                    continue
                named = pa.array([*names, None])
                kept = pa.compute.and_(kept, pa.compute.is_in(part.table["name"].cast(pa.string()), named))
            yield Chunk(part.runs, part.table.filter(kept), part.loops)

    def detailed(self, run: Run) -> Run:
        """The run as it is."""
        return run

    def _names(self, part: Chunk) -> set[str]:
        return {name for name in part.table["name"].unique().to_pylist() if name is not None}
