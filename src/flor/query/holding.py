"""Which records of a name the contexts of one node hold."""

from dataclasses import dataclass

import numpy as np

from flor.query.arrays import ABSENT, Numbers, Positions, ascends, differs
from flor.query.batch import Batch
from flor.query.tree import Node


@dataclass(frozen=True, slots=True)
class Holding:
    """The records of one name in each context of a node."""

    record: Positions  # of all contexts, one context after the other, each in program order
    first: Positions  # of each context, its first record; ABSENT where it has none
    last: Positions
    count: Numbers  # of each context

    @property
    def is_repeated(self) -> bool:
        """Whether any context holds the name more than once."""
        return self.first is not self.last

    def on(self, context: Positions, occasion: Positions) -> Positions:
        """The record that stands on a context's row number `occasion` (from 0).

        A value logged once stands on every row; of several, each on its own.
        """
        count = self.count[context]
        if not self.is_repeated:
            return self.first[context]
        start = (np.cumsum(self.count) - self.count)[context]
        found = self.record[np.minimum(start + occasion, len(self.record) - 1)]
        return np.where(count <= 1, self.first[context], np.where(occasion < count, found, ABSENT))

    def new_on(self, context: Positions, occasion: Positions) -> Positions:
        """The record that stands on this row and on none before it of the same context."""
        is_repetition = (self.count[context] <= 1) & (occasion > 0)
        return np.where(is_repetition, ABSENT, self.on(context, occasion))


def holdings(batch: Batch, node: Node, names: range) -> dict[int, Holding]:
    """Each of `names` that the node's contexts hold, in the order of the names."""
    name = batch.name[node.record]
    found = {}
    for number in names:
        is_wanted = name == number
        if is_wanted.any():
            found[number] = _hold(node.record[is_wanted], node.context[is_wanted], len(node))
    return found


def last_of_loops(batch: Batch, node: Node) -> Positions | None:
    """The record of each context's loop value; None where there are none."""
    is_value = batch.name[node.record] == ABSENT
    return _hold(node.record[is_value], node.context[is_value], len(node)).last if is_value.any() else None


def _hold(record: Positions, context: Positions, size: int) -> Holding:
    if not ascends(context):
        order = np.argsort(context, kind="stable")
        record, context = record[order], context[order]
    is_first = differs(context)
    first = np.full(size, ABSENT, dtype=np.intp)
    first[context[is_first]] = record[is_first]
    if is_first.all():
        return Holding(record, first, first, (first != ABSENT).astype(np.int64))
    last = np.full(size, ABSENT, dtype=np.intp)
    is_last = np.append(is_first[1:], True)
    last[context[is_last]] = record[is_last]
    return Holding(record, first, last, np.bincount(context, minlength=size))
