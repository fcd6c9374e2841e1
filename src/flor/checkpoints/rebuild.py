"""Makes the objects of a kept state out of live ones: makes what is missing, fills what differs."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flor.checkpoints.atoms import load
from flor.checkpoints.frames import UNBOUND, FrameState
from flor.checkpoints.graph import FIXED, Graph, Label, Node, Ref
from flor.checkpoints.kinds import Kind
from flor.checkpoints.lookup import Lookup, resolve
from flor.checkpoints.lost import Lost
from flor.checkpoints.matching import Match
from flor.checkpoints.paths import Paths
from flor.checkpoints.reference import Reference
from flor.checkpoints.registry import kind_named
from flor.checkpoints.steps import PLACES
from flor.checkpoints.walked import Opaque, Walked

Content = Callable[[str], bytes | memoryview]
"""The bytes that the store has under a hash."""

_MAPPINGS = frozenset({"dict", "OrderedDict", "defaultdict"})
_GIVEN_TO_PICKLE = frozenset({"reduced", "stateful", "sparse tensor", "compressed tensor", "pandas block"})
"""Kinds that are read through objects made for it, or that remember what their parts were like."""
_GIVEN_DEPTH = 4  # how far such objects are nested: state, dict, array, base
_LOOKS_INSIDE = frozenset(
    {"frozenset", "reduced", "stateful", "numpy scalar", "frozen holder", "pandas block"}
)
"""Kinds whose making, or state, looks at what they are made of: that must be filled before."""


class Rebuild:
    """One restore: the nodes of a kept state, and the objects that they become."""

    def __init__(self, target: Graph, hashes: Sequence[str], content: Content, live: Walked) -> None:
        frames = [thing for thing in live.objects if type(thing) is FrameState]
        self.graph = target
        self.live = live
        self.frames = frames
        self.lookup = Lookup(live.objects, frames)
        self.refused: list[Opaque] = []
        self.live_hashes: Sequence[str] | None = None
        self._hashes = hashes
        self._content = content
        self._match = Match(target, live, self.lookup)
        self.things = self._match.things
        self._preparing: set[int] = set()
        self._making: set[int] = set()
        self._forced: set[int] = set()
        self._finished: set[int] = set()
        self._unchanged: dict[int, bool] = {}
        self._paths: Paths | None = None

    def run(self, reference: Reference | None) -> None:
        """Match, make and fill every node."""
        self._match.run(reference)
        for number in range(len(self.graph.nodes)):
            self.object(number)
        for number in range(len(self.graph.nodes)):
            self._finish(number)

    # ---- what kinds ask for

    def object(self, ref: Ref) -> Any:
        """The object of a reference; made if there is none yet, and then filled later."""
        if ref is None:
            return None
        if ref < 0:
            return self.library(self.graph.name_of(ref))
        if ref in self.things:
            return self.things[ref]
        node = self.graph.nodes[ref]
        if node.kind in _LOOKS_INSIDE and ref not in self._preparing:
            self._preparing.add(ref)
            self._finish_parts(node, depth=_GIVEN_DEPTH)  # a part that refers to this node makes it, as it is
        if ref not in self.things:
            self.things.setdefault(ref, self._made(ref))
        return self.things[ref]

    def values(self, number: int) -> list[Any]:
        """Everything the node refers to, in order, simple values included."""
        node = self.graph.nodes[number]
        simple = load(self.blob(node)) if node.blob is not None else []
        if node.refs is None:
            return list(simple)
        rest = iter(simple)
        return [next(rest) if ref is None else self.object(ref) for ref in node.refs]

    def named_values(self, number: int) -> list[Any]:
        """The values after those that every node of the kind has."""
        node = self.graph.nodes[number]
        values = self.values(number)
        return values[len(values) - len(self.shape(node)) :]

    def items(self, number: int) -> tuple[list[Any], list[Any]]:
        """Keys and values of a mapping."""
        node = self.graph.nodes[number]
        values = self.values(number)[len(FIXED.get(node.kind, ())) :]
        if node.shape is not None:
            return list(self.shape(node)), values
        half = len(values) // 2
        return values[:half], values[half:]

    def in_order(self, number: int) -> list[Any]:
        """The elements of a set in the order in which it was iterated over."""
        values = self.values(number)
        order = self.graph.hints.get(number)
        return [values[place] for place in order if place >= 0] if order else values

    def shape(self, node: Node) -> tuple[str, ...]:
        """The names a node has for its references."""
        return () if node.shape is None else self.graph.shapes[node.shape]

    def named(self, number: int, label: Label) -> Any:
        """What a node refers to by a label."""
        ref = self.graph.edges(number).get(label)
        return self.object(ref)

    def blob(self, node: Node) -> bytes | memoryview:
        """The bytes of a node, from the graph or from the store."""
        if isinstance(node.blob, int):
            return self._content(self._hashes[node.blob])
        return node.blob or b""

    def class_of(self, node: Node) -> Any:
        """The class of a node's object."""
        return self.object(node.type)

    def library(self, name: Any) -> Any:
        """A library thing by its name."""
        if name == "flor.checkpoints.frames:UNBOUND":
            return UNBOUND
        return resolve(str(name))

    def code(self, module: str, qualname: str, hint: Any) -> Any:
        """The code of a function of this name."""
        return self.lookup.code(module, qualname, hint)

    def find_class(self, name: str) -> type | None:
        """A class of the project by its name."""
        return self.lookup.class_named(name)

    def globals_of(self, module: str) -> dict[str, Any]:
        """The globals of a module."""
        found = resolve(f"{module}:")
        return vars(found) if found is not None else {}

    def frame_cell(self, number: int, variable: str) -> Any:
        """The cell of a running function's variable, "place:name"."""
        place, _, name = variable.partition(":")
        cell = self.frames[int(place)].cells.get(name) if int(place) < len(self.frames) else None
        return cell or self.lost(number, f"the running function has no cell for {name}")

    def lost(self, number: int, reason: str) -> Any:
        """A stand-in for an object that cannot be put back; the restore says so."""
        self.refuse(number, reason)
        return self.stand_in(number, reason)

    def stand_in(self, number: int, reason: str) -> Any:
        """A stand-in that raises on any use."""
        node = self.graph.nodes[number]
        of = (
            self.graph.name_of(node.type)
            if node.type is not None and node.type < 0
            else self.object(node.type)
        )
        return Lost(self.path(number), reason, node.kind, of)

    def path(self, number: int) -> str:
        """Where a node stands, as text."""
        if self._paths is None:
            self._paths = Paths.readable(self.graph)
        return self._paths.text(number)

    def refuse(self, number: int, reason: str) -> None:
        """Say that a node is not as it was."""
        self.refused.append(Opaque(self.path(number), reason))

    def dead_reference(self, number: int) -> Any:
        """A weak reference to something that is gone."""
        return weakref.ref(_Gone())

    # ---- how they are made

    def _made(self, number: int) -> Any:
        node = self.graph.nodes[number]
        kind = kind_named(node.kind)
        if kind.fill is None and number not in self._making:
            self._making.add(number)
            if self._keeps_live(number, kind):
                return self.live.objects[self._match.beside[number]]
            if number in self.things:  # a part that refers to this node has made it in the meantime
                return self.things[number]
        elif kind.fill is None and number in self._forced:
            return self.lost(number, "it is made of itself")
        self._forced.add(number)
        return self._new(number, node, kind)

    def _new(self, number: int, node: Node, kind: Kind) -> Any:
        try:
            made = kind.make(self, number, node)
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            return self.lost(number, f"it cannot be made anew: {type(error).__name__}: {error}")
        if node.kind == "holder" and node.refs and node.refs[0] is not None:
            self.things[node.refs[0]] = made
        return made

    def _finish_parts(self, node: Node, keys_only: bool = False, depth: int = 1) -> None:
        """Fill what a node is made of; of a mapping only the keys, which are hashed."""
        refs = node.refs or []
        if keys_only:
            fixed = len(FIXED.get(node.kind, ()))
            refs = refs[fixed : fixed + (len(refs) - fixed) // 2] if node.pairs else []
        for ref in refs:
            if ref is not None and ref >= 0:
                self.object(ref)
                self._finish(ref)
                if depth > 1:
                    self._finish_parts(self.graph.nodes[ref], depth=depth - 1)

    def _finish(self, number: int) -> None:
        """Fill the object of a node, once."""
        if number in self._finished:
            return
        self._finished.add(number)
        node = self.graph.nodes[number]
        kind = kind_named(node.kind)
        if kind.fill is None:
            self._finish_parts(node)
            return
        if type(self.things[number]) is Lost or self._keeps_live(number, kind):
            return
        if kind.parts_first:
            self._finish_parts(
                node, node.kind in _MAPPINGS, _GIVEN_DEPTH if node.kind in _LOOKS_INSIDE else 1
            )
        try:
            kind.fill(self, number, node, self.things[number])
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            self.refuse(number, f"it cannot be set: {type(error).__name__}: {error}")

    def is_unchanged(self, number: int) -> bool:
        """Whether the live object beside a node already is what the node says, part by part."""
        found = self._unchanged.get(number)
        if found is None:
            beside = self._match.beside.get(number)
            found = self._unchanged[number] = beside is not None and self._is_same(number, beside)
        return found

    def _is_deeply_unchanged(self, number: int, depth: int = _GIVEN_DEPTH) -> bool:
        """Also in what it is made of: filling a list that was made for pickle has no effect on the object."""
        node = self.graph.nodes[number]
        if node.kind in PLACES or not self.is_unchanged(number):
            return node.kind in PLACES
        parts = [ref for ref in node.refs or () if ref is not None and ref >= 0] if depth else []
        return all(self._is_deeply_unchanged(ref, depth - 1) for ref in parts)

    def _keeps_live(self, number: int, kind: Kind) -> bool:
        """Whether the live object beside a node stays, untouched."""
        if kind.always_new:
            return False
        if kind.name in _GIVEN_TO_PICKLE:
            return self._is_deeply_unchanged(number)
        return self.is_unchanged(number)

    def _is_same(self, number: int, beside: int) -> bool:
        node, other = self.graph.nodes[number], self.live.graph.nodes[beside]
        if node.kind != other.kind or node.meta != other.meta or node.pairs is not other.pairs:
            return False
        if self.shape(node) != (() if other.shape is None else self.live.graph.shapes[other.shape]):
            return False
        if not self._same_blob(node, other) or not self._same_order(number, beside):
            return False
        if node.refs is None or other.refs is None:
            return node.refs is other.refs
        return len(node.refs) == len(other.refs) and all(map(self._same_ref, node.refs, other.refs))

    def _same_blob(self, node: Node, other: Node) -> bool:
        if isinstance(node.blob, int) and isinstance(other.blob, int):
            return self.live_hashes is not None and self._hashes[node.blob] == self.live_hashes[other.blob]
        return node.blob == other.blob

    def _same_order(self, number: int, beside: int) -> bool:
        if self.graph.nodes[number].kind not in ("set", "frozenset"):
            return True
        return bool(self.graph.hints.get(number) == self.live.graph.hints.get(beside))

    def _same_ref(self, ref: Ref, other: Ref) -> bool:
        if ref is None or other is None:
            return ref is other
        if ref < 0 or other < 0:
            return ref < 0 and other < 0 and self.graph.name_of(ref) == self.live.graph.name_of(other)
        return self.object(ref) is self.live.objects[other]


class _Gone:
    """Something to make a dead weak reference of."""


def names_by_frame(rebuild: Rebuild) -> list[Mapping[str, Any]]:
    """What the names of each frame were bound to, outermost first."""
    found: list[Mapping[str, Any]] = []
    for ref in rebuild.graph.nodes[0].refs or ():
        if ref is not None and rebuild.graph.nodes[ref].kind == "frame":
            shape = rebuild.shape(rebuild.graph.nodes[ref])
            found.append(dict(zip(shape, rebuild.named_values(ref), strict=True)))
    return found
