"""The files that a run had written, as they stood at an entry point, for a program that jumps there.

Only in the folder of a segment, which nobody else uses: see outputs.py for the user's own. A content that was
not kept is taken away, so that a program which reads it fails instead of reading another one.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from flor.runs.contents import Contents
from flor.runs.files import EntryFile, decoded

_PIECE_BYTES = 1 << 20


def put(then: Mapping[str, Any] | None, root: Path, contents: Contents) -> tuple[str, ...]:
    """Make the files below the root what they were; the paths of those that cannot be.

    Args:
        then: what the manifest of the entry point says of files; None where it says nothing.
    """
    files = msgspec.convert(dict(then or {}), dict[str, EntryFile])
    lacking = []
    for path, file in files.items():
        # What a run wrote elsewhere is the user's.
        if not path.startswith("/") and not _put(root / decoded(path), file, contents):
            lacking.append(path)
    set_ends({os.path.realpath(root / decoded(path)): file.size or 0 for path, file in files.items()})
    return tuple(lacking)


def set_ends(sizes: Mapping[str, int]) -> None:
    """Let what this process writes to files that were put back follow what is in them.

    Args:
        sizes: by path. A place behind that end is where the program stood, which had written more.
    """
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        with suppress(OSError):
            path = os.readlink(f"/proc/self/fd/{name}")
            if path in sizes and os.lseek(int(name), 0, os.SEEK_CUR) < sizes[path]:
                os.lseek(int(name), sizes[path], os.SEEK_SET)


def _put(place: Path, file: EntryFile, contents: Contents) -> bool:
    """Whether the file is now what it was."""
    if file.size is None:
        _remove(place)
        return True
    place.parent.mkdir(parents=True, exist_ok=True)
    if _is_standing(place, file):
        return True
    if file.sha256 is None or file.is_unsure or not contents.has(file.sha256):
        _remove(place)
        return False
    _write(place, contents.path(file.sha256))
    os.utime(place, ns=(file.mtime_ns, file.mtime_ns))
    return True


def _is_standing(place: Path, file: EntryFile) -> bool:
    """Whether it was put there for an earlier jump, and not written since."""
    try:
        found = place.stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns) == (file.size, file.mtime_ns)


def _write(place: Path, source: Path) -> None:
    """Write in place: what has the file open goes on with it."""
    descriptor = os.open(place, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    with open(descriptor, "wb", buffering=0) as file, source.open("rb", buffering=0) as kept:
        while piece := kept.read(_PIECE_BYTES):
            file.write(piece)
        file.truncate()


def _remove(place: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        place.unlink()
