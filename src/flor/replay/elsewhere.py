"""Folders outside of the project in which a run wrote: whatever executes it again has them to itself.

A folder is covered by one of its own, in which everything else of it is seen. What the run made is not there,
as at its start; of a file that it changed there is a copy.
"""

import os
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from flor.entities import Run
from flor.errors import WritesElsewhere
from flor.replay import cloning
from flor.runs import files
from flor.runs.birth import birth_ns
from flor.runs.files import decoded
from flor.times import to_microseconds

MOST = 500
"""So many files and folders are seen through a cover, each by a mount."""


@dataclass(frozen=True, slots=True)
class Cover:
    """A folder that is seen in the place of another one."""

    folder: str  # the user's
    source: str
    names: tuple[str, ...]  # what of the user's is seen in it


def written(run: Run) -> dict[str, bool]:
    """The files outside of the project that a run has written; whether it was the run that made them."""
    began_ns = files.of(run).tree.began_ns or to_microseconds(run.tstamp) * 1000
    paths = (decoded(path) for path in files.of(run).outputs if path.startswith("/"))
    return {path: (birth_ns(path) or began_ns) >= began_ns for path in paths}


def covers(run: Run, place: Path) -> tuple[Cover, ...]:
    """Make the folders that cover those in which the run wrote, in a place for them.

    Raises:
        WritesElsewhere: there is too much in one of them.
        OSError: the place cannot be written.
    """
    shutil.rmtree(place, ignore_errors=True)
    began_ns = files.of(run).tree.began_ns or to_microseconds(run.tstamp) * 1000
    found: dict[str, set[str]] = {}
    for path in written(run):
        folder, name = _oldest(path, began_ns)
        if os.path.isdir(folder):
            found.setdefault(folder, set()).add(name)
    ordered = sorted(found, key=lambda folder: folder.count("/"))
    return tuple(_cover(each, found[each], began_ns, place / str(k)) for k, each in enumerate(ordered))


def _oldest(path: str, began_ns: int) -> tuple[str, str]:
    """The nearest folder above a file that was there before the run, and what in it leads to the file.

    Of the oldest folders of a system it may not be known when they were made.
    """
    folder, name = os.path.split(path)
    while folder != "/" and (birth_ns(folder) or 0) >= began_ns:
        folder, name = os.path.split(folder)
    return folder, name


def _cover(folder: str, changed: Iterable[str], began_ns: int, source: Path) -> Cover:
    source.mkdir(parents=True)
    seen = sorted(set(os.listdir(folder)).difference(changed))
    if len(seen) > MOST or folder == "/":
        raise WritesElsewhere(f"the run wrote in {folder}, outside of the project, where there is too much")
    for name in changed:
        theirs = os.path.join(folder, name)
        if os.path.isfile(theirs) and (birth_ns(theirs) or began_ns) < began_ns:
            cloning.copy(Path(theirs), source / name)
    names = [name for name in seen if _is_to_mount(os.path.join(folder, name), source / name)]
    return Cover(folder, str(source), tuple(names))


def _is_to_mount(theirs: str, ours: Path) -> bool:
    """Whether something has to be mounted there, for which there is a place then; a link is made anew."""
    if os.path.islink(theirs):
        ours.symlink_to(os.readlink(theirs))
        return False
    ours.mkdir() if os.path.isdir(theirs) else ours.touch()
    return True


def unknown(run: Run, reads_back: Collection[str], *, reads: bool) -> str:
    """Why what is read of such files cannot be had; "" where it can.

    Args:
        reads_back: files that the run itself read after it had written them.
        reads: whether a probe may read files.
    """
    older = [path for path, is_own in written(run).items() if not is_own and (reads or path in reads_back)]
    if not older:
        return ""
    return f"{older[0]}, outside of the project, was there before the run, and what stood in it is not kept"
