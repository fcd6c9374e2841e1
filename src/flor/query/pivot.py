"""The pivot: which rows a frame has, and which record stands in each cell.

It works on positions of records, whatever their values, and on a whole node of the tree at
a time. Its rules: a context that holds a name has a row; where it has no value of its own,
it is lent the last one of the nearest context around it; and a context all of whose values
appear on deeper rows has no row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flor.entities import Source
from flor.query.arrays import ABSENT, Flags, Positions, increases
from flor.query.batch import Batch
from flor.query.holding import Holding, holdings
from flor.query.tree import Node, Tree

Cells = dict[int, Positions]
"""Of each name that has any, the record of each context or row; ABSENT where there is none."""


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one node's contexts, one context after the other."""

    node: int
    context: Positions  # of each row
    occasion: Positions  # of each row, which of its context's, from 0
    cells: Cells
    newest: Positions  # of each row, the first record that is new on it: its place in the order


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a frame, as blocks and their order."""

    blocks: tuple[Block, ...]
    order: Positions | None  # where in the blocks each row stands; None: as they are

    def __len__(self) -> int:
        return sum(len(block.context) for block in self.blocks)

    def arranged(self, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """One value a row, from one array a block."""
        if not parts:
            return _NO_ROWS
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return values if self.order is None else values[self.order]

    def parted(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """One array a block, from one value a row: `arranged` undone."""
        if self.order is not None:
            values, arranged = np.empty_like(values), values
            values[self.order] = arranged
        ends = np.cumsum([len(block.context) for block in self.blocks])
        return np.split(values, ends[:-1]) if self.blocks else []

    def cells(self, name: int) -> Positions:
        """The record of each row's cell under a name."""
        return self.arranged([_or_absent(block.cells.get(name), len(block.context)) for block in self.blocks])


_NO_ROWS = np.zeros(0, dtype=np.intp)


def pivot(batch: Batch, tree: Tree, names: range) -> Rows:
    """The rows of a frame over these of the batch's names."""
    held = [holdings(batch, node, names) for node in tree.nodes]
    has_row = _kept(batch, tree, held)
    values: list[Cells] = []
    blocks = []
    for number, node in enumerate(tree.nodes):
        lent = _lent(node, values) if number else _arguments(batch, held[0])
        values.append(_values(held[number], lent))
        if has_row[number].any():
            blocks.append(_block(number, np.flatnonzero(has_row[number]), held[number], values[number]))
    return Rows(tuple(blocks), _order(blocks))


def _kept(batch: Batch, tree: Tree, held: Sequence[Mapping[int, Holding]]) -> list[Flags]:
    """Of each node, which contexts have rows; the deepest are decided first."""
    # Of each node and name, the contexts whose last value appears on a deeper row.
    lends: list[dict[int, Flags]] = [{} for _ in tree.nodes]
    kept = [np.zeros(0, np.bool_) for _ in tree.nodes]
    for number in range(len(tree.nodes) - 1, 0, -1):
        node = tree.nodes[number]
        kept[number] = _has_row(held[number], lends[number], len(node))
        for name in _names_around(tree, held, number):
            shows = _shows(name, held[number], lends[number], kept[number])
            _mark(lends[node.parent], name, node.up[shows], len(tree.nodes[node.parent]))
    kept[0] = _has_row(held[0], _shown_of_run_level(batch, held[0], lends[0]), len(tree.nodes[0]))
    return kept


def _has_row(held: Mapping[int, Holding], shown: Mapping[int, NDArray[Any]], size: int) -> Flags:
    """The contexts that hold more values than deeper rows show; `shown` says how many of each name."""
    result = np.zeros(size, np.bool_)
    for name, holding in held.items():
        result |= holding.count > shown.get(name, 0)
    return result


def _names_around(tree: Tree, held: Sequence[Mapping[int, Holding]], number: int) -> set[int]:
    """The names that contexts around those of a node hold."""
    around: set[int] = set()
    while (number := tree.nodes[number].parent) != ABSENT:
        around |= held[number].keys()
    return around


def _shows(name: int, held: Mapping[int, Holding], lends: Mapping[int, Flags], kept: Flags) -> Flags:
    """The contexts that show the value lent to them under a name, on their rows or on deeper ones."""
    shows = kept | lends[name] if name in lends else kept
    return shows & (held[name].count == 0) if name in held else shows


