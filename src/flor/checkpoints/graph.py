"""State as values: nodes and references, without a live object or an address in them."""

import marshal
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from flor.errors import FormatTooNew

FORMAT_VERSION = 1

Ref = int | None
"""0 and up: a node; below 0: a library thing, by name; None: a simple value, next in the node's blob."""

CLASS = "__class__"
"""The label of a node's class, which stands beside its references."""

Label = str | int | bytes
"""How a node calls one of its references: a name, a position, or a key (marshalled)."""

GRAPH_TENSOR = "graph tensor"
"""The kind of a tensor that an operation made: of its graph nothing is kept."""

FIXED: dict[str, tuple[str, ...]] = {
    "defaultdict": ("default_factory",),
    "holder": ("content",),
    "frozen holder": ("content",),
    "exception": ("args", "cause", "context"),
    "function": ("defaults", "kwdefaults"),
    "function cache": ("function", "counts", "forms", "attributes"),
    "cell": ("cell_contents",),
    "partial": ("func", "args", "keywords", "attributes"),
    "method": ("function", "self"),
    "builtin method": ("self",),
    "property": ("fget", "fset", "fdel"),
    "weakref": ("referent", "callback"),
    "vars": ("owner",),
    "array": ("base", "attributes"),
    "array view": ("base", "attributes"),
    "random": ("state",),
    "random state": ("bit_generator", "gauss"),
    "bit generator": ("seed_seq", "state"),
    "numpy generator": ("bit_generator",),
    "tensor": ("storage", "grad", "backward_hooks", "accumulate_hooks"),
    GRAPH_TENSOR: ("storage", "grad", "backward_hooks", "accumulate_hooks"),
    "quantized tensor": ("storage",),
    "sparse tensor": ("parts", "grad", "backward_hooks", "accumulate_hooks"),
    "compressed tensor": ("parts", "grad", "backward_hooks", "accumulate_hooks"),
    "sharded tensor": ("local", "grad", "backward_hooks", "accumulate_hooks", "mesh"),
}
"""Per kind, the references that stand before those with names or positions of their own."""


class Node(msgspec.Struct, array_like=True, gc=False):
    """One object: what it is, and what it refers to."""

    kind: str
    type: int | None = None  # a class: a library name or a node; None where the kind says it
    meta: Any = None  # bytes, str or int: what of its value is neither a reference nor a simple value
    shape: int | None = None  # which names its references have; None: positions
    refs: list[Ref] | None = None  # None: every value is simple
    blob: bytes | int | None = None  # the simple values, marshalled; a number: that leaf
    pairs: bool = False  # the first half of the references are the keys of the second


class Graph(msgspec.Struct):
    """The nodes of one walk, in the order they were met."""

    nodes: list[Node]
    names: list[str]  # library things, "module:qualname"
    shapes: list[tuple[str, ...]]
    leaf_nodes: list[int]  # the node whose bytes leaf k holds
    hints: dict[int, Any]  # what helps to rebuild a node, and is not compared
    known: bytes = b""  # per node: 0 new; 1 the object of the reference walk at the same path; 2 see `moved`
    moved: dict[int, list[Label]] = {}  # the path in the reference walk of nodes that stand elsewhere now

    def to_bytes(self) -> bytes:
        """The whole graph, msgpack."""
        shapes = [marshal.dumps(shape, 2) for shape in self.shapes]
        hints, moved = list(self.hints.items()), list(self.moved.items())
        return _encode(
            _Wire(FORMAT_VERSION, self.nodes, self.names, shapes, self.leaf_nodes, hints, self.known, moved)
        )

    def canonical(self) -> bytes:
        """What two walks of the same state have in common."""
        shapes = [marshal.dumps(shape, 2) for shape in self.shapes]
        return _encode([FORMAT_VERSION, self.nodes, self.names, shapes, self.leaf_nodes])

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> "Graph":
        """The inverse of `to_bytes`.

        Raises:
            FormatTooNew: a later FlorDB wrote it.
        """
        wire = _decode(data)
        if wire.version > FORMAT_VERSION:
            raise FormatTooNew("the graph of a checkpoint", wire.version, FORMAT_VERSION)
        shapes = [marshal.loads(shape) for shape in wire.shapes]  # noqa: S302 - from packs that this store wrote
        moved = dict(wire.moved)
        return cls(wire.nodes, wire.names, shapes, wire.leaf_nodes, dict(wire.hints), wire.known, moved)

    def name_of(self, ref: int) -> str:
        """The library thing that a reference below 0 names."""
        return self.names[-ref - 1]

    def labels(self, number: int) -> Sequence[Label]:
        """What the node calls each of its references, in their order."""
        node = self.nodes[number]
        fixed = FIXED.get(node.kind, ())
        if node.shape is not None:
            return (*fixed, *self.shapes[node.shape])
        if node.refs is None:
            return ()
        rest = len(node.refs) - len(fixed)
        if node.pairs:
            return (*fixed, *self._pair_labels(node, len(fixed), rest // 2))
        return (*fixed, *range(rest))

    def _pair_labels(self, node: Node, first: int, count: int) -> Iterator[Label]:
        """Keys by position, below 0; values by key where that is simple, else by position."""
        yield from range(-count, 0)
        refs = node.refs or []
        simple = iter(marshal.loads(node.blob)) if isinstance(node.blob, bytes) else iter(())  # noqa: S302 - from packs that this store wrote
        for position in range(count):
            if refs[first + position] is None and isinstance(node.blob, bytes):
                yield marshal.dumps(next(simple), 2)
            else:
                yield position

    def edges(self, number: int) -> dict[Label, Ref]:
        """The references of a node by label."""
        node = self.nodes[number]
        found = {} if node.refs is None else dict(zip(self.labels(number), node.refs, strict=True))
        if node.type is not None:
            found[CLASS] = node.type
        return found

    def leaves_below(self, label: Label) -> list[int]:
        """The leaves that are reached through this reference of the root."""
        start = self.edges(0).get(label)
        waiting = [start] if start is not None and start >= 0 else []
        seen = set(waiting)
        while waiting:
            for ref in self.nodes[waiting.pop()].refs or ():
                if ref is not None and ref >= 0 and ref not in seen:
                    seen.add(ref)
                    waiting.append(ref)
        return [leaf for leaf, node in enumerate(self.leaf_nodes) if node in seen]


class _Wire(msgspec.Struct, array_like=True):
    """A graph as it is written. Names of shapes are marshalled: msgpack's text cannot hold every str."""

    version: int
    nodes: list[Node]
    names: list[str]
    shapes: list[bytes]
    leaf_nodes: list[int]
    hints: list[tuple[int, Any]]
    known: bytes
    moved: list[tuple[int, list[Any]]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Wire).decode
