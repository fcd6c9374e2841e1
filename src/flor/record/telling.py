"""A forked child, such as a worker of a data loader, tells its parent which files it opens."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import get_ident

from flor.record import startup
from flor.runs.files import decoded, encoded
from flor.runs.layout import TOLD_SUFFIX

_AT_ONCE = 256
_PAUSE_NS = 1_000_000_000


@dataclass(slots=True)
class Teller:
    """In the child: appends names to a file of its own, soon after they were opened."""

    path: Path
    _told: int = 0
    _told_ns: int = 0
    _is_telling: bool = False

    def note(self) -> None:
        """A name was opened. Called in the midst of that: never raises, and seldom takes long."""
        self._be_asked_at_the_end()
        count = len(startup.opened) - self._told
        # The first at once, then twice as many: a child that is killed soon has told most of it.
        is_due = count >= min(_AT_ONCE, max(self._told, 1)) or time.time_ns() - self._told_ns > _PAUSE_NS
        if is_due and not self._is_telling:
            self.tell()

    def tell(self) -> None:
        """Write down what was not told yet."""
        thread = get_ident()
        self._is_telling = True
        startup.ours.add(thread)
        try:
            names = startup.opened[self._told :]
            self._told, self._told_ns = self._told + len(names), time.time_ns()
            _append(self.path, b"".join(_line(*name) for name in names))
        except OSError:
            return  # the store cannot be written: then nobody learns of it
        finally:
            startup.ours.discard(thread)
            self._is_telling = False

    def _be_asked_at_the_end(self) -> None:
        """Be called when a `multiprocessing` child ends, which runs no exit hooks."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None and not any(
            getattr(one, "_callback", None) == self.tell for one in list(util._finalizer_registry.values())
        ):
            util.Finalize(None, self.tell, exitpriority=-100)


@dataclass(slots=True)
class Listener:
    """In the parent: reads what its children have told."""

    folder: Path
    prefix: str
    _read: dict[str, int] = field(default_factory=dict)

    def teller(self) -> Teller:
        """In the child, once it was forked: what tells this process."""
        return Teller(self.folder / f"{self.prefix}{os.getpid()}-{os.urandom(3).hex()}{TOLD_SUFFIX}")

    def names(self) -> Iterator[tuple[str, str, int, str]]:
        """What is new: how a file was opened, its name, when, and the folder of a relative name."""
        for path in self.paths():
            with path.open("rb") as file:
                file.seek(self._read.get(path.name, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    self._read[path.name] = self._read.get(path.name, 0) + len(line)
                    kind, opened_ns, folder, name = line.decode("utf-8").rstrip("\n").split("\t")
                    startup.remember(kind, decoded(name))
                    yield kind, decoded(name), int(opened_ns), decoded(folder)

    def paths(self) -> list[Path]:
        """The files of this process's children."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return [
            self.folder / name
            for name in names
            if name.startswith(self.prefix) and name.endswith(TOLD_SUFFIX)
        ]

    def forget(self) -> None:
        """Remove the files: what they say is in the journal."""
        for path in self.paths():
            path.unlink(missing_ok=True)


def _line(kind: str, name: str | bytes, opened_ns: int, folder: str) -> bytes:
    words = (kind, str(opened_ns), encoded(folder), encoded(os.fsdecode(name)))
    line = "\t".join(words)
    # Such names exist; nothing that reads data has them.
    return b"" if line.count("\t") != len(words) - 1 or "\n" in line else line.encode("utf-8") + b"\n"


def _append(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