def _mark(lends: dict[int, Flags], name: int, contexts: Positions, size: int) -> None:
    lends.setdefault(name, np.zeros(size, np.bool_))[contexts] = True


def _shown_of_run_level(
    batch: Batch, held: Mapping[int, Holding], lends: Mapping[int, Flags]
) -> Mapping[int, NDArray[Any]]:
    """Of each name and unit, how many values of the run level appear on deeper rows.

    In its own process that can be the last value, in children the last that is an argument.
    """
    main = batch.units.main
    if (main == ABSENT).all():
        return lends
    kept = _has_row(held, lends, len(main))
    shown = {}
    for name, holding in held.items():
        children = (main != ABSENT) & _shows(name, held, lends, kept)
        argument = _last_argument(batch, holding)
        is_lent = np.zeros(len(main), np.bool_)
        is_lent[main[children]] = True
        is_lent &= argument != ABSENT
        inside = lends.get(name, np.zeros(len(main), np.bool_))
        shown[name] = np.where(argument == holding.last, inside | is_lent, inside.astype(np.int8) + is_lent)
    return shown


def _arguments(batch: Batch, held: Mapping[int, Holding]) -> Cells:
    """What is lent to the run level of children: the last value of each argument of their main process."""
    main = batch.units.main
    if (main == ABSENT).all():
        return {}
    return {name: np.where(main == ABSENT, ABSENT, _last_argument(batch, held[name])[main]) for name in held}


def _last_argument(batch: Batch, holding: Holding) -> Positions:
    """Of each unit, the last record of a name that is an argument."""
    is_argument = batch.fields.source[holding.record] == Source.ARG
    context = np.repeat(np.arange(len(holding.count)), holding.count)[is_argument]
    is_last = np.append(context[1:] != context[:-1], True)[: len(context)]
    result = np.full(len(holding.count), ABSENT, dtype=np.intp)
    result[context[is_last]] = holding.record[is_argument][is_last]
    return result


def _lent(node: Node, values: Sequence[Cells]) -> Cells:
    return {name: cells[node.up] for name, cells in values[node.parent].items()}


def _values(held: Mapping[int, Holding], lent: Cells) -> Cells:
    """The value of each context: the last of its own, else the one lent to it."""
    own = {name: holding.last for name, holding in held.items()}
    both = {name: np.where(own[name] == ABSENT, lent[name], own[name]) for name in own.keys() & lent.keys()}
    return lent | own | both


def _block(number: int, context: Positions, held: Mapping[int, Holding], values: Cells) -> Block:
    """The rows of a node's contexts that have rows."""
    if not any(holding.is_repeated for holding in held.values()):
        cells = {name: cells[context] for name, cells in values.items()}
        newest = _earliest([holding.first[context] for holding in held.values()])
        return Block(number, context, np.zeros(len(context), np.intp), cells, newest)
    times = np.max([holding.count[context] for holding in held.values()], axis=0)
    context, occasion = _repeated(context, times)
    cells = {name: cells[context] for name, cells in values.items()}
    for name, holding in held.items():
        is_own = holding.count[context] > 0
        cells[name] = np.where(is_own, holding.on(context, occasion), cells[name])
    newest = _earliest([holding.new_on(context, occasion) for holding in held.values()])
    return Block(number, context, occasion, cells, newest)


def _repeated(context: Positions, times: NDArray[np.int64]) -> tuple[Positions, Positions]:
    """Each context so many times, and which time it is."""
    before = np.repeat(np.cumsum(times) - times, times)
    return np.repeat(context, times), np.arange(len(before)) - before


def _earliest(records: Sequence[Positions]) -> Positions:
    """The smallest position of each row. Unsigned, ABSENT is the largest of all."""
    earliest: NDArray[np.uintp] = np.minimum.reduce([record.view(np.uintp) for record in records])
    return earliest.view(np.intp)


def _order(blocks: Sequence[Block]) -> Positions | None:
    if not blocks:
        return None
    newest = np.concatenate([block.newest for block in blocks])
    return None if increases(newest) else np.argsort(newest, kind="stable")


def _or_absent(cells: Positions | None, size: int) -> Positions:
    return np.full(size, ABSENT, dtype=np.intp) if cells is None else cells
