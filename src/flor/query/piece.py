"""The rows of a few runs as columns: what remains of their records once they are pivoted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from flor.entities import Run
from flor.query.arrays import Flags, Numbers, Positions
from flor.query.batch import Batch
from flor.query.cells import gathered, sources, verdicts
from flor.query.fields import Fields
from flor.query.loops import enclosing, indexed, loop_rows, loop_values
from flor.query.naming import LoopColumn
from flor.query.paths import Shape
from flor.query.pivot import Rows
from flor.query.tree import Tree


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows, column by column."""

    runs: tuple[Run, ...]
    run: Positions  # of each row, in `runs`
    rank: Numbers
    process: Numbers
    shapes: tuple[Shape, ...]
    shape: Positions  # of each row, in `shapes`
    iterations: Mapping[LoopColumn, pa.Array]
    loop_values: Mapping[LoopColumn, pa.Array]
    values: Mapping[str, pa.Array]
    sources: Mapping[str, pa.Array]
    verdicts: Mapping[str, pa.Array]  # of the names that replays have answered

    def __len__(self) -> int:
        return len(self.run)

    def only(self, kept: Flags) -> "Piece":
        """The rows that the flags keep."""
        mask = pa.array(kept)
        return replace(
            self,
            run=self.run[kept],
            rank=self.rank[kept],
            process=self.process[kept],
            shape=self.shape[kept],
            iterations={column: array.filter(mask) for column, array in self.iterations.items()},
            loop_values={column: array.filter(mask) for column, array in self.loop_values.items()},
            values={name: array.filter(mask) for name, array in self.values.items()},
            sources={name: array.filter(mask) for name, array in self.sources.items()},
            verdicts={name: array.filter(mask) for name, array in self.verdicts.items()},
        )


def reduced(batch: Batch, tree: Tree, rows: Rows, names: Sequence[int], has_sources: bool) -> Piece:
    """The rows with the values of these of the batch's names."""
    around = [enclosing(tree, block) for block in rows.blocks]
    unit = rows.arranged([stands[0].context for stands in around])
    run = batch.units.run[unit]
    records = {batch.names[name]: rows.cells(name) for name in names}
    by_index = indexed(batch.fields, tree.routes)
    loops = loop_rows(batch, tree, rows, around)
    return Piece(
        runs=batch.fields.runs,
        run=run,
        rank=batch.units.rank[unit],
        process=batch.units.process[unit],
        shapes=tuple(tree.nodes[block.node].shape for block in rows.blocks),
        shape=rows.arranged([np.full(len(each.context), number) for number, each in enumerate(rows.blocks)]),
        iterations={column: loop.iterations() for column, loop in loops.items()},
        loop_values={
            column: loop_values(batch.fields, loop, by_index, run) for column, loop in loops.items()
        },
        values={name: gathered(batch.fields, record) for name, record in records.items()},
        sources={name: sources(batch.fields, record) for name, record in records.items() if has_sources},
        verdicts=_verdicts(batch.fields, records) if has_sources else {},
    )


def _verdicts(fields: Fields, records: Mapping[str, Positions]) -> dict[str, pa.Array]:
    """Of each name that replays have answered, how sure its cells are."""
    found = {name: verdicts(fields, record) for name, record in records.items()}
    return {name: array for name, array in found.items() if array.null_count < len(array)}
