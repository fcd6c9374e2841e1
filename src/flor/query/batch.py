"""Which records a data frame is made of, a few runs at a time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from flor.entities import Run, RunId, Source
from flor.query.arrays import ABSENT, Flags, Numbers, Positions, differs
from flor.query.fields import Fields
from flor.runs.records import Chunk


@dataclass(frozen=True, slots=True)
class Request:
    """Which records are wanted."""

    names: tuple[str, ...]  # none: every value of the run level
    mentioned: tuple[str, ...] = ()  # names that the predicate needs
    is_every_rank: bool = False


@dataclass(frozen=True, slots=True)
class Units:
    """The processes that the records come from; each has a stack of loops of its own."""

    run: Numbers
    rank: Numbers
    process: Numbers  # 0: the main process of its rank
    main: Positions  # of each child, the main process of its rank; ABSENT for the others


@dataclass(frozen=True, slots=True, order=True)
class Appearance:
    """Where a name is first seen."""

    tstamp: datetime
    run: RunId
    record: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The wanted records of some runs."""

    fields: Fields
    units: Units
    unit: Positions  # of each record
    names: tuple[str, ...]
    asked: int  # so many of `names`, the first, are asked for; the others are only mentioned
    appearances: Mapping[str, Appearance]  # of those asked for, if all of the run level are
    name: Positions  # of each record, in `names`; ABSENT for values of loops
    selected: Positions  # the records that are wanted


def age_of(run: Run) -> tuple[datetime, RunId]:
    """What orders runs in a frame."""
    return run.tstamp, run.run


def batches(chunks: Iterable[Chunk], least: int) -> Iterator[list[Chunk]]:
    """The chunks, small ones together until they hold `least` records."""
    held: list[Chunk] = []
    records = 0
    for chunk in chunks:
        if chunk.table.num_rows >= least:
            yield [chunk]
            continue
        held.append(chunk)
        records += chunk.table.num_rows
        if records >= least:
            yield held
            held, records = [], 0
    if held:
        yield held


def select(fields: Fields, request: Request) -> Batch:
    """The records among `fields` that are wanted."""
    rank_is_wanted = np.ones(len(fields.rank), np.bool_) if request.is_every_rank else fields.rank == 0
    is_logged = fields.have_source(Source.LOG, Source.ARG, Source.REPLAY) & rank_is_wanted
    at_run_level = fields.path.codes == fields.path.number_of("")
    appearances = {} if request.names else _appearances(fields, is_logged & at_run_level)
    asked = request.names or sorted(appearances, key=appearances.__getitem__)
    names = tuple(dict.fromkeys([*asked, *request.mentioned]))
    name = fields.name.translated({text: number for number, text in enumerate(names)})
    name[~is_logged] = ABSENT
    if not request.names:
        name[~at_run_level & ~np.isin(name, [names.index(text) for text in request.mentioned])] = ABSENT
    unit, units = _units(fields)
    return Batch(
        fields=fields,
        units=units,
        unit=unit,
        names=names,
        asked=len(asked),
        appearances=appearances,
        name=name,
        selected=np.flatnonzero((name != ABSENT) | fields.have_source(Source.LOOP) & rank_is_wanted),
    )


def _appearances(fields: Fields, wanted: Flags) -> dict[str, Appearance]:
    """Where the name of each wanted record first appears."""
    position = np.flatnonzero(wanted)
    # The runs of a batch need not stand in the order of time.
    age = np.argsort(sorted(range(len(fields.runs)), key=lambda run: age_of(fields.runs[run])))
    position = position[np.argsort(age[fields.run[position]], kind="stable")]
    codes, first = np.unique(fields.name.codes[position], return_index=True)
    return {
        fields.name.texts[code]: Appearance(*age_of(fields.runs[fields.run[record]]), int(record))
        for code, record in zip(codes, position[first], strict=True)
    }


def _units(fields: Fields) -> tuple[Positions, Units]:
    """The unit of each record, and all units."""
    is_first = differs(fields.run) | differs(fields.rank) | differs(fields.process)
    first = np.flatnonzero(is_first)
    run, rank = fields.run[first].astype(np.int64), fields.rank[first].astype(np.int64)
    process = fields.process[first]
    return np.cumsum(is_first) - 1, Units(run, rank, process, _main_processes(run, rank, process))


def _main_processes(run: Numbers, rank: Numbers, process: Numbers) -> Positions:
    """For each child the position of its main process, which precedes it."""
    position = np.arange(len(process))
    main = np.maximum.accumulate(np.where(process == 0, position, ABSENT))
    is_same = (main != ABSENT) & (run[main] == run) & (rank[main] == rank)
    return np.where((process != 0) & is_same, main, ABSENT)
