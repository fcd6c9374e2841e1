"""The objects of the walk at `top(0)`: what later walks, and restores, tell identity by."""

import weakref
from dataclasses import dataclass, field, replace
from typing import Any

from flor.checkpoints.graph import Graph, Label
from flor.checkpoints.paths import Paths
from flor.checkpoints.steps import PLACES, Steps, Tree
from flor.checkpoints.walked import Walked

_NEVER_HELD = PLACES | {"array", "array view", "object array"}
"""Told by path alone: what only stands for a place, and holds everything that had a name there; and arrays,
as `ndarray.resize` fails where there is another reference, even a weak one."""
_STRONG = frozenset(map(id, (list, dict, tuple, int, str, bytes)))


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One walk's objects, each kept alive no longer than it must be: weakly where its class allows that."""

    graph: Graph
    held: list[Any]
    numbers: dict[int, int]
    files: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)  # that are written to

    @classmethod
    def of(cls, walked: Walked) -> "Reference":
        """The reference that a walk becomes once it is done with."""
        nodes = zip(walked.graph.nodes, walked.objects, strict=True)
        held = [None if node.kind in _NEVER_HELD else _hold(thing) for node, thing in nodes]
        return cls(walked.graph, held, walked.numbers, weakref.WeakSet(walked.files))

    def object(self, number: int) -> Any | None:
        """The object of a node; None if it is gone."""
        held = self.held[number]
        return held() if type(held) is weakref.ref else held

    def number_of(self, thing: Any) -> int | None:
        """The node of an object, if this walk met it and it is still the one."""
        number = self.numbers.get(id(thing))
        return number if number is not None and self.object(number) is thing else None

    def marked(self, walked: Walked) -> Walked:
        """The walk, each node saying whether it is an object of this reference, and which."""
        known, moved = _Marking(self, walked).run()
        graph = walked.graph
        marked = Graph(graph.nodes, graph.names, graph.shapes, graph.leaf_nodes, graph.hints, known, moved)
        return replace(walked, graph=marked)

    def resolve(self, target: Graph) -> dict[int, int]:
        """Nodes of a graph whose record had a reference, to the nodes of this one that they are."""
        tree, steps = Tree(target), Steps(target, self.graph)
        found = {0: 0}
        for number, mark in enumerate(target.known):
            if mark == 1 and tree.parents[number] in found:
                parent = tree.parents[number]
                ref = steps.child(parent, tree.positions[number], found[parent])
            elif mark == 2:
                ref = self._follow(steps, target.moved[number])
            else:
                continue
            if ref is not None and ref >= 0:
                found[number] = ref
        return found

    def _follow(self, steps: Steps, path: list[Label]) -> int | None:
        place: int | None = 0
        for label in path:
            if place is None or place < 0:
                return None
            place = steps.by_label(place, label)
        return place


def _hold(thing: Any) -> Any:
    if id(type(thing)) in _STRONG:
        return thing
    try:
        return weakref.ref(thing)
    except TypeError:
        return thing


class _Marking:
    """Which node of the reference each node of a later walk is."""

    def __init__(self, reference: Reference, walked: Walked) -> None:
        self._reference = reference
        self._walked = walked
        self._tree = Tree(walked.graph)
        self._steps = Steps(walked.graph, reference.graph)
        self._paths: Paths | None = None
        self._same: list[int] = []

    def run(self) -> tuple[bytes, dict[int, list[Label]]]:
        """The marks of all nodes, and the paths of those that stand elsewhere now."""
        known = bytearray(len(self._walked.graph.nodes))
        moved: dict[int, list[Label]] = {}
        for number in range(len(known)):
            at_place = self._at_same_place(number)
            same = self._same_object(number, at_place)
            self._same.append(same)
            if same >= 0:
                known[number] = 1 if same == at_place else 2
            if known[number] == 2:
                moved[number] = self._path_of(same)
        return bytes(known), moved

    def _at_same_place(self, number: int) -> int:
        if number == 0:
            return 0
        parent = self._tree.parents[number]
        if parent < 0 or self._same[parent] < 0:
            return -1
        ref = self._steps.child(parent, self._tree.positions[number], self._same[parent])
        return -1 if ref is None else ref

    def _same_object(self, number: int, at_place: int) -> int:
        thing = self._walked.objects[number]
        if self._walked.graph.nodes[number].kind in PLACES:
            return at_place
        same = self._reference.number_of(thing)
        if same is None:
            return -1
        # Of an object with content there are two nodes; the second is met only through the first.
        if at_place >= 0 and at_place != same and self._reference.object(at_place) is thing:
            return at_place
        return same

    def _path_of(self, number: int) -> list[Label]:
        if self._paths is None:
            self._paths = Paths(self._reference.graph)
        return self._paths.labels(number)
