"""Small programs for the tests of state: names bound to objects, walked, changed, and restored."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_hexdigest

from flor.checkpoints.compare import Difference, differences, fingerprint
from flor.checkpoints.frames import FrameState
from flor.checkpoints.graph import Graph
from flor.checkpoints.plain import SET_ORDER
from flor.checkpoints.reference import Reference
from flor.checkpoints.restore import Restored, restore
from flor.checkpoints.scope import Scope
from flor.checkpoints.walk import walk
from flor.checkpoints.walked import Walked

PROJECT = Scope(Path(__file__).parent / "project")
_CODE = compile("", "program.py", "exec")


class Kept:
    """A state as it would lie in the store."""

    def __init__(self, walked: Walked) -> None:
        self.hashes = hashes_of(walked)
        self.blobs = dict(zip(self.hashes, (bytes(leaf.view()) for leaf in walked.leaves), strict=True))
        self.data = walked.graph.to_bytes()
        self.opaque = walked.opaque

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.graph, self.hashes)

    @property
    def graph(self) -> Graph:
        return Graph.from_bytes(self.data)

    def content(self, digest: str) -> bytes:
        return self.blobs[digest]


class Program:
    """A running function: its names, and what happened to them."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = dict(names)
        self.reference: Reference | None = None
        self.reference = Reference.of(self.walk())

    scope = PROJECT

    def walk(self) -> Walked:
        frame = FrameState("program.py", "main", __name__, self.names, _CODE)
        return walk([frame], {}, PROJECT, self.reference)

    def fingerprint(self) -> str:
        return self.keep().fingerprint

    def keep(self) -> Kept:
        return Kept(self.walk())

    def restore(self, kept: Kept) -> Restored:
        """Restore as a rewritten program does: in place, then the names."""
        live = self.walk()
        restored = restore(kept.graph, kept.hashes, kept.content, live, self.reference, hashes_of(live))
        self.names = dict(restored.names[0])
        return restored

    def differences(self, kept: Kept, **options: Any) -> list[Difference]:
        now = self.walk()
        return differences(kept.graph, kept.hashes, now.graph, hashes_of(now), **options)


def hashes_of(walked: Walked) -> list[str]:
    return [xxh3_128_hexdigest(leaf.view()) for leaf in walked.leaves]


def came_back(
    build: Callable[[], Mapping[str, Any]], change: Callable[[dict[str, Any]], object]
) -> Iterator[Program]:
    """The program put back after a change, in the same process and in a fresh copy of itself.

    Each is compared with the kept state by a second walk.
    """
    program = Program(build())
    before = program.keep()
    change(program.names)
    after = program.keep()
    put_back(program, before)
    put_back(program, after)
    yield program
    fresh = Program(build())
    put_back(fresh, after)
    yield fresh


def put_back(program: Program, kept: Kept, any_set_order: bool = False) -> None:
    """Restore, and compare with what was kept; the order of sets may be given up."""
    restored = program.restore(kept)
    refused = [one for one in restored.refused if one.reason != SET_ORDER or not any_set_order]
    assert refused == [], refused
    found = program.differences(kept)
    assert found == [], "; ".join(map(str, found))
