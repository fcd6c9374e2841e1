"""Reads the live program: every object that its names reach becomes a node.

Breadth first, through a queue of its own. It calls no code of the user's classes, draws nothing and changes
nothing; so it never compares, hashes, prints or measures what it meets.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from flor.checkpoints.atoms import ATOMS, are_of_one_kind, dump, is_atom
from flor.checkpoints.frame_cells import AMBIGUOUS, FrameCells
from flor.checkpoints.frames import FrameState
from flor.checkpoints.graph import Graph, Node, Ref
from flor.checkpoints.instances import VARS
from flor.checkpoints.kinds import Kind
from flor.checkpoints.leaves import Leaf
from flor.checkpoints.opaque import FAILED, TOO_MANY
from flor.checkpoints.reference import Reference
from flor.checkpoints.registry import guards, plan
from flor.checkpoints.roots import LeftOut, Roots, nothing, roots_of
from flor.checkpoints.scope import Scope
from flor.checkpoints.walked import Walked

NODE_LIMIT = 500_000
INLINE_BYTES = 1024  # longer simple values are leaves: stored once, by their hash


def walk(
    frames: Sequence[FrameState],
    registered: Mapping[str, Any],
    scope: Scope,
    reference: Reference | None = None,
    limit: int = NODE_LIMIT,
    left_out: LeftOut = nothing,
) -> Walked:
    """Read everything that the frames, the registered objects and the project's modules reach.

    With a `reference`, the walk at `top(0)`, each node says whether it is an object of that walk, and which.
    Past `limit` nodes the rest is opaque.
    """
    with ExitStack() as stack:
        for guard in guards():
            stack.enter_context(guard)
        reading = Walk(scope, frames, limit)
        return reading.run(roots_of(frames, registered, reading.project_modules, left_out), reference)


_MANY = 50


class Walk:
    """One walk: what was met, and what is still to be read."""

    def __init__(self, scope: Scope, frames: Sequence[FrameState], limit: int) -> None:
        self.scope = scope
        self.limit = limit
        self.objects: list[Any] = []  # the queue, and what keeps every object alive while its id is in use
        self.leaves: list[Leaf] = []
        self.leaf_nodes: list[int] = []
        self.hints: dict[int, Any] = {}
        self.reasons: dict[int, str] = {}
        self.files: list[Any] = []  # that are written to
        self.current = 0
        self.vars_owner: dict[int, int] = {}  # id of an instance's __dict__ to the node of the instance
        self.frame_cells = FrameCells(frames)
        self.project_modules = scope.modules()
        self._numbers: dict[int, Ref] = {}
        self._kinds: list[Kind] = []
        self._plans: dict[int, Kind] = {}  # by the id of a class: a metaclass may forbid to hash it
        self._names: dict[str, int] = {}
        self._named: list[Any] = []  # keeps library things alive, for their ids
        self._shapes: dict[tuple[str, ...], int] = {}

    def run(self, roots: Roots, reference: Reference | None) -> Walked:
        """Read all that the roots reach."""
        self.ref(roots)
        nodes: list[Node] = []
        for number, thing in enumerate(self.objects):  # grows while it is read
            self.current = number
            kind = self._kinds[number] if number < self.limit else TOO_MANY
            try:
                nodes.append(kind.read(self, thing))
            except (
                ArithmeticError,
                AttributeError,
                LookupError,
                RuntimeError,
                TypeError,
                ValueError,
            ) as error:
                # What a library's object raises on being read must cost no more than that object.
                self.reasons[number] = f"it cannot be read: {type(error).__name__}"
                nodes.append(FAILED.read(self, thing))
        self._settle_cells(nodes)
        graph = Graph(nodes, list(self._names), list(self._shapes), self.leaf_nodes, self.hints)
        numbers = {key: number for key, number in self._numbers.items() if number is not None and number >= 0}
        walked = Walked(graph, self.leaves, self.objects, numbers, self.reasons, self.files)
        return walked if reference is None else reference.marked(walked)

    def _settle_cells(self, nodes: list[Node]) -> None:
        """Say of each cell that is a variable of a running function, of which."""
        for cell, variable in self.frame_cells.found():
            number = self._numbers.get(cell)
            if number is not None and variable == AMBIGUOUS:
                self.reasons[number] = AMBIGUOUS
                nodes[number] = Node("opaque", self.name("types:CellType"))
            elif number is not None:
                nodes[number].meta = variable

    def ref(self, thing: Any) -> Ref:
        """The number of an object; of a library thing that of its name, below 0."""
        number = self._numbers.get(id(thing))
        return self._enter(thing) if number is None else number

    def _enter(self, thing: Any) -> Ref:
        kind = self._plans.get(id(type(thing))) or self._plan(type(thing))
        if kind.named is not None:
            name = kind.named(self, thing)
            if name is not None:
                self._named.append(thing)
                self._numbers[id(thing)] = number = self.name(name)
                return number
        if type(thing) is dict and id(thing) in self.vars_owner:
            kind = VARS
        number = len(self.objects)
        self._numbers[id(thing)] = number
        self.objects.append(thing)
        self._kinds.append(kind)
        return number

    def _plan(self, cls: type) -> Kind:
        self._plans[id(cls)] = kind = plan(cls)
        return kind

    def owns(self, names: dict[str, Any]) -> bool:
        """Whether the instance that is being read is the first to be met with this dict as its attributes."""
        if id(names) in self._numbers or id(names) in self.vars_owner:
            return False
        self.vars_owner[id(names)] = self.current
        return True

    def node(self, thing: Any, kind: Kind) -> int:
        """A node that reads the object as the given kind, whatever was met before."""
        self.objects.append(thing)
        self._kinds.append(kind)
        return len(self.objects) - 1

    def name(self, name: str) -> int:
        """The reference to a library thing."""
        names = self._names
        return -1 - names.setdefault(name, len(names))

    def shape(self, labels: tuple[str, ...]) -> int:
        """The number of a sequence of names."""
        shapes = self._shapes
        return shapes.setdefault(labels, len(shapes))

    def refs(self, values: list[Any]) -> tuple[list[Ref] | None, bytes | int | None]:
        """References and the simple values among them: `refs` and `blob` of a node."""
        if len(values) > _MANY and are_of_one_kind(values):
            return None, self.blob(dump(values))
        found: list[Ref] = []
        simple: list[Any] = []
        numbers = self._numbers
        for value in values:
            kind = type(value)
            if id(kind) in ATOMS or (kind is tuple and is_atom(value)):
                simple.append(value)
                found.append(None)
                continue
            number = numbers.get(id(value))
            found.append(self._enter(value) if number is None else number)
        blob = self.blob(dump(simple)) if simple else None
        return (None if len(simple) == len(found) else found), blob

    def blob(self, data: bytes) -> bytes | int:
        """The bytes, or the number of the leaf that holds them."""
        if len(data) <= INLINE_BYTES:
            return data
        return self.leaf(Leaf(len(data), data))

    def leaf(self, leaf: Leaf) -> int:
        """The number of a new leaf of the node that is being read."""
        self.leaves.append(leaf)
        self.leaf_nodes.append(self.current)
        return len(self.leaves) - 1

    def opaque(self, reason: str) -> None:
        """The object that is being read cannot be kept."""
        self.reasons[self.current] = reason

    def hint(self, value: Any) -> None:
        """What helps to rebuild the object that is being read, and is not compared."""
        self.hints[self.current] = value

    def all_refs(self, things: Iterable[Any]) -> list[Ref]:
        """A reference each, none of them a simple value: None is a node here as everything else."""
        return [self.ref(thing) for thing in things]
