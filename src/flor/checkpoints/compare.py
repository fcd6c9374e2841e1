"""What differs between two states: both graphs are walked in parallel, each node paired with one other."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

from xxhash import xxh3_128

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.graph import FIXED, Graph, Label, Node, Ref
from flor.checkpoints.paths import Paths

What = Literal["value", "order", "identity", "type", "only before", "only after"]

_WITHOUT_IDENTITY = frozenset(
    {"tuple", "frozenset", "method", "builtin method", "weakref", "path", "value", "global"}
)
"""Kinds that a program cannot tell apart by identity in any way that matters: they never change."""
_OPEN = frozenset({"frame", "names", "library", "modes"})
"""Nodes to which a probe may add names: its own, or those of a library that it imports."""
_MODULE = "module "


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two states differ."""

    path: str
    what: What
    detail: str = ""  # both values, where they are short
    after: str = field(default="", compare=False)  # a hash of the later value: of a simple one, or of bytes

    def __str__(self) -> str:
        return f"{self.path}: {self.what}{f' ({self.detail})' if self.detail else ''}"


def fingerprint(graph: Graph, hashes: Sequence[str]) -> str:
    """A hash of a whole state: equal for equal states, whatever the process."""
    digest = xxh3_128(graph.canonical())
    for content in hashes:
        digest.update(content.encode())
    return digest.hexdigest()


def differences(
    old: Graph,
    old_hashes: Sequence[str],
    new: Graph,
    new_hashes: Sequence[str],
    limit: int = 10,
    allow_new_names: bool = False,
) -> list[Difference]:
    """Where two states differ, nearest to the roots first; at most `limit` places.

    `allow_new_names`: names that only the new state has, in frames and modules, are a probe's, no difference;
    nor are modules that it imported.
    """
    return _Comparison(old, old_hashes, new, new_hashes, limit, allow_new_names).run()


