"""What a loop over an iterator drew: enough to draw it again, and to notice what comes out differently."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import msgspec

from flor.checkpoints.atoms import dump, is_atom
from flor.checkpoints.compare import fingerprint
from flor.checkpoints.packs import hash_of
from flor.checkpoints.paths import Paths
from flor.checkpoints.randomness import KINDS
from flor.checkpoints.reference import Reference
from flor.checkpoints.registry import guards
from flor.checkpoints.roots import Names, Roots
from flor.checkpoints.scope import Scope
from flor.checkpoints.walk import Walk

_ITEM_LIMIT = 20_000  # objects in one item


class Drawn(msgspec.Struct, array_like=True, frozen=True):
    """One item that was drawn."""

    item: str  # hash of what it is; "" where that cannot be told
    states: list[tuple[int, bytes]]  # before the draw, of each generator that it advanced


class Segment(msgspec.Struct, array_like=True, frozen=True):
    """What a loop drew between two kept states."""

    generators: list[bytes]  # their places among the objects at the loop's first header
    drawn: list[Drawn]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Segment).decode


def pack(segment: Segment) -> bytes:
    """The segment as a blob."""
    return _encode(segment)


def unpack(blobs: Sequence[bytes | memoryview]) -> Iterator[tuple[Drawn, Sequence[bytes]]]:
    """Everything that was drawn, in order, each with the places of the generators.

    Raises:
        msgspec.DecodeError: a blob is no segment.
    """
    for blob in blobs:
        segment = _decode(blob)
        for drawn in segment.drawn:
            yield drawn, segment.generators


def generators_of(reference: Reference) -> Mapping[bytes, Any]:
    """The random generators among the objects of a loop's first header, by their places."""
    paths = Paths(reference.graph)
    found = {}
    for number, node in enumerate(reference.graph.nodes):
        thing = reference.object(number) if node.kind in KINDS else None
        if thing is not None:
            found[dump(paths.labels(number))] = thing
    return found


def item_hash(item: Any, scope: Scope) -> str:
    """A hash of everything that an item consists of; "" where some of it cannot be read."""
    if is_atom(item):
        return hash_of(memoryview(dump(item)))
    with ExitStack() as stack:
        for guard in guards():
            stack.enter_context(guard)
        walked = Walk(scope, (), _ITEM_LIMIT).run(Roots({"item": Names({"item": item})}), None)
    if walked.reasons:
        return ""
    return fingerprint(walked.graph, [hash_of(leaf.view()) for leaf in walked.leaves])
