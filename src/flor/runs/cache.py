"""What can be worked out again: descriptions of sealed files, so that a list of runs opens none of them.

Deleting `.flor/cache/` costs time only.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flor.errors import StoreError, Unreadable
from flor.runs import frames, metadata, parquet, whole
from flor.runs.frames import Frame
from flor.runs.layout import SEALED_SUFFIX, Layout, SealedName
from flor.runs.metadata import RunMetadata


class _Entry(msgspec.Struct, array_like=True):
    file: str
    size: int
    mtime_ns: int
    metadata: RunMetadata


@dataclass(frozen=True, slots=True)
class Description:
    """One sealed file: its name, the state of the file that was described, and its run."""

    name: SealedName
    size: int
    mtime_ns: int
    metadata: RunMetadata


def describe(
    layout: Layout, names: Sequence[SealedName], new: Sequence[Description] = (), save: bool = True
) -> tuple[list[Description], list[str]]:
    """The sealed files' descriptions, and a sentence for each file that cannot be read.

    Descriptions that the cache lacks are read from the files, and added to it. In the cache
    a run's environment and files are left out; `read_metadata` has them.

    Args:
        new: of files that were written just now.
    """
    known = {**_load(layout), **{str(one.name): _entry(one) for one in new}}
    found, problems, fresh = [], [], bool(new)
    folder = os.fspath(layout.sealed)
    for name in names:
        file = str(name)
        try:
            # A Path for each of ten thousand files takes longer than to ask for their state.
            stat = os.stat(f"{folder}/{file}{SEALED_SUFFIX}")
            entry = known.get(file)
            if entry is None or (entry.size, entry.mtime_ns) != (stat.st_size, stat.st_mtime_ns):
                entry, fresh = _read(name, layout.sealed_file(name), stat), True
            found.append(Description(name, entry.size, entry.mtime_ns, entry.metadata))
        except FileNotFoundError:
            continue
        except StoreError as error:  # one file, damaged or newer, must not hide the others
            problems.append(error.message)
    if fresh and save:
        _save(layout, found)
    return found, problems


def read_metadata(path: Path) -> RunMetadata:
    """The description in a sealed file, whole.

    Raises:
        FileNotFoundError: it has gone.
        Unreadable: it is damaged.
        FormatTooNew: a newer FlorDB wrote it.
    """
    content = parquet.description(path)
    try:
        return metadata.unpack(content, path)
    except (ValueError, KeyError) as error:
        raise Unreadable(f"{path} has no description of its run: {error}") from error


def described(layout: Layout, name: SealedName, run: RunMetadata) -> Description:
    """The description of a file that was written just now."""
    stat = layout.sealed_file(name).stat()
    return Description(
        name, stat.st_size, stat.st_mtime_ns, msgspec.structs.replace(run, environment={}, files={})
    )


def _read(name: SealedName, path: Path, stat: os.stat_result) -> _Entry:
    bare = msgspec.structs.replace(read_metadata(path), environment={}, files={})
    return _Entry(str(name), stat.st_size, stat.st_mtime_ns, bare)


def _entry(one: Description) -> _Entry:
    return _Entry(str(one.name), one.size, one.mtime_ns, one.metadata)


def _path(layout: Layout) -> Path:
    return layout.cache / "catalog"


def _load(layout: Layout) -> Mapping[str, _Entry]:
    """The cached descriptions; none if the cache is missing, damaged or of another format."""
    try:
        frame = next(frames.parse(_path(layout).read_bytes()), None)
        if not isinstance(frame, Frame):
            return {}
        entries = msgspec.msgpack.decode(frame.payload, type=list[_Entry])
    except (OSError, msgspec.DecodeError):
        return {}
    return {entry.file: entry for entry in entries}


def _save(layout: Layout, found: Sequence[Description]) -> None:
    entries = [_entry(one) for one in found]
    write(_path(layout), frames.pack(frames.META, msgspec.msgpack.encode(entries)))


def write(path: Path, content: bytes) -> None:
    """Replace a file of the cache; where it cannot be written, there is no cache."""
    with suppress(OSError):
        whole.write(path, content)