class _Comparison:
    def __init__(
        self,
        old: Graph,
        old_hashes: Sequence[str],
        new: Graph,
        new_hashes: Sequence[str],
        limit: int,
        allow_new_names: bool,
    ) -> None:
        self.old, self.new = old, new
        self.old_hashes, self.new_hashes = old_hashes, new_hashes
        self.limit = limit
        self.allow_new_names = allow_new_names
        self.found: list[Difference] = []
        self.pair = {0: 0}  # node of old: node of new
        self.back = {0: 0}
        self.queue = deque([0])
        self.paths: Paths | None = None
        self.new_names = [new.name_of(-place - 1) for place in range(len(new.names))]

    def run(self) -> list[Difference]:
        """Compare pair after pair."""
        while self.queue and len(self.found) < self.limit:
            self.compare(self.queue.popleft())
        return self.found[: self.limit]

    def note(
        self, number: int, what: What, label: Label | None = None, detail: str = "", after: str = ""
    ) -> None:
        """There is a difference at a node of the old graph, or at one of its references."""
        if self.paths is None:
            self.paths = Paths.readable(self.old)
        text = self.paths.text(number) if label is None else self.paths.step(number, label)
        self.found.append(Difference(text, what, detail, after))

    def compare(self, number: int) -> None:
        """Compare a node with its pair."""
        one, other = self.old.nodes[number], self.new.nodes[self.pair[number]]
        if one.kind != other.kind or one.meta != other.meta:
            same_kind = one.kind == other.kind
            self.note(
                number, "value" if same_kind else "type", detail=_details(one, other) if same_kind else ""
            )
            return
        if (one.type is None) is not (other.type is None) or not self.meet(
            number, "__class__", one.type, other.type
        ):
            return
        mine, theirs = self.all_labels(number, self.old), self.all_labels(self.pair[number], self.new)
        if mine == theirs and self.same_width(one, other):
            self.aligned(number, one, other, mine)
        else:
            self.by_label(number, one, other)

    def all_labels(self, number: int, graph: Graph) -> Sequence[Label]:
        """Labels of a node; of a plain sequence none are needed."""
        node = graph.nodes[number]
        return graph.shapes[node.shape] if node.shape is not None else ()

    def same_width(self, one: Node, other: Node) -> bool:
        """Whether both have as many references, with simple values at the same positions."""
        if one.refs is None or other.refs is None:
            return one.refs is other.refs
        return [ref is None for ref in one.refs] == [ref is None for ref in other.refs]

    def aligned(self, number: int, one: Node, other: Node, labels: Sequence[Label]) -> None:
        """Compare two nodes that refer to as many things by the same names in the same order."""
        if not self.same_blob(one, other):
            self.by_value(number, one, other)
        if one.refs is None or other.refs is None:
            return
        for position, (ref, their) in enumerate(zip(one.refs, other.refs, strict=True)):
            if ref is not None and not self.meet(number, None, ref, their):
                self.note(number, self.why(ref, their), self.old.labels(number)[position])

    def same_blob(self, one: Node, other: Node) -> bool:
        """Whether the simple values or bytes of two nodes are the same."""
        if isinstance(one.blob, int) and isinstance(other.blob, int):
            return self.old_hashes[one.blob] == self.new_hashes[other.blob]
        return one.blob == other.blob

    def blob_hash(self, node: Node) -> str:
        """A hash of the bytes of a node of the new graph."""
        if isinstance(node.blob, int):
            return self.new_hashes[node.blob]
        return xxh3_128(node.blob or b"").hexdigest()

    def by_value(self, number: int, one: Node, other: Node) -> None:
        """Name the first simple values that differ."""
        if not isinstance(one.blob, bytes) or not isinstance(other.blob, bytes) or one.kind in _BYTES:
            self.note(number, "value", after=self.blob_hash(other))
            return
        if one.pairs:
            self.by_label(number, one, other)
            return
        before, after = load(one.blob), load(other.blob)
        labels = simple_labels(self.old, number, len(before))
        if len(before) != len(after) or len(labels) != len(before):
            self.note(number, "value", detail=f"{len(before)} and {len(after)} items")
            return
        if one.refs is None and one.shape is None and sorted(map(dump, before)) == sorted(map(dump, after)):
            self.note(number, "order")
            return
        for label, mine, their in zip(labels, before, after, strict=True):
            if dump(mine) != dump(their):
                detail = f"{_short(mine)} and {_short(their)}"
                self.note(number, "value", label, detail, _hash_of(_Simple(dump(their))))

    def meet(self, number: int, label: Label | None, ref: Ref, their: Ref) -> bool:
        """Pair two references; whether they can be a pair. With a label, note why not."""
        fits = self.fits(ref, their)
        if not fits and label is not None:
            self.note(number, self.why(ref, their), label)
        return fits

    def fits(self, ref: Ref, their: Ref) -> bool:
        """Whether two references can be a pair; a new pair is queued."""
        if ref is None or their is None:
            return ref is their
        if ref < 0 or their < 0:
            return ref < 0 and their < 0 and self.old.name_of(ref) == self.new.name_of(their)
        known, back = self.pair.get(ref), self.back.get(their)
        if known is None and back is None:
            self.pair[ref], self.back[their] = their, ref
            self.queue.append(ref)
            return True
        if known == their:
            return True
        if self.old.nodes[ref].kind in _WITHOUT_IDENTITY and self.new.nodes[their].kind in _WITHOUT_IDENTITY:
            return _Equal(self).nodes(ref, their)
        return False

    def why(self, ref: Ref, their: Ref) -> What:
        """What a pair of references that do not fit differ in."""
        if ref is None or their is None or ref < 0 or their < 0:
            return "value"
        return "identity"

    def by_label(self, number: int, one: Node, other: Node) -> None:
        """Compare two nodes that do not refer to the same things in the same order."""
        if not (isinstance(one.blob, bytes | None) and isinstance(other.blob, bytes | None)):
            self.note(number, "value")
            return
        mine, theirs = everything(self.old, number), everything(self.new, self.pair[number])
        if one.shape is None and not one.pairs and len(mine) != len(theirs):
            self.note(number, "value", detail=f"{len(mine)} and {len(theirs)} items")
        for label, ref in mine.items():
            if label not in theirs:
                self.note(number, "only before", label)
            elif isinstance(ref, _Simple) or isinstance(theirs[label], _Simple):
                if ref != theirs[label]:
                    detail = f"{shown(self.old, ref)} and {shown(self.new, theirs[label])}"
                    self.note(number, "value", label, detail, _hash_of(theirs[label]))
            elif not self.meet(number, None, ref, theirs[label]):  # type: ignore[arg-type]
                self.note(number, self.why(ref, theirs[label]), label)  # type: ignore[arg-type]
        self.only_after(number, one, list(mine), list(theirs))

    def only_after(self, number: int, one: Node, mine: list[Label], theirs: list[Label]) -> None:
        """Note what only the new node has, and another order of what both have."""
        added = [label for label in theirs if label not in set(mine)]
        for label in added:
            if not self.is_probes_own(one, label):
                self.note(number, "only after", label)
        both = [label for label in theirs if label not in set(added)]
        kept = [label for label in mine if label in set(both)]
        if both != kept:
            self.note(number, "order")

    def is_probes_own(self, node: Node, label: Label) -> bool:
        """Whether a name that only the new state has may have come with a probe, as a module may."""
        is_module = node.kind == "root" and str(label).startswith(_MODULE)
        return self.allow_new_names and (is_module or node.kind in _OPEN)


