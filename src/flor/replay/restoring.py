"""Puts a program that runs into a kept state, and proves that it is in it."""

import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from types import FrameType
from typing import Any

from flor.checkpoints.compare import Difference, differences
from flor.checkpoints.entry import EntryPoint
from flor.checkpoints.frames import FrameState, Live, frames_of, project_frames
from flor.checkpoints.graph import Graph
from flor.checkpoints.making import load_libraries
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.mentions import live_names_of
from flor.checkpoints.packs import hash_of
from flor.checkpoints.reference import Reference
from flor.checkpoints.restore import restore
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore, Kept
from flor.checkpoints.temporary import TEMPORARY, exchanged
from flor.checkpoints.walk import walk
from flor.checkpoints.walked import Walked
from flor.errors import ReentryRefused, Unreadable
from flor.record import startup
from flor.record.keeper import OpenBlock
from flor.replay.binding import Names, bind

MOST = 100
"""So many differences between two states are looked for."""


@dataclass(frozen=True, slots=True)
class Restorer:
    """The kept states of one process, and the program that is to be put into them."""

    kept: Mapping[EntryPoint, Kept]
    store: CheckpointStore
    scope: Scope

    def look(
        self, block: OpenBlock, frame: FrameType, top: EntryPoint
    ) -> tuple[list[Difference], Names | None]:
        """Walk the state at the first header of a loop: by it the objects are known that stay the same.

        What the way there made differently (an unseeded model, a set in another order) is put back
        as it was recorded. Returns what that was, and the names that are left to bind.
        """
        block.reference = Reference.of(self._walk(block, frame))
        if not self.is_readable(top):
            return [], None
        found = self.differences(top, block, frame)
        if not found:
            return [], None
        names = self.restore(top, block, frame)
        block.reference = Reference.of(self._walk(block, frame, self._labels(top), names))
        return found, names

    def restore(
        self, entry: EntryPoint, block: OpenBlock, frame: FrameType, since: int | None = None
    ) -> Names | None:
        """Make the program's state what it was at the entry point; what is left to bind in the frame.

        Args:
            since: what code behind this instruction of the innermost frame assigns is there only if it is
                part of the state; None: the instruction at which the frame stands.

        Raises:
            ReentryRefused: not everything can be put back.
        """
        names = self._put_back(entry, block, frame, since)
        # By now the program has let go of what was replaced: its `__del__` may have changed something.
        self.verify(entry, block, frame, names)
        return names

    def verify(self, entry: EntryPoint, block: OpenBlock, frame: FrameType, names: Names | None) -> None:
        """Walk the state again: it must be what was kept. Names that the frame will bind count as bound.

        Raises:
            ReentryRefused: it is not; the first difference is named.
        """
        found = self.differences(entry, block, frame, names)
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise ReentryRefused(f"{entry} is not as it was: {found[0]}{more}", at=str(entry))

    def differences(
        self, entry: EntryPoint, block: OpenBlock, frame: FrameType, names: Names | None = None
    ) -> list[Difference]:
        """Where the program's state differs from what was kept; what a probe brought is no difference."""
        labels = self._labels(entry)
        if len(labels) != len(self._frames(frame)):
            return [Difference("frames", "value", f"{len(labels)} and {len(self._frames(frame))}")]
        live = self._walk(block, frame, labels, names)
        kept, hashes = self._graph(entry), self._leaf_hashes(entry)
        return differences(kept, hashes, live.graph, _hashes(live), MOST, allow_new_names=True)

    def is_readable(self, entry: EntryPoint) -> bool:
        """Whether it was kept, and enough of it is left to compare a state with it."""
        if entry not in self.kept:
            return False
        try:
            self._graph(entry)
        except Unreadable:
            return False
        return True

    def facts(self, entry: EntryPoint) -> Mapping[str, Any]:
        """What was noted of the moment."""
        return self._manifest(entry).facts

    def blobs(self, entry: EntryPoint, fact: str) -> dict[str, bytes] | None:
        """The blobs that a fact names, by hash; None if the moment has none."""
        named = self.facts(entry).get(fact)
        return None if named is None else {digest: bytes(self.store.content(digest)) for digest in named}

    def _put_back(
        self, entry: EntryPoint, block: OpenBlock, frame: FrameType, since: int | None
    ) -> Names | None:
        graph, hashes = self._graph(entry), self._leaf_hashes(entry)
        load_libraries(graph)
        self._import_modules(graph)
        live = self._walk(block, frame)
        restored = restore(graph, hashes, self._content(entry), live, block.reference, _hashes(live))
        if restored.refused:
            first = restored.refused[0]
            what = f"{first.path}: {first.reason}" if first.path else first.reason
            raise ReentryRefused(f"{entry} cannot be restored: {what}", at=str(entry))
        frames = self._frames(frame)
        since = frames[-1].f_lasti if since is None else since
        return bind(restored.names, frames, _states(live), since)

    def _manifest(self, entry: EntryPoint) -> Manifest:
        if entry not in self.kept:
            raise ReentryRefused(f"{entry} was not kept.", at=str(entry))
        return self.kept[entry].manifest

    def _graph(self, entry: EntryPoint) -> Graph:
        """The state, with the names of temporary files as this process has drawn them."""
        manifest = self._manifest(entry)
        graph = Graph.from_bytes(self.store.content(manifest.graph))
        return exchanged(graph, manifest.facts.get(TEMPORARY, ()), startup.temporaries)

    def _leaf_hashes(self, entry: EntryPoint) -> list[str]:
        return [leaf.hash for leaf in self._manifest(entry).leaves]

    def _frames(self, frame: FrameType) -> list[FrameType]:
        return project_frames(frame, self.scope)

    def _labels(self, entry: EntryPoint) -> list[Sequence[str]]:
        """The names that were kept of each frame, outermost first."""
        graph = self._graph(entry)
        frames = (ref for ref in graph.nodes[0].refs or () if ref is not None)
        nodes = [graph.nodes[ref] for ref in frames if graph.nodes[ref].kind == "frame"]
        return [() if node.shape is None else graph.shapes[node.shape] for node in nodes]

    def _content(self, entry: EntryPoint) -> Any:
        """Reads blobs; of one that was not kept it says why."""
        left_out = {leaf.hash for leaf in self._manifest(entry).leaves if not leaf.is_kept}

        def content(digest: str) -> memoryview:
            try:
                return self.store.content(digest)
            except Unreadable as error:
                if digest not in left_out:
                    raise
                reason = "a large object came out differently than in the run, and was not kept"
                raise ReentryRefused(f"{entry} cannot be restored: {reason}", at=str(entry)) from error

        return content

    def _import_modules(self, graph: Graph) -> None:
        """Load the modules of the project that the program had loaded by then."""
        for label in graph.labels(0):
            name = str(label).removeprefix("module ")
            if name != label and name not in sys.modules:
                with suppress(ImportError):  # what is missing is named by the restore
                    import_module(name)

    def _walk(
        self,
        block: OpenBlock,
        frame: FrameType,
        labels: Sequence[Collection[str]] | None = None,
        names: Names | None = None,
    ) -> Walked:
        """Walk the program as it is; with `labels`, of these names of its frames, bound as they will be."""
        frames = frames_of(frame, self.scope, self._live(frame, labels))
        if names is not None:
            bound = {name: names.names[name] for name in frames[-1].names}
            frames[-1] = replace(frames[-1], names=bound)
        return walk(frames, block.objects, self.scope, block.reference)

    def _live(self, frame: FrameType, labels: Sequence[Collection[str]] | None) -> Live:
        if labels is None:
            return live_names_of(self.scope)
        by_frame = dict(zip(map(id, self._frames(frame)), labels, strict=False))
        return lambda each: by_frame[id(each)]


def _states(walked: Walked) -> list[FrameState]:
    return [thing for thing in walked.objects if type(thing) is FrameState]


def _hashes(walked: Walked) -> list[str]:
    return [hash_of(leaf.view()) for leaf in walked.leaves]
