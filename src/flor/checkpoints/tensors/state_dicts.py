"""What `state_dict()` of a module or an optimizer would return, from a kept state.

It is read off the graph: neither the classes of the program nor any code of theirs is needed. So what a
class adds by a `state_dict` or a `get_extra_state` of its own is not in it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.graph import GRAPH_TENSOR, Graph, Node
from flor.checkpoints.parts import Part, part_of
from flor.checkpoints.tensors.dense import Form

Make = Callable[[Part], Mapping[str, Any]]
"""Makes the objects of a part, by name."""

_MODULE = frozenset({"_parameters", "_buffers", "_modules"})
_OPTIMIZER = frozenset({"state", "param_groups", "defaults"})
_TENSORS = frozenset({"tensor", GRAPH_TENSOR})
_NO_MORE = dump([None, None, None])  # no gradient, no hooks


def of(graph: Graph, number: int, make: Make) -> dict[str, Any] | None:
    """The state dict of an object; None if it is neither a module nor an optimizer."""
    node = graph.nodes[number]
    labels = (
        frozenset(graph.shapes[node.shape])
        if node.kind == "instance" and node.shape is not None
        else frozenset()
    )
    if labels >= _MODULE:
        return OrderedDict(make(part_of(_plain(graph), dict(_entries(graph, number)))))
    if labels >= _OPTIMIZER:
        edges = graph.edges(number)
        parts = {name: edges[name] for name in ("state", "param_groups")}
        return _packed(
            make(part_of(_plain(graph), {name: ref for name, ref in parts.items() if ref is not None}))
        )
    return None


def _entries(graph: Graph, number: int, prefix: str = "") -> Iterator[tuple[str, int]]:
    """The tensors of a module by their names, in the order of torch: own ones, then those of its parts."""
    edges = graph.edges(number)
    left_out = _simple_values(graph, edges.get("_non_persistent_buffers_set"))
    for kind in ("_parameters", "_buffers"):
        for name, ref in _named(graph, edges.get(kind)):
            if kind == "_parameters" or name not in left_out:
                yield prefix + name, ref
    for name, ref in _named(graph, edges.get("_modules")):
        yield from _entries(graph, ref, f"{prefix}{name}.")


def _named(graph: Graph, ref: int | None) -> Iterator[tuple[str, int]]:
    """What a dict with names for keys holds, simple values left out."""
    for name, value in graph.edges(ref).items() if ref is not None and ref >= 0 else ():
        if isinstance(name, str) and value is not None and value >= 0:
            yield name, value


def _simple_values(graph: Graph, ref: int | None) -> frozenset[str]:
    blob = graph.nodes[ref].blob if ref is not None and ref >= 0 else None
    return frozenset(load(blob)) if isinstance(blob, bytes) else frozenset()


def _plain(graph: Graph) -> Graph:
    """The graph with each tensor as `detach()` would give it: its values, and nothing else."""
    names = [*graph.names, "torch:Tensor"]
    nodes = [_detached(node, -len(names)) if node.kind in _TENSORS else node for node in graph.nodes]
    return Graph(nodes, names, graph.shapes, graph.leaf_nodes, graph.hints)


def _detached(node: Node, cls: int) -> Node:
    form = Form(*load(node.meta))._replace(requires_grad=False)
    return Node(
        "tensor", cls, dump(tuple(form)), None, [(node.refs or [None])[0], None, None, None], _NO_MORE
    )


def _packed(made: Mapping[str, Any]) -> dict[str, Any]:
    """State and groups of an optimizer, parameters by their numbers."""
    numbers: dict[int, int] = {}
    for group in made["param_groups"]:
        for parameter in group["params"]:
            numbers.setdefault(id(parameter), len(numbers))
    groups = [_packed_group(group, numbers) for group in made["param_groups"]]
    state = {numbers.get(id(key), key): value for key, value in made["state"].items()}
    return {"state": state, "param_groups": groups}


def _packed_group(group: dict[str, Any], numbers: Mapping[int, int]) -> dict[str, Any]:
    others = {name: value for name, value in group.items() if name != "params"}
    return {**others, "params": [numbers[id(parameter)] for parameter in group["params"]]}
