"""Where a node stands, as a person would write it: model.fc1.weight, optimizer.state[3].exp_avg."""

from collections.abc import Sequence

from flor.checkpoints.atoms import load
from flor.checkpoints.graph import CLASS, FIXED, Graph, Label
from flor.checkpoints.steps import CLASS_POSITION, ReadableTree, Tree

_PASSED_OVER = frozenset({"storage", "base", "content", "parts", "local", "cell_contents"})
"""Steps that a person does not write, where a kind of object has them."""
_OF_MODULES = frozenset({"_modules", "_parameters", "_buffers"})


class Paths:
    """The paths of one graph; each is worked out once."""

    def __init__(self, graph: Graph, tree: Tree | None = None) -> None:
        self._graph = graph
        self._tree = tree or Tree(graph)
        self._texts: dict[int, str] = {0: ""}
        self._labels: dict[int, Sequence[Label]] = {}

    @classmethod
    def readable(cls, graph: Graph) -> "Paths":
        """The paths that a person would choose, where several lead to a node. They take longer to find."""
        return cls(graph, ReadableTree(graph))

    def text(self, number: int) -> str:
        """The path of a node."""
        chain = [number]
        while chain[-1] not in self._texts:
            chain.append(max(self._tree.parents[chain[-1]], 0))
        for child in reversed(chain[:-1]):
            parent, label = self._step_to(child)
            self._texts[child] = self.step(parent, label)
        return self._texts[number]

    def labels(self, number: int) -> list[Label]:
        """The path of a node as labels from the root."""
        found: list[Label] = []
        while number > 0:
            number, label = self._step_to(number)
            found.append(label)
        return found[::-1]

    def _step_to(self, number: int) -> tuple[int, Label]:
        """The node through which this one was met, and what it is called there."""
        parent, position = self._tree.parents[number], self._tree.positions[number]
        if parent < 0:  # met by a node that could not be read after all
            return 0, "?"
        if position == CLASS_POSITION:
            return parent, CLASS
        if parent not in self._labels:
            self._labels[parent] = self._graph.labels(parent)
        return parent, self._labels[parent][position]

    def step(self, parent: int, label: Label) -> str:
        """The path of what the parent calls by the label."""
        if parent == 0:
            return _root_text(str(label), self._last_frame())
        return join(self.text(parent) if parent else "", self._graph.nodes[parent].kind, label)

    def _last_frame(self) -> str:
        labels = [str(label) for label in self._graph.labels(0)]
        frames = [label for label in labels if label[:1].isdigit()]
        return frames[-1] if frames else ""


def _root_text(label: str, last_frame: str) -> str:
    """Names of the innermost frame and of the script stand alone, others after their function or module."""
    if label in (last_frame, "module __main__", "registered", "library"):
        return ""
    if label.startswith("module "):
        return label.removeprefix("module ")
    if label[:1].isdigit():
        qualname = label.rpartition(":")[2]
        return "" if qualname == "<module>" else f"{qualname}()"
    return label


def join(text: str, kind: str, label: Label) -> str:
    """The path one step further."""
    if isinstance(label, bytes):
        key = load(label)
        return f"{text}.{key}" if isinstance(key, str) and key.isidentifier() else f"{text}[{key!r}]"
    if isinstance(label, int):
        return f"{text}.keys()[{label}]" if label < 0 else f"{text}[{label}]"
    if text and (label in _OF_MODULES or (label in _PASSED_OVER and label in FIXED.get(kind, ()))):
        return text
    name = label.removeprefix("__slots__.").removeprefix("cell ")
    if not name.isidentifier() and not name.isdigit():
        return f"{text}[{name!r}]"
    return f"{text}.{name}" if text else name
