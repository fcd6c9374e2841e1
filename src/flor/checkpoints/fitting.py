"""Whether live objects are built as kept ones: equal parts, by the same names, of the same shapes. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from flor.checkpoints.atoms import load
from flor.checkpoints.graph import GRAPH_TENSOR, Graph, Label, Node, Ref
from flor.checkpoints.parts import NAMES, Part, part_of, registered
from flor.checkpoints.paths import join

_BUILT_OF = frozenset({"_modules", "_parameters", "_buffers", "param_groups"})
"""What modules and optimizers of torch are built of."""
_TENSORS = frozenset({"tensor", GRAPH_TENSOR, "sharded tensor"})
_ARRAYS = frozenset({"array", "array view", "object array"})


class _Role(Enum):
    """How much of an object is its build; the rest is state, which may differ."""

    FREE = 0
    FIXED = 1  # its class and shape are
    WHOLE = 2  # and what it holds


@dataclass(frozen=True, slots=True)
class _Pair:
    """A kept object, what stands at its place in the live ones, and where that is."""

    then: Ref
    now: Ref
    role: _Role
    path: str

    @property
    def nodes(self) -> tuple[int, int] | None:
        """Both, if they are objects."""
        if self.then is None or self.now is None or self.then < 0 or self.now < 0:
            return None
        return self.then, self.now


def misfits(then: Graph, now: Graph, limit: int = 5) -> list[str]:
    """What of the live objects (`now`) is built otherwise than in the kept state, a sentence each."""
    return [text for text, _ in zip(_misfits(then, now), range(limit), strict=False)]


def without_patches(part: Part, now: Graph) -> Part:
    """The part without the functions that torch has put into an object whose live one has none there.

    A scheduler wraps the `step` of its optimizer; an optimizer that has no scheduler here needs no wrapper.
    """
    then = part.graph
    nodes = list(then.nodes)
    for pair in _pairs(then, now):
        if pair.nodes and then.nodes[pair.nodes[0]].kind == "instance":
            nodes[pair.nodes[0]] = _without(then, pair.nodes[0], now.edges(pair.nodes[1]))
    pruned = Graph(nodes, then.names, then.shapes, then.leaf_nodes, then.hints)
    again = part_of(pruned, {name: ref for name, ref in registered(then).items() if ref is not None})
    origins = [-1, -1, *(part.origins[old] for old in again.origins[2:])]
    return Part(again.graph, origins, [part.leaves[leaf] for leaf in again.leaves])


def counterparts(then: Graph, now: Graph) -> dict[int, int]:
    """The live object of each kept one that has one; first those that what they stand in is built of."""
    alike = [pair for pair in _pairs(then, now) if pair.nodes and _is_alike(then, now, pair)]
    alike.sort(key=lambda pair: pair.role is _Role.FREE)
    found: dict[int, int] = {}
    for pair in alike:
        if pair.nodes:
            found.setdefault(*pair.nodes)
    return found


def _pairs(then: Graph, now: Graph) -> Iterator[_Pair]:
    """What stands at the same places, as far as one can become the other."""
    queue = [_Pair(NAMES, NAMES, _Role.WHOLE, "")]
    met: set[tuple[Ref, bool]] = set()
    for pair in queue:  # grows while it is read
        yield pair
        key = (pair.then, pair.role is _Role.FREE)
        if pair.nodes and key not in met and _is_alike(then, now, pair):
            met.add(key)
            queue += _children(then, now, pair, *pair.nodes)


def _children(then: Graph, now: Graph, pair: _Pair, one: int, other: int) -> list[_Pair]:
    mine, theirs, node = then.edges(one), now.edges(other), then.nodes[one]
    return [
        _Pair(mine[label], theirs[label], _role(pair, node, label), join(pair.path, node.kind, label))
        for label in mine
        # Where objects are keys, a position says nothing of which is which.
        if label in theirs and not (node.pairs and isinstance(label, int))
    ]


def _misfits(then: Graph, now: Graph) -> Iterator[str]:
    for pair in _pairs(then, now):
        if pair.role is not _Role.FREE and not _is_alike(then, now, pair):
            here = _described(now, pair.now)
            yield f"{pair.path} is {_described(then, pair.then)} in the run and {here} here."
        elif pair.role is _Role.WHOLE and pair.nodes:
            yield from _unmatched(then, now, pair.path, *pair.nodes)


def _unmatched(then: Graph, now: Graph, path: str, one: int, other: int) -> Iterator[str]:
    """Parts that only one of a pair has."""
    mine, theirs, kind = then.edges(one), now.edges(other), then.nodes[one].kind
    yield from (f"{join(path, kind, label)} is not here." for label in mine if label not in theirs)
    yield from (f"{join(path, kind, label)} is not in the run." for label in theirs if label not in mine)


def _role(pair: _Pair, node: Node, label: Label) -> _Role:
    if node.kind == "instance":
        return _Role.WHOLE if label in _BUILT_OF else _Role.FREE
    if pair.role is _Role.WHOLE:
        return _Role.FIXED
    # The parameters of one group of an optimizer.
    return _Role.WHOLE if pair.role is _Role.FIXED and label == "params" else _Role.FREE


def _is_alike(then: Graph, now: Graph, pair: _Pair) -> bool:
    """Whether one can become the other in place."""
    return _described(then, pair.then) == _described(now, pair.now)


def _described(graph: Graph, ref: Ref) -> str:
    """Class and shape of an object."""
    if ref is None:
        return "a simple value"
    if ref < 0:
        return graph.name_of(ref).replace(":", ".")
    node = graph.nodes[ref]
    if node.kind in _TENSORS | _ARRAYS:
        dtype, shape, *_ = load(node.meta)
        return f"{'a tensor' if node.kind in _TENSORS else 'an array'} of {dtype} {list(shape)}"
    if node.kind == "deque":
        return "a deque" if node.meta is None else f"a deque of at most {node.meta}"
    return f"an object of {_described(graph, node.type)}" if node.type is not None else f"a {node.kind}"


def _without(graph: Graph, number: int, present: dict[Label, Ref]) -> Node:
    """The object without torch's functions that are not present elsewhere."""
    node = graph.nodes[number]
    labels, refs = graph.labels(number), node.refs or [None] * len(graph.labels(number))
    stays = [label in present or not _is_patch(graph, ref) for label, ref in zip(labels, refs, strict=True)]
    if all(stays):
        return node
    kept = tuple(str(label) for label, stay in zip(labels, stays, strict=True) if stay)
    graph.shapes.append(kept)
    return Node(
        node.kind,
        node.type,
        node.meta,
        len(graph.shapes) - 1,
        [ref for ref, stay in zip(refs, stays, strict=True) if stay],
        node.blob,
    )


def _is_patch(graph: Graph, ref: Ref) -> bool:
    if ref is None or ref < 0:
        return False
    return graph.nodes[ref].kind == "function" and str(graph.nodes[ref].meta).startswith("torch.")
