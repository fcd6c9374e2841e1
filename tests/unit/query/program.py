"""Little programs that log, run by an interpreter into records and into what the model takes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from flor.entities import Run, Source
from flor.query.answer import Query
from flor.query.frame import build
from flor.runs.decode import escaped
from flor.runs.records import Chunk, LoopDefault
from unit.query import model
from unit.query.given import Logged, a_chunk, a_run

INDEX: Any = type("Index", (), {"__repr__": lambda self: "INDEX"})()
NONE: Any = type("None_", (), {"__repr__": lambda self: "NONE"})()


@dataclass(frozen=True)
class Log:
    """`flor.log`, `flor.arg`, or a value of hindsight."""

    name: str
    value: Any
    source: str = "log"
    verdict: str = "unverified"  # if it is one of hindsight


@dataclass(frozen=True)
class Loop:
    """`flor.loop` over these values; INDEX and NONE stand for the index and for no simple value."""

    name: str
    values: tuple[Any, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Iteration:
    """`flor.iteration`: one that the program does not drive, entered in whatever order."""

    name: str
    iteration: int
    body: tuple[Statement, ...]


Statement = Log | Loop | Iteration


@dataclass(frozen=True)
class Process:
    """What one process of a run executes."""

    body: tuple[Statement, ...]
    rank: int = 0
    process: int = 0


@dataclass
class Execution:
    """One run, as records and for the model."""

    number: int
    records: list[Logged] = field(default_factory=list)
    modelled: list[model.Record] = field(default_factory=list)
    defaults: dict[str, LoopDefault] = field(default_factory=dict)
    occurrences: dict[model.Context, Counter[str]] = field(default_factory=dict)
    driven: dict[model.Context, dict[str, int]] = field(default_factory=dict)
    valued: set[model.Context] = field(default_factory=set)

    def execute(self, body: Sequence[Statement], context: model.Context) -> None:
        """Run the statements in a context."""
        for statement in body:
            if isinstance(statement, Log):
                self.log(statement, context)
            elif isinstance(statement, Loop):
                occurrence = self.next_occurrence(context, statement.name)
                for iteration, value in enumerate(statement.values, 1):
                    self.enter(context, statement, occurrence, iteration, value)
            else:
                driven = self.driven.setdefault(context, {})
                if statement.name not in driven:
                    driven[statement.name] = self.next_occurrence(context, statement.name)
                self.enter(context, statement, driven[statement.name], statement.iteration, INDEX)

    def next_occurrence(self, context: model.Context, name: str) -> int:
        counted = self.occurrences.setdefault(context, Counter())
        counted[name] += 1
        return counted[name]

    def enter(
        self, context: model.Context, loop: Loop | Iteration, occurrence: int, iteration: int, value: Any
    ) -> None:
        """Run one iteration; its value is recorded where another one would be taken for it.

        That is where it is not the default of the loop's path, or where the iteration was executed before
        with a value that was recorded. Of one in which nothing is logged no value is.
        """
        worth = iteration - 1 if value is INDEX else model.NOTHING if value is NONE else value
        inner = replace(context, steps=(*context.steps, model.Step(loop.name, occurrence, iteration, worth)))
        # An iteration that is entered again counts the loops inside anew.
        self.occurrences.pop(inner, None)
        self.driven.pop(inner, None)
        default = self.defaults.setdefault(path_of(inner), "none" if value is NONE else "index")
        is_told = value is not {"index": INDEX, "none": NONE}[default] or inner in self.valued
        begun = len(self.records)
        self.execute(loop.body, inner)
        if is_told and len(self.records) > begun:
            self.valued.add(inner)
            self.record(None, None if value is NONE else worth, inner, Source.LOOP)
            self.records.insert(begun, self.records.pop())

    def log(self, statement: Log, context: model.Context) -> None:
        position, verdict = len(self.modelled), statement.verdict if statement.source == "replay" else None
        self.modelled.append(
            model.Record(position, context, statement.name, statement.value, statement.source, verdict)
        )
        self.record(statement.name, statement.value, context, Source[statement.source.upper()], verdict)

    def record(
        self, name: str | None, value: Any, context: model.Context, source: Source, verdict: str | None = None
    ) -> None:
        iterations = [step.iteration for step in context.steps]
        place = (path_of(context), iterations, source, context.rank, context.process)
        self.records.append(Logged(name, value, *place, verdict))


def path_of(context: model.Context) -> str:
    """The path as records have it."""
    names = [escaped(step.loop) for step in context.steps]
    occurrences = ["" if step.occurrence == 1 else f"#{step.occurrence}" for step in context.steps]
    return "/".join(name + occurrence for name, occurrence in zip(names, occurrences, strict=True))


@dataclass(frozen=True)
class Executed:
    """Some runs: their records in one table each, and what the model takes."""

    chunks: tuple[Chunk, ...]
    runs: tuple[model.Recorded, ...]


def executed(runs: Sequence[Run], programs: Sequence[Sequence[Process]]) -> Executed:
    """Run a program per run; its processes must come by rank, the main process of each first."""
    chunks, recorded = [], []
    for number, (run, processes) in enumerate(zip(runs, programs, strict=True)):
        execution = Execution(number)
        for process in processes:
            execution.execute(process.body, model.Context(number, process.rank, process.process, ()))
        chunks.append(a_chunk([run], [execution.records], [execution.defaults]))
        facts = {"run": run.run, "status": str(run.status)}
        recorded.append(
            model.Recorded(run.projid, run.tstamp, run.filename, tuple(execution.modelled), facts)
        )
    return Executed(tuple(chunks), tuple(recorded))


Program = Sequence[Statement] | Sequence[Process]
"""What the main process of a run executes, or all of its processes."""


def repeated(name: str, times: int, *body: Statement) -> Loop:
    """`for … in flor.loop(name, range(times))`."""
    return Loop(name, (INDEX,) * times, body)


def frame_of(*programs: Program, names: Sequence[str] = (), **query: Any) -> pd.DataFrame:
    """The frame over one run per program, an hour apart."""
    done = executed([a_run(number) for number in range(len(programs))], [_processes(one) for one in programs])
    return build(done.chunks, Query(tuple(names), **query))


def _processes(program: Program) -> Sequence[Process]:
    found = [each for each in program if isinstance(each, Process)]
    return found or [Process(tuple(each for each in program if not isinstance(each, Process)))]


def cells(frame: pd.DataFrame, *titles: str) -> list[tuple[Any, ...]]:
    """The rows of these columns as Python values; None where a cell is missing."""
    columns = [frame[title].astype(object) for title in titles]
    return [tuple(None if _is_missing(cell) else cell for cell in row) for row in zip(*columns, strict=True)]


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell))
