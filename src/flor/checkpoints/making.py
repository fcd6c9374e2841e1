"""Makes the objects of a part of a kept state anew, where no live object stands for any of them."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from flor.checkpoints.graph import Graph, Node
from flor.checkpoints.lost import Lost
from flor.checkpoints.parts import NAMES, Part
from flor.checkpoints.rebuild import Content, Rebuild
from flor.checkpoints.registry import guards, kind_named
from flor.checkpoints.roots import Names, Roots
from flor.checkpoints.walked import Opaque, Walked
from flor.errors import StateLost

_LIBRARIES = ("numpy", "numpy.random", "torch", "pandas", "pyarrow")


@dataclass(frozen=True, slots=True)
class Made:
    """Objects by name, and what could not be made."""

    objects: Mapping[str, Any]
    refused: Sequence[Opaque]


def make(part: Part, hashes: Sequence[str], content: Content) -> Made:
    """The objects of a part.

    Args:
        hashes: of all leaves of the whole state.

    Raises:
        StateLost: a library that they are of is not installed.
    """
    load_libraries(part.graph)
    with ExitStack() as stack:
        for guard in guards():
            stack.enter_context(guard)
        rebuild = Rebuild(part.graph, [hashes[leaf] for leaf in part.leaves], content, _nothing())
        rebuild.run(None)
    names = part.graph.nodes[NAMES]
    objects = dict(zip(rebuild.shape(names), map(rebuild.object, names.refs or ()), strict=True))
    return Made(objects, rebuild.refused)


def is_lost(thing: Any) -> bool:
    """Whether this only stands for an object that could not be made."""
    return type(thing) is Lost


def load_libraries(graph: Graph) -> None:
    """Import the libraries that the objects are of; only those loaded are asked how to make one.

    Raises:
        StateLost: one of them is not installed.
    """
    unknown = {node.kind for node in graph.nodes if not _is_known(node.kind)}
    for library in _LIBRARIES:
        if unknown:
            try:
                import_module(library)
            except ImportError:
                continue
            unknown = {kind for kind in unknown if not _is_known(kind)}
    if unknown:
        raise StateLost(
            f"Nothing here can make {', '.join(sorted(unknown))} objects.",
            "Install the libraries of the run.",
        )


def _is_known(kind: str) -> bool:
    try:
        kind_named(kind)
    except KeyError:
        return False
    return True


def _nothing() -> Walked:
    """A program without objects."""
    nodes = [Node("root", shape=1, refs=[NAMES]), Node("names", shape=0, refs=[])]
    graph = Graph(nodes, [], [(), ("registered",)], [], {})
    names = Names({})
    return Walked(graph, [], [Roots({"registered": names}), names], {}, {})
