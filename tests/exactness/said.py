"""What a program said: as a flor that only listens has heard it, and as FlorDB kept it and shows it."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flor.entities import Kind, RunId, Source
from flor.runs.catalog import Catalog
from flor.runs.values import decode
from workplace import Workplace

Written = tuple[Any, ...]
"""A value as (type, text), every bit of it."""

PROGRAM = (Source.LOG, Source.ARG)
"""What the program itself says, and not the loops around it."""

CLOCK: Written = ("clock", "")
"""Stands for every value of a name that differs from run to run."""


@dataclass(frozen=True)
class Level:
    """One iteration around a record."""

    name: str
    occurrence: int
    number: int
    value: Written | None  # None: not simple


@dataclass(frozen=True)
class Said:
    """One record."""

    source: str
    name: str
    value: Written
    around: tuple[Level, ...] = ()

    @property
    def path(self) -> str:
        return "/".join(
            level.name + (f"#{level.occurrence}" if level.occurrence > 1 else "") for level in self.around
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(level.number for level in self.around)

    @property
    def place(self) -> "Place":
        return Place(self.source, self.name, self.path, self.numbers, self.value)


@dataclass(frozen=True)
class Place:
    """One record as the store has it: the values of the loops stand elsewhere."""

    source: str
    name: str
    path: str
    numbers: tuple[int, ...]
    value: Written

    def __str__(self) -> str:
        around = ", ".join(
            f"{name}={number}" for name, number in zip(self.path.split("/"), self.numbers, strict=False)
        )
        return f"{self.name} = {shown(self.value)}" + (f" at {around}" if around else "")


@dataclass(frozen=True)
class Shown:
    """One row of `flor.dataframe(name)`: loop columns with their numbers and values, and the cell."""

    loops: tuple[tuple[str, int, Written | None], ...]
    value: Written


def written(value: Any) -> Written:
    """The value as (type, text); equal if and only if every bit is."""
    if isinstance(value, float):
        return ("float", value.hex())
    if isinstance(value, list):
        return ("list", tuple(written(item) for item in value))
    if isinstance(value, dict):
        return ("dict", tuple((written(key), written(item)) for key, item in value.items()))
    return (type(value).__name__, str(value))


def shown(value: Written) -> str:
    """A written value for people."""
    return repr(float.fromhex(value[1])) if value[0] == "float" else str(value[1])


def heard(file: Path, volatile: Collection[str]) -> list[Said]:
    """What the listening flor wrote down."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [_said(json.loads(line), volatile) for line in lines]


def kept(place: Workplace, volatile: Collection[str]) -> list[list[Place]]:
    """The records of each run in the store, by time stamp, in the order of the program."""
    catalog = place.catalog()
    return [records(catalog, run.run, volatile) for run in catalog.runs]


def records(catalog: Catalog, run: RunId, volatile: Collection[str]) -> list[Place]:
    """The records of one run, in the order of the program."""
    rows = (row for chunk in catalog.chunks(None, [run], sources=PROGRAM) for row in chunk.table.to_pylist())
    return [_place(row, volatile) for row in rows]


def answered(catalog: Catalog, run: RunId, volatile: Collection[str], names: Collection[str]) -> list[Place]:
    """The same, with the answers in hindsight for these names as if they had been logged."""
    sources = (*PROGRAM, Source.REPLAY)
    rows = (row for chunk in catalog.chunks(None, [run], sources=sources) for row in chunk.table.to_pylist())
    found = (
        row if row["source"] != "replay" else {**row, "source": "log"} for row in rows if _is_of(row, names)
    )
    return [_place(row, volatile) for row in found]


def frame(place: Workplace, name: str, volatile: Collection[str]) -> list[Shown]:
    """The rows of `flor.dataframe(name)`."""
    table = place.frame(name)
    columns = [column for column in table.columns[3:] if column != name]
    loops = [column for column in columns if f"{column}_value" in columns]
    cells = {column: table[column].tolist() for column in (*columns, name)}
    return [
        Shown(
            tuple(
                (loop, int(cells[loop][i]), _cell(cells[f"{loop}_value"][i]))
                for loop in loops
                if not pd.isna(cells[loop][i])
            ),
            CLOCK if name in volatile else written(cells[name][i]),
        )
        for i in range(len(table))
    ]


def expected_frame(said: Sequence[Said]) -> list[Shown]:
    """The rows of the data frame of one name, none of which stands around another."""
    return [
        Shown(tuple((level.name, level.number, level.value) for level in one.around), one.value)
        for one in said
    ]


def is_at_one_depth(said: Sequence[Said]) -> bool:
    """Whether no record of these stands in an iteration around another: then each has a row of its own."""
    contexts = {tuple((level.name, level.occurrence, level.number) for level in one.around) for one in said}
    return not any(context[:depth] in contexts for context in contexts for depth in range(len(context)))


def first_difference(wanted: Sequence[Any], found: Sequence[Any]) -> str:
    """Where two sequences part, in words; "" if nowhere."""
    for i, (one, other) in enumerate(zip(wanted, found, strict=False)):
        if one != other:
            return f"number {i + 1} is {other}, not {one}"
    if len(wanted) == len(found):
        return ""
    longer = wanted if len(wanted) > len(found) else found
    verb = "is missing" if longer is wanted else "is too many"
    return f"{longer[min(len(wanted), len(found))]} {verb} ({len(found)} of {len(wanted)})"


def _said(record: dict[str, Any], volatile: Collection[str]) -> Said:
    value = CLOCK if record["name"] in volatile else _frozen(record["value"])
    levels = tuple(
        Level(one["name"], one["occurrence"], one["number"], one["value"] and _frozen(one["value"]))
        for one in record["around"]
    )
    return Said(record["source"], record["name"], value, levels)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _place(row: dict[str, Any], volatile: Collection[str]) -> Place:
    value = decode(Kind[row["kind"].upper()], row["vf"], row["vi"], row["vs"])
    said = CLOCK if row["name"] in volatile else written(value)
    return Place(row["source"], row["name"], row["path"], tuple(row["it"]), said)


def _is_of(row: dict[str, Any], names: Collection[str]) -> bool:
    return row["source"] != "replay" or row["name"] in names


def _cell(value: Any) -> Written | None:
    return None if pd.isna(value) else written(value)
