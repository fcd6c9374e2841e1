"""Lists the files below a project's root in small steps: their names, and which of them have changed."""

import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from flor.runs.contents import State

FILES_LIMIT = 200_000
_SKIPPED = frozenset({".git", ".flor", "__pycache__", "site-packages", "dist-packages", "node_modules"})
_ENVIRONMENT = "pyvenv.cfg"  # stands at the top of a Python environment
_STEP_FILES = 250

File = tuple[str, "os.DirEntry[str]"]
Note = Callable[[str, "os.DirEntry[str]"], None]
Listing = Generator[None, None, "Names"]
Looking = Generator[None, None, "Look"]


@dataclass(slots=True)
class Seen:
    """What was found below a root, so far."""

    is_whole: bool = True
    cost_s: float = 0.0


@dataclass(slots=True)
class Names(Seen):
    """The files that are there, from the root, by inode."""

    inodes: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Look(Seen):
    """The files that have changed since some moment, and how many there are in all."""

    changed: dict[str, State] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)


def names(root: str, stores: tuple[str, ...]) -> Listing:
    """The files below a folder; each step takes a millisecond or so.

    Args:
        stores: folders to be passed over.
    """
    found = Names()

    def note(path: str, entry: "os.DirEntry[str]") -> None:
        found.inodes[path] = entry.inode()

    yield from _told(note, _files(root, stores), found)
    return found


def look(root: str, stores: tuple[str, ...], since_ns: int) -> Looking:
    """The files below a folder of which content or name has changed; each step takes a millisecond or so."""
    found = Look()

    def note(path: str, entry: "os.DirEntry[str]") -> None:
        try:
            state = State.of(entry.stat(follow_symlinks=False))
        except OSError:
            return  # it has gone meanwhile
        found.there.add(path)
        if state.ctime_ns >= since_ns:
            found.changed[path] = state

    yield from _told(note, _files(root, stores), found)
    return found


def _told(note: Note, files: Iterator[File], found: Seen) -> Generator[None, None, None]:
    """Tell of each file, up to a limit, in steps; what they cost is added up."""
    began_s = time.perf_counter()
    for number, (path, entry) in enumerate(files, 1):
        note(path, entry)
        if number % _STEP_FILES == 0:
            found.cost_s += time.perf_counter() - began_s
            yield
            began_s = time.perf_counter()
        if number >= FILES_LIMIT:
            found.is_whole = False
            break
    found.cost_s += time.perf_counter() - began_s


def _files(root: str, stores: tuple[str, ...]) -> Iterator[File]:
    """Every regular file: its path from the root, and what the folder says of it."""
    start = len(root.rstrip("/")) + 1
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except OSError:
            continue  # gone meanwhile, or not ours to read
        if folder != root and any(entry.name == _ENVIRONMENT for entry in found):
            continue
        for entry in found:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _SKIPPED and entry.path not in stores:
                        waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(".pyc"):
                    yield entry.path[start:], entry
            except OSError:
                continue
