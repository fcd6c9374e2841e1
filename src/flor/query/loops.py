"""The loops around the rows: which iteration a row stands in, and what was iterated over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from flor.query.arrays import ABSENT, Flags, Numbers, Positions, differs
from flor.query.batch import Batch
from flor.query.cells import chosen, gathered
from flor.query.fields import Fields
from flor.query.holding import last_of_loops
from flor.query.naming import LoopColumn, columns_of
from flor.query.paths import Routes
from flor.query.pivot import Block, Rows
from flor.query.tree import Tree


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the rows of a block stand on one level: the node, and the context of each row."""

    node: int
    context: Positions


@dataclass(frozen=True, slots=True)
class LoopRows:
    """One loop column."""

    number: Numbers  # of each row, the iteration it stands in, counting from 1
    prefix: Positions  # the loop's path, in `Routes.prefixes`; ABSENT where the row stands in no such loop
    record: Positions  # of the iteration's value; ABSENT where it has none of its own

    def iterations(self) -> pa.Array:
        """The iteration of each row; null outside of the loop."""
        outside = self.prefix == ABSENT
        return pa.array(self.number, mask=outside if outside.any() else None)


def enclosing(tree: Tree, block: Block) -> list[Stand]:
    """Where a block's rows stand, level by level: the run level first."""
    stands = [Stand(block.node, block.context)]
    while stands[0].node:
        node = tree.nodes[stands[0].node]
        stands.insert(0, Stand(node.parent, node.up[stands[0].context]))
    return stands


def loop_rows(
    batch: Batch, tree: Tree, rows: Rows, around: Sequence[Sequence[Stand]]
) -> dict[LoopColumn, LoopRows]:
    """The loop columns of rows whose blocks stand `around`."""
    levels: dict[LoopColumn, list[Stand | None]] = {}
    for number, (block, stands) in enumerate(zip(rows.blocks, around, strict=True)):
        for column, stand in zip(columns_of(tree.nodes[block.node].shape), stands[1:], strict=True):
            levels.setdefault(column, [None] * len(rows.blocks))[number] = stand
    values = [last_of_loops(batch, node) for node in tree.nodes]
    return {
        column: LoopRows(
            number=_arranged(rows, stands, lambda stand: tree.nodes[stand.node].iteration[stand.context]),
            prefix=_arranged(rows, stands, lambda stand: tree.nodes[stand.node].prefix[stand.context]),
            record=_arranged(rows, stands, lambda stand: _picked(values[stand.node], stand.context)),
        )
        for column, stands in levels.items()
    }


def loop_values(fields: Fields, loop: LoopRows, indexed: "Indexed", run: Numbers) -> pa.Array:
    """What was iterated over in each row: as recorded, else the index if the loop of its `run` has that."""
    is_index = indexed.holds(run, loop.prefix) & (loop.record == ABSENT)
    index = pa.array(loop.number - 1, mask=None if is_index.all() else ~is_index)
    if (loop.record == ABSENT).all():
        return index
    return chosen(is_index, index, gathered(fields, loop.record))


@dataclass(frozen=True, slots=True)
class Indexed:
    """The loops of each run whose iterations have the index as their value where nothing else is recorded."""

    keys: Numbers
    paths: int

    def holds(self, run: Numbers, prefix: Positions) -> Flags:
        """Of each row, whether its loop is one of these."""
        # Neighbours mostly stand in the same loop: each stretch is looked up once.
        first = np.flatnonzero(differs(run) | differs(prefix))
        is_indexed = np.isin(run[first] * self.paths + prefix[first], self.keys) & (prefix[first] != ABSENT)
        return np.repeat(is_indexed, np.diff(first, append=len(run)))


def indexed(fields: Fields, found: Routes) -> Indexed:
    """The loops of `fields` whose values are the index, counting from 0."""
    number = {path: position for position, path in enumerate(found.prefixes)}
    keys = [
        run * len(number) + number[path]
        for run, loops in enumerate(fields.loops)
        for path, default in loops.items()
        if default == "index" and path in number
    ]
    return Indexed(np.array(keys, dtype=np.int64), len(number))


def _arranged(rows: Rows, stands: Sequence[Stand | None], pick: Callable[[Stand], Positions]) -> Positions:
    """One value a row, of the stand it has on a level; ABSENT where it has none."""
    return rows.arranged(
        [
            pick(stand) if stand else np.full(len(block.context), ABSENT)
            for block, stand in zip(rows.blocks, stands, strict=True)
        ]
    )


def _picked(record: Positions | None, context: Positions) -> Positions:
    return np.full(len(context), ABSENT) if record is None else record[context]
