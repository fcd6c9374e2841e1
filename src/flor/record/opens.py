"""What the names that a program opened say of its inputs and outputs."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from threading import RLock

from flor.record import startup
from flor.record.intake import Intake
from flor.record.outputs import Outputs
from flor.record.telling import Listener
from flor.runs.files import CHANGED


@dataclass(slots=True)
class Opens:
    """Reads the names that this process and its forked children have opened, in their order."""

    intake: Intake
    outputs: Outputs
    listener: Listener
    skew_ns: int = 0  # how far the file system's clock is ahead of ours
    cursor: int = 0
    lock: AbstractContextManager[object] = field(default_factory=RLock)  # while what is known changes

    @property
    def has_more(self) -> bool:
        """Whether the process has opened files of which nothing was noted yet."""
        return self.cursor < len(startup.opened)

    def read(self, limit: int) -> None:
        """Take note of the next names of this process."""
        with self.lock:
            batch = startup.opened[self.cursor : self.cursor + limit]
            self.cursor += len(batch)
            for kind, name, opened_ns, folder in batch:
                self._note(kind, os.fsdecode(name), opened_ns + self.skew_ns, folder)
            self.outputs.refresh()

    def listen(self, limit: int) -> None:
        """Take note of the next names that children tell."""
        if startup.forks:
            for kind, name, opened_ns, folder in islice(self.listener.names(), limit):
                with self.lock:
                    self._note(kind, name, opened_ns + self.skew_ns, folder)

    def _note(self, kind: str, name: str, opened_ns: int, folder: str) -> None:
        key = self.outputs.places.key(name, folder, is_written=kind != "r")
        if key is None:
            return
        if kind in "ru":
            self._note_read(key, opened_ns)
        if kind != "r":
            self.outputs.note(key, kind)

    def _note_read(self, key: str, opened_ns: int) -> None:
        state = None if key in self.intake.known else self.outputs.state(key)
        if state is None:
            return  # known; or a folder, a pipe, or gone
        if self.outputs.is_own(key):
            if self.outputs.is_appended(key) and not self._is_made_by(key, opened_ns):
                self.intake.add(key, state, CHANGED)  # what stood before what the run has added
            self.outputs.note_read(key)
        elif state.ctime_ns < self.outputs.began_ns:
            self.intake.add(key, state)
        elif state.ctime_ns > opened_ns and not self._is_made_by(key, opened_ns):
            self.intake.add(key, state, CHANGED)
        elif self.outputs.places.key(key, self.outputs.places.root, is_written=True):
            # Written since the program began, by what opens its files unseen; not a temporary file.
            if key.startswith("/"):
                self.outputs.note(key, "w")
            self.outputs.note_read(key)

    def _is_made_by(self, key: str, opened_ns: int) -> bool:
        """Whether the file was made by the run, and is the one that was opened at this time."""
        from flor.runs.birth import birth_ns  # seldom needed, and ctypes takes long to load

        made_ns = birth_ns(self.outputs.places.whole(key)) or 0
        return self.outputs.began_ns <= made_ns <= opened_ns
