"""The contexts of records as a tree: what stands inside what.

A node holds all contexts whose loops have the same names. Contexts are numbered within
their node, ordered by the context around them, occurrence of the loop, and iteration; so
what an enclosing context has is reached by one array of positions per level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flor.query.arrays import ABSENT, Numbers, Positions, combined, differs, grouped, increases
from flor.query.batch import Batch
from flor.query.paths import Routes, Shape, routes


@dataclass(frozen=True, slots=True)
class Node:
    """The contexts whose loops have the names of `shape`, and the records that stand in them."""

    shape: Shape
    parent: int  # in `Tree.nodes`; ABSENT for the root
    up: Positions  # of each context, the enclosing one in the parent (of the root: itself)
    iteration: Numbers  # of each context, counting from 1
    prefix: Positions  # of each context, its path in `Routes.prefixes`
    record: Positions  # the records, in program order
    context: Positions  # of each record

    def __len__(self) -> int:
        return len(self.up)


@dataclass(frozen=True, slots=True)
class Tree:
    """All contexts of a batch. The root's contexts are the batch's units."""

    nodes: tuple[Node, ...]  # parents before children
    routes: Routes

    def run_level(self) -> "Tree":
        """The tree without loops."""
        return Tree(self.nodes[:1], self.routes)


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of a trail: the stretches of records within one context of that depth."""

    up: Positions  # of each stretch, the stretch of the level above
    iteration: Numbers
    prefix: Positions


@dataclass(frozen=True, slots=True)
class _Trail:
    """The records of one shape, in program order, as nested stretches."""

    shape: Shape
    record: Positions
    stretch: Positions  # of each record, at the deepest level
    unit: Positions  # of each stretch of the run level
    levels: tuple[_Level, ...]  # below the run level, outermost first


def grow(batch: Batch) -> Tree:
    """The tree of the contexts that hold a wanted name or stand around one."""
    found = routes(batch.fields.path.texts)
    trails = [_trail(batch, found, shape, record) for shape, record in _by_shape(batch, found)]
    return Tree(_nodes(trails, len(batch.units.run)), found)


def _by_shape(batch: Batch, found: Routes) -> list[tuple[Shape, Positions]]:
    """The selected records of each shape that holds a name, or stands around one that does."""
    shape = found.shape[batch.fields.path.codes[batch.selected]]
    has_name = np.bincount(shape[batch.name[batch.selected] != ABSENT], minlength=len(found.shapes)) > 0
    needed = {
        found.shapes[number][:depth]
        for number in np.flatnonzero(has_name)
        for depth in range(len(found.shapes[number]) + 1)
    }
    groups = zip(found.shapes, grouped(shape, len(found.shapes)), strict=True)
    return [(name, batch.selected[group]) for name, group in groups if name in needed and len(group)]


def _trail(batch: Batch, found: Routes, shape: Shape, record: Positions) -> _Trail:
    """The nested stretches of one shape's records."""
    unit, path, offset = batch.unit[record], batch.fields.path.codes[record], batch.fields.offset[record]
    is_new = differs(unit)
    levels: list[_Level] = []
    for level in range(len(shape)):
        iteration, prefix = batch.fields.iterations[offset + level], found.prefix[path, level]
        above, is_new = is_new, is_new | differs(iteration) | differs(prefix)
        first = np.flatnonzero(is_new)
        levels.append(_Level(np.cumsum(above[first]) - 1, iteration[first], prefix[first]))
    outermost = unit[np.flatnonzero(differs(unit))]
    return _Trail(shape, record, np.cumsum(is_new) - 1, outermost, tuple(levels))


def _nodes(trails: Sequence[_Trail], unit_count: int) -> tuple[Node, ...]:
    """The nodes that the trails lead through, parents before children."""
    own = {trail.shape: trail for trail in trails}
    shapes = sorted({(), *(shape[:depth] for shape in own for depth in range(1, len(shape) + 1))}, key=len)
    number = {shape: position for position, shape in enumerate(shapes)}
    # Of each trail, the contexts of its stretches on the level reached so far.
    reached = {trail.shape: trail.unit for trail in trails}
    nodes = []
    for shape in shapes:
        through = [trail for trail in trails if trail.shape[: len(shape)] == shape]
        level = _enter(through, len(shape), reached) if shape else _run_level(unit_count)
        trail = own.get(shape)
        nodes.append(
            Node(
                shape=shape,
                parent=number[shape[:-1]] if shape else ABSENT,
                up=level.up,
                iteration=level.iteration,
                prefix=level.prefix,
                record=trail.record if trail else _NOTHING,
                context=reached[shape][trail.stretch] if trail else _NOTHING,
            )
        )
    return tuple(nodes)


def _run_level(unit_count: int) -> _Level:
    nothing = np.zeros(unit_count, dtype=np.int64)
    return _Level(np.arange(unit_count), nothing, nothing)


def _enter(through: Sequence[_Trail], depth: int, reached: dict[Shape, Positions]) -> _Level:
    """The contexts at `depth` of trails that share them; `reached` is led on to these."""
    levels = [trail.levels[depth - 1] for trail in through]
    up = np.concatenate(
        [reached[trail.shape][level.up] for trail, level in zip(through, levels, strict=True)]
    )
    iteration = np.concatenate([level.iteration for level in levels])
    prefix = np.concatenate([level.prefix for level in levels])
    first, context = _distinct(combined([up, prefix, iteration]))
    ends = np.cumsum([len(level.up) for level in levels])
    for trail, stretches in zip(through, np.split(context, ends[:-1]), strict=True):
        reached[trail.shape] = stretches
    return _Level(up[first], iteration[first], prefix[first])


def _distinct(keys: Numbers) -> tuple[Positions | slice, Positions]:
    """Where each distinct key is first, in ascending order, and which of them each key is."""
    if increases(keys):
        return slice(None), np.arange(len(keys))
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    return first, number


_NOTHING = np.zeros(0, dtype=np.intp)
