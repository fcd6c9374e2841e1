"""What a walk found, with the live objects beside the nodes."""

from dataclasses import dataclass, field
from typing import Any

from flor.checkpoints.graph import Graph
from flor.checkpoints.leaves import Leaf
from flor.checkpoints.paths import Paths


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something that could not be read: where it is, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
    """One reading of the live program. It keeps what it read alive."""

    graph: Graph
    leaves: list[Leaf]
    objects: list[Any]  # beside the nodes
    numbers: dict[int, int]  # id of an object to its node
    reasons: dict[int, str]  # of opaque nodes
    files: list[Any] = field(default_factory=list)  # those that are written to

    @property
    def node_count(self) -> int:
        """How many objects were read."""
        return len(self.graph.nodes)

    @property
    def opaque(self) -> list[Opaque]:
        """What could not be read."""
        paths = Paths(self.graph)
        return [Opaque(paths.text(number), reason) for number, reason in self.reasons.items()]

    def leaf_paths(self) -> list[str]:
        """Where each leaf stands, as text."""
        paths = Paths.readable(self.graph)
        return [paths.text(number) for number in self.graph.leaf_nodes]

    def number_of(self, thing: Any) -> int | None:
        """The node of an object, if it was met."""
        return self.numbers.get(id(thing))
