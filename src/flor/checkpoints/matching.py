"""Which live object each node of a kept state is: by identity with `top(0)`, then by path."""

from collections import deque
from typing import Any

from flor.checkpoints.graph import Graph, Node, Ref
from flor.checkpoints.lookup import Lookup
from flor.checkpoints.reference import Reference
from flor.checkpoints.registry import kind_named
from flor.checkpoints.steps import PLACES, Steps
from flor.checkpoints.walked import Walked


class Match:
    """The live objects of a state's nodes, and the live nodes that stand beside them."""

    def __init__(self, target: Graph, live: Walked, lookup: Lookup) -> None:
        self.target = target
        self.live = live
        self.lookup = lookup
        self.things: dict[int, Any] = {}  # of nodes that can be filled
        self.beside: dict[int, int] = {}  # live node of each node that has one
        self._claimed: set[int] = set()  # ids of live objects

    def run(self, reference: Reference | None) -> "Match":
        """Both rounds."""
        for number, node in enumerate(self.target.nodes):
            if node.kind == "class":
                found = self.lookup.class_named(str(node.meta))
                if found is not None:
                    self._claim(number, found, self.live.number_of(found))
        if reference is not None:
            self._by_identity(reference)
        self._by_path()
        return self

    def _by_identity(self, reference: Reference) -> None:
        for number, known in reference.resolve(self.target).items():
            thing = reference.object(known)
            node = self.target.nodes[number]
            if thing is None or node.kind in PLACES or number in self.things:
                continue
            beside = self.live.number_of(thing)
            other = reference.graph.nodes[known] if beside is None else self.live.graph.nodes[beside]
            names = reference.graph if beside is None else self.live.graph
            if self._fits(number, node, other, names, thing):
                self._claim(number, thing, beside)

    def _by_path(self) -> None:
        steps = Steps(self.target, self.live.graph)
        self.beside[0], self.things[0] = 0, self.live.objects[0]
        queue, met = deque([0]), {0}
        while queue:
            number = queue.popleft()
            beside = self.beside.get(number)
            keys = _KeyPlaces(self, number, beside) if self.target.nodes[number].pairs else None
            for position, ref in enumerate(self.target.nodes[number].refs or ()):
                if ref is None or ref < 0 or ref in met:
                    continue
                met.add(ref)
                queue.append(ref)
                if ref not in self.beside and beside is not None:
                    place = keys.place(position) if keys else None
                    self._offer(ref, steps.child(number, position, beside) if place is None else place)

    def _offer(self, number: int, beside: Ref) -> None:
        """Let a live node stand beside a node, if it can be the same object."""
        if beside is None or beside < 0 or number in self.things:
            return
        node, other = self.target.nodes[number], self.live.graph.nodes[beside]
        thing = self.live.objects[beside]
        if not self._fits(number, node, other, self.live.graph, thing):
            return
        if node.kind in PLACES or kind_named(node.kind).fill is None:
            self.beside[number] = beside
            if node.kind in PLACES:
                self.things[number] = thing
        elif id(thing) not in self._claimed:
            self._claim(number, thing, beside)

    def _claim(self, number: int, thing: Any, beside: int | None) -> None:
        if kind_named(self.target.nodes[number].kind).fill is not None:
            if id(thing) in self._claimed:
                return
            self._claimed.add(id(thing))
            self.things[number] = thing
        if beside is not None:
            self.beside[number] = beside
        self._claim_content(number, thing, beside)

    def _claim_content(self, number: int, thing: Any, beside: int | None) -> None:
        """What a builtin base class holds for an object is the same object, under a node of its own."""
        node = self.target.nodes[number]
        if node.kind != "holder" or not node.refs or node.refs[0] is None:
            return
        self.things[node.refs[0]] = thing
        other = None if beside is None else self.live.graph.nodes[beside]
        if other is not None and other.refs and other.refs[0] is not None:
            self.beside[node.refs[0]] = other.refs[0]

    def _fits(self, number: int, node: Node, other: Node, names: Graph, thing: Any) -> bool:
        """Whether the live object can become what the node says."""
        kind = kind_named(node.kind)
        if node.kind != other.kind or not self._same_class(node, other, names, thing):
            return False
        if kind.same_meta and node.meta != other.meta:
            return False
        hint = self.target.hints.get(number)
        if node.kind != "function" or hint is None:
            return True
        module, _, qualname = str(node.meta).partition(":")
        return self.lookup.code(module, qualname, hint) is thing.__code__

    def _same_class(self, node: Node, other: Node, names: Graph, thing: Any) -> bool:
        if node.type is None or other.type is None:
            return node.type is other.type
        if node.type < 0:
            return other.type < 0 and self.target.name_of(node.type) == names.name_of(other.type)
        return self.things.get(node.type) is type(thing)


class _KeyPlaces:
    """For a dict keyed by objects: where the live dict has the value of the same key."""

    def __init__(self, match: Match, number: int, beside: int | None) -> None:
        node = match.target.nodes[number]
        other = match.live.graph.nodes[beside] if beside is not None else node
        self._theirs = other.refs or []
        fixed = len(node.refs or []) - 2 * (len(node.refs or []) // 2)
        self._count = (len(node.refs or []) - fixed) // 2
        self._fixed = fixed
        self._match = match
        self._node = node
        if beside is None or other.kind != node.kind or not other.pairs:
            self._theirs = []

    def place(self, position: int) -> Ref:
        """The live reference that belongs to the value at a position; None where position says it."""
        refs, first = self._node.refs or [], self._fixed
        key = refs[position - self._count] if position >= first + self._count else None
        if key is None or key < 0 or key not in self._match.beside:
            return None
        half = (len(self._theirs) - first) // 2
        try:
            found = self._theirs.index(self._match.beside[key], first, first + half)
        except ValueError:
            return None
        return self._theirs[found + half]
