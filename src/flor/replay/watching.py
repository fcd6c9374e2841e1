"""Which of the user's files have changed while a program was executed again, where nothing could be mounted.

Python's own ways to them are closed there (see relocating.py); this tells of code that went past Python. The
user may have changed them just as well: so a name here is a reason to doubt, and no proof.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flor.record import tree
from flor.record.tree import Look
from flor.runs.contents import State


@dataclass(frozen=True, slots=True)
class Watch:
    """The files as they stood at some moment."""

    root: str
    store: str
    files: Mapping[str, State]
    is_whole: bool  # not where there are too many

    def changed(self) -> tuple[str, ...]:
        """The files that are new, gone or other than then; paths from the root."""
        now = _look(self.root, self.store).changed
        paths = self.files.keys() | now.keys()
        return tuple(sorted(path for path in paths if self.files.get(path) != now.get(path)))


def begin(root: Path, store: Path) -> Watch:
    """Look at the files below a folder, without those of the store."""
    found = _look(str(root), str(store))
    return Watch(str(root), str(store), found.changed, found.is_whole)


def _look(root: str, store: str) -> Look:
    looking = tree.look(root, (store,), since_ns=0)
    while True:
        try:
            next(looking)
        except StopIteration as done:
            found: Look = done.value
            return found