@dataclass(frozen=True, slots=True)
class _Simple:
    """A simple value among the references of a node."""

    data: bytes

    def __str__(self) -> str:
        return _short(load(self.data))


def _hash_of(value: "Ref | _Simple") -> str:
    return xxh3_128(value.data).hexdigest() if isinstance(value, _Simple) else ""


_BYTES = frozenset({"storage", "array", "bytearray", "torch generator", "arrow"})


def everything(graph: Graph, number: int) -> dict[Label, "Ref | _Simple"]:
    """What a node refers to, simple values included, by label."""
    node = graph.nodes[number]
    simple = iter(load(node.blob)) if isinstance(node.blob, bytes) and node.kind not in _BYTES else iter(())
    if node.refs is None and node.shape is None:
        fixed = FIXED.get(node.kind, ())
        values = list(simple)
        if node.pairs:
            return _pairs(values[: len(values) // 2], values[len(values) // 2 :])
        names: list[Label] = [*fixed, *range(len(values) - len(fixed))]
        return {label: _Simple(dump(value)) for label, value in zip(names, values, strict=True)}
    found: dict[Label, Ref | _Simple] = {}
    labels = graph.labels(number)
    refs = [None] * len(labels) if node.refs is None else node.refs
    for label, ref in zip(labels, refs, strict=True):
        value: Any = next(simple, _MISSING) if ref is None else _MISSING
        found[label] = ref if value is _MISSING else _Simple(dump(value))
    return found


def shown(graph: Graph, value: "Ref | _Simple") -> str:
    """A value, or what kind of thing stands there."""
    if isinstance(value, int):
        return graph.nodes[value].kind if value >= 0 else graph.name_of(value)
    return str(value)


def _pairs(keys: list[Any], values: list[Any]) -> dict[Label, "Ref | _Simple"]:
    return {dump(key): _Simple(dump(value)) for key, value in zip(keys, values, strict=True)}


_MISSING = object()


def simple_labels(graph: Graph, number: int, count: int) -> list[Label]:
    """What a node calls its simple values, in their order."""
    node = graph.nodes[number]
    labels = graph.labels(number)
    if node.refs is None:
        if node.shape is None and node.pairs:
            return [*range(-count // 2, 0), *range(count // 2)]
        return list(labels) if node.shape is not None else list(range(count))
    return [label for label, ref in zip(labels, node.refs, strict=True) if ref is None]


class _Equal:
    """Whether two unchangeable things are equal, although each is paired with another."""

    def __init__(self, comparison: _Comparison) -> None:
        self._in = comparison

    def nodes(self, one: int, other: int) -> bool:
        mine, theirs = self._in.old.nodes[one], self._in.new.nodes[other]
        same = mine.kind == theirs.kind and mine.meta == theirs.meta and self._in.same_blob(mine, theirs)
        if not same or not self._ref(mine.type, theirs.type):
            return False
        pairs = zip_longest(mine.refs or (), theirs.refs or (), fillvalue=-(10**9))
        return all(self._ref(ref, their) for ref, their in pairs)

    def _ref(self, ref: Ref, their: Ref) -> bool:
        if -(10**9) in (ref, their):
            return False
        return self._in.fits(ref, their)


def _details(one: Node, other: Node) -> str:
    return f"{_meta(one.meta)} and {_meta(other.meta)}"


def _meta(meta: Any) -> str:
    return _short(load(meta) if isinstance(meta, bytes) else meta)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
