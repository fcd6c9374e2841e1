"""Ranks of a job after the first: what rank 0 keeps of the same moment need not be kept again.

They hash their state, and wait in the background until rank 0's is in the store; what is the same there (with
data parallelism the model and the optimizer) they neither copy nor write.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from flor.checkpoints import manifest
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.points import is_leaders
from flor.errors import FormatTooNew, Unreadable

PATIENCE_S = 10.0
_LOOK_EVERY_S = 0.02


@dataclass(slots=True)
class Following:
    """What the first rank of a run has kept, seen by another."""

    folder: Path  # of the store
    run: str
    _leader: str = field(init=False)  # the folders that may be those of rank 0
    _read: set[Path] = field(default_factory=set)
    _seen: dict[str, Manifest] = field(default_factory=dict)  # by entry point, until they are asked for
    _is_there: bool = True  # False: it writes to another disk

    def __post_init__(self) -> None:
        self._leader = f"{self.run}.*"

    def hashes_at(self, entry: str) -> set[str]:
        """What rank 0 has kept at this entry point; nothing if that does not come to be for a while."""
        until_s = time.monotonic() + PATIENCE_S
        while self._is_there and entry not in self._seen:
            self._look()
            if entry not in self._seen:
                self._is_there = time.monotonic() < until_s
                time.sleep(_LOOK_EVERY_S)
        found = self._seen.get(entry)
        if found is None:
            return set()
        later = {seen.entry: seen for seen in self._seen.values() if seen.position > found.position}
        self._seen = later
        return found.hashes()

    def _look(self) -> None:
        for path in sorted(self.folder.glob(f"{self._leader}/*{manifest.SUFFIX}")):
            if path not in self._read:
                self._read.add(path)
                with suppress(Unreadable, FormatTooNew):
                    self._note(path, manifest.read(path))

    def _note(self, path: Path, seen: Manifest) -> None:
        if is_leaders(seen):
            # Which of the processes it is need not be asked again.
            self._leader = path.parent.name
            self._seen[seen.entry] = seen
