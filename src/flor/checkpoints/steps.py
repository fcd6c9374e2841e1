"""From a node of one graph to the node of another that stands at the same place."""

from collections.abc import Sequence
from heapq import heappop, heappush

from flor.checkpoints.graph import FIXED, Graph, Label, Ref

PLACES = frozenset({"root", "frame", "names", "library", "modes"})
"""Kinds of nodes that are places, not objects: they are the same where they stand at the same place."""


CLASS_POSITION = -1


class Tree:
    """For each node of a graph: the node through which it was met first, and its position there."""

    def __init__(self, graph: Graph) -> None:
        count = len(graph.nodes)
        self.parents = [-1] * count
        self.positions = [0] * count
        for number, node in enumerate(graph.nodes):
            for position, ref in enumerate(node.refs or ()):
                if ref is not None and ref > 0 and self.parents[ref] < 0:
                    self.parents[ref] = number
                    self.positions[ref] = position
            if node.type is not None and node.type > 0 and self.parents[node.type] < 0:
                self.parents[node.type] = number
                self.positions[node.type] = CLASS_POSITION


class ReadableTree(Tree):
    """The same by the steps that a person would go: not through keys and classes."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._graph = graph
        self._costs: dict[tuple[str, int], list[int]] = {}
        best = [_FAR] * len(graph.nodes)
        best[0] = 0
        waiting = [(0, 0)]
        while waiting:
            cost, number = heappop(waiting)
            if cost > best[number]:
                continue
            refs = graph.nodes[number].refs or ()
            for position, (ref, step) in enumerate(zip(refs, self._steps(number), strict=False)):
                if ref is not None and ref > 0 and cost + step < best[ref]:
                    best[ref] = cost + step
                    self.parents[ref], self.positions[ref] = number, position
                    heappush(waiting, (cost + step, ref))

    def _steps(self, number: int) -> Sequence[int]:
        """What each reference of a node costs."""
        node = self._graph.nodes[number]
        count = len(node.refs or ())
        if node.pairs:
            keys = (count - len(FIXED.get(node.kind, ()))) // 2
            return [_FAR // 100] * (count - keys) + [2] * keys
        if node.shape is None:
            return [2] * count
        known = self._costs.get((node.kind, node.shape))
        if known is None:
            labels = (*FIXED.get(node.kind, ()), *self._graph.shapes[node.shape])
            known = self._costs[node.kind, node.shape] = list(map(_cost_of, labels))
        return known


_FAR = 10**9


def _cost_of(label: str) -> int:
    if label in _BY_NAME:
        return 0
    return 2 if label.isidentifier() or label.isdigit() else 9  # as the keys of a state_dict


_BY_NAME = frozenset({"_modules", "_parameters", "_buffers"})


class Steps:
    """Steps in one graph, made in another."""

    def __init__(self, one: Graph, other: Graph) -> None:
        self._one = one
        self._other = other
        self._edges: dict[int, dict[Label, Ref]] = {}
        self._labels: dict[int, list[Label]] = {}

    def child(self, parent: int, position: int, other_parent: int) -> Ref:
        """The reference of `other_parent` that stands where `parent` has the one at `position`."""
        theirs = self._other.nodes[other_parent]
        if position == CLASS_POSITION:
            return theirs.type
        if self.are_aligned(parent, other_parent):
            return None if theirs.refs is None else theirs.refs[position]
        labels = self._labels.get(parent)
        if labels is None:
            self._labels[parent] = labels = list(self._one.labels(parent))
        return self.by_label(other_parent, labels[position])

    def by_label(self, other_parent: int, label: Label) -> Ref:
        """The reference of a node of the other graph by its label."""
        edges = self._edges.get(other_parent)
        if edges is None:
            self._edges[other_parent] = edges = self._other.edges(other_parent)
        return edges.get(label)

    def are_aligned(self, parent: int, other_parent: int) -> bool:
        """Whether both nodes call the same things by the same names in the same order."""
        one, other = self._one.nodes[parent], self._other.nodes[other_parent]
        if (
            one.kind != other.kind
            or (one.shape is None) is not (other.shape is None)
            or one.pairs is not other.pairs
        ):
            return False
        if one.shape is not None and other.shape is not None:
            return self._one.shapes[one.shape] == self._other.shapes[other.shape]
        if one.refs is None or other.refs is None or len(one.refs) != len(other.refs):
            return False
        return not one.pairs or (one.blob == other.blob and _same_holes(one.refs, other.refs))


def _same_holes(one: list[Ref], other: list[Ref]) -> bool:
    return [ref is None for ref in one] == [ref is None for ref in other]
