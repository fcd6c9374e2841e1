"""A part of a state as a state of its own: some objects, and all that they reach. Pure.

Its classes are names only: what belongs to them, as other objects' state does, is not among what it holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flor.checkpoints.graph import Graph, Node, Ref
from flor.checkpoints.walked import Walked

ROOT, NAMES = 0, 1
"""The first two nodes of a part: its root, and the names of its objects."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A graph of its own, and where each of its nodes and leaves stood before."""

    graph: Graph
    origins: Sequence[int]  # of nodes; the first two are new
    leaves: Sequence[int]


def registered(graph: Graph) -> dict[str, Ref]:
    """The objects that were given to `flor.checkpointing`; None for simple values."""
    names = graph.edges(0).get("registered")
    if names is None or names < 0:
        return {}
    node = graph.nodes[names]
    labels = () if node.shape is None else graph.shapes[node.shape]
    return dict(zip(labels, node.refs or [None] * len(labels), strict=True))


def live_part(part: Part, walked: Walked) -> Walked:
    """The part of a walk, with its live objects."""
    places = {old: new for new, old in enumerate(part.origins)}
    names = walked.graph.edges(ROOT)["registered"]
    objects = [
        walked.objects[ROOT],
        walked.objects[names or 0],
        *(walked.objects[old] for old in part.origins[2:]),
    ]
    numbers = {key: places[old] for key, old in walked.numbers.items() if old in places}
    return Walked(part.graph, [walked.leaves[leaf] for leaf in part.leaves], objects, numbers, {})


def part_of(graph: Graph, objects: Mapping[str, int], modules: Mapping[str, str] | None = None) -> Part:
    """The part that these objects reach.

    Args:
        modules: other names of modules, by the names they had: the script was `__main__`.
    """
    return _Cutting(graph, modules or {}).run(objects)


@dataclass(slots=True)
class _Cutting:
    """The nodes met so far, by their old numbers; breadth first, as a walk meets them."""

    old: Graph
    modules: Mapping[str, str]
    numbers: dict[int, int] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    shapes: dict[tuple[str, ...], int] = field(default_factory=dict)
    leaves: list[int] = field(default_factory=list)
    leaf_nodes: list[int] = field(default_factory=list)

    def run(self, objects: Mapping[str, int]) -> Part:
        root = Node("root", shape=self.shape(("registered",)), refs=[NAMES])
        names = Node(
            "names", shape=self.shape(tuple(objects)), refs=[self.ref(ref) for ref in objects.values()]
        )
        nodes = [root, names]
        for old in self.waiting:  # grows while it is read
            nodes.append(self.node(self.old.nodes[old], len(nodes)))
        hints = {
            number: self.old.hints[old] for number, old in enumerate(self.waiting, 2) if old in self.old.hints
        }
        graph = Graph(nodes, list(self.names), list(self.shapes), self.leaf_nodes, hints)
        return Part(graph, [-1, -1, *self.waiting], self.leaves)

    def node(self, node: Node, number: int) -> Node:
        blob = node.blob
        if isinstance(blob, int):
            self.leaves.append(blob)
            self.leaf_nodes.append(number)
            blob = len(self.leaves) - 1
        meta = self.renamed(str(node.meta)) if node.kind == "function" else node.meta
        return Node(
            node.kind,
            self.ref(node.type),
            # A variable of a function that was running is a cell like any other now.
            None if node.kind == "cell" else meta,
            None if node.shape is None else self.shape(self.old.shapes[node.shape]),
            None if node.refs is None else [self.ref(ref) for ref in node.refs],
            blob,
            node.pairs,
        )

    def ref(self, ref: Ref) -> Ref:
        if ref is None:
            return None
        if ref < 0:
            return self.name(self.old.name_of(ref))
        node = self.old.nodes[ref]
        if node.kind == "class":
            return self.name(self.renamed(str(node.meta)))
        if ref not in self.numbers:
            self.numbers[ref] = len(self.waiting) + 2
            self.waiting.append(ref)
        return self.numbers[ref]

    def name(self, name: str) -> int:
        return -1 - self.names.setdefault(name, len(self.names))

    def renamed(self, name: str) -> str:
        module, _, rest = name.partition(":")
        return f"{self.modules.get(module, module)}:{rest}"

    def shape(self, labels: tuple[str, ...]) -> int:
        return self.shapes.setdefault(labels, len(self.shapes))
