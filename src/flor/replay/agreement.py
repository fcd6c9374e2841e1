"""Whether what is executed again logs what it logged before, bit for bit. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from flor.entities import BlobReference, Kind
from flor.runs import values
from flor.runs.tables import numbers

_SHOWN_LENGTH = 60
_COLUMNS = ("path", "it", "name")

Context = tuple[str, tuple[int, ...]]
"""Path and iterations."""

Key = tuple[Context, str, int]
"""Context, name, and which record of these it is, from 1."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first record of a name that is not what it was."""

    name: str
    path: str  # "epoch/step#2"; "" at run level
    iterations: tuple[int, ...]  # one for each element of the path, from 1
    before: str | None  # the value as text; None: it was not logged
    now: str | None

    def __str__(self) -> str:
        """`epoch 3, step 17: loss 0.25 was 0.26`."""
        place = ", ".join(
            f"{unquote(name)} {number}"
            for name, number in zip(self.path.split("/"), self.iterations, strict=self.path != "")
        )
        return f"{place}: {self._said()}" if place else self._said()

    def _said(self) -> str:
        if self.now is None:
            return f"{self.name} is missing, it was {self.before}"
        if self.before is None:
            return f"{self.name} {self.now} was not logged before"
        return f"{self.name} {self.now} was {self.before}"


@dataclass(frozen=True, slots=True)
class _Records:
    """Named records in the order of execution."""

    keys: list[Key]
    bits: list[tuple[object, ...]]  # equal for equal values, and for these only
    table: pa.Table

    def text(self, row: int) -> str:
        """The value as it is shown."""
        one = {name: self.table[name][row].as_py() for name in ("kind", "vf", "vi", "vs")}
        value = values.decode(Kind[one.pop("kind").upper()], **one)
        text = f"blob {value.hash[:8]}" if isinstance(value, BlobReference) else repr(value)
        return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."


def compare(before: pa.Table, now: pa.Table) -> list[Difference]:
    """The first difference of each name between two executions of the same part of a program.

    Records are paired by path, iterations, name, and their order among such. Either execution may have
    ended earlier than the other: a record that only one has counts where later ones are in both.

    Args:
        before, now: columns of `schema.RECORDS`; records without a name are passed over.
    """
    old, new = _records(before), _records(now)
    old_row = dict(zip(old.keys, count()))
    new_row = dict(zip(new.keys, count()))
    found: dict[str, Difference] = {}
    for row, key in _judged(old.keys, new_row):
        again = new_row.get(key)
        if again is None or new.bits[again] != old.bits[row]:
            now_text = None if again is None else new.text(again)
            found.setdefault(key[1], Difference(key[1], *key[0], old.text(row), now_text))
    for row, key in _judged(new.keys, old_row):
        if key not in old_row:
            found.setdefault(key[1], Difference(key[1], *key[0], None, new.text(row)))
    return list(found.values())


def _judged(keys: Sequence[Key], others: dict[Key, int]) -> Iterator[tuple[int, Key]]:
    """The records up to the last one that is among the others too."""
    last = max((row for row, key in enumerate(keys) if key in others), default=-1)
    yield from enumerate(keys[: last + 1])


def _records(table: pa.Table) -> _Records:
    named = table.filter(table["name"].is_valid())
    kinds = named["kind"].to_pylist()
    return _Records(keys_of(named), list(zip(*_bits(named), kinds, strict=True)), named)


def keys_of(table: pa.Table) -> list[Key]:
    """A key for each record; values of loops have no name."""
    seen: dict[tuple[Context, str], Iterator[int]] = {}
    keys: list[Key] = []
    for path, it, name in zip(*(table[column].to_pylist() for column in _COLUMNS), strict=True):
        place = ((path, tuple(it)), name or "")
        keys.append((*place, next(seen.setdefault(place, count(1)))))
    return keys


def _bits(table: pa.Table) -> list[Sequence[Any]]:
    """The columns of values so that what is equal is the same: NaN to the same NaN, 0.0 not to -0.0."""
    floats = np.ascontiguousarray(numbers(table["vf"])).view(np.int64)
    has_float = table["vf"].is_valid().to_pylist()
    bits = [number if is_there else None for number, is_there in zip(floats.tolist(), has_float, strict=True)]
    return [bits, table["vi"].to_pylist(), table["vs"].to_pylist()]
