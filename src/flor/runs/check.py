"""Reads every file of a store and says of each whether it is whole."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from flor.entities import FileState
from flor.errors import FormatTooNew, Unreadable
from flor.runs import cache, contents, frames, liveness
from flor.runs.frames import Damage, Frame
from flor.runs.layout import JOURNAL_SUFFIX, SEALED_SUFFIX, Layout, parse_journal_name

_BLOB_SUFFIXES = (".npy", ".png")


class Role(StrEnum):
    """What a file of the store is for."""

    JOURNAL = "journal"
    SEALED = "sealed"
    CACHE = "cache"
    BLOB = "blob"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Finding:
    """One file, read through."""

    path: Path
    role: Role
    state: FileState
    parts: int  # that can be read: frames of a journal, row groups of a Parquet file
    detail: str = ""
    remedy: str = ""


_FROM_A_COPY = "Bring it back from a backup, or with `flor pull` if it was pushed; else delete it."
_REBUILT = "Nothing to do: it is made again when it is needed, and `flor gc` deletes it."
_SEALED_AS_FAR = "Nothing to do: the next reading command seals what can be read."
_REST_IS_READ = "Nothing to do: everything else of the run is read. `flor rm` removes the run."
_KEPT_AGAIN = (
    "Delete it: a replay uses the user's own file where that is unchanged, and later runs keep it again."
)
_SET_ASIDE = "What could be read of it is sealed; delete it when you have looked at it."


def check(layout: Layout, roles: Collection[Role] = tuple(Role)) -> Iterator[Finding]:
    """A finding for each journal, sealed file, cache file, blob and kept file, or those of some roles."""
    for role, paths, read in _groups(layout):
        if role not in roles:
            continue
        for path in paths:
            finding = read(path)
            # Sealed, compacted or removed while it was read: nothing to report.
            if path.exists():
                yield finding


def _groups(layout: Layout) -> Iterator[tuple[Role, list[Path], Callable[[Path], Finding]]]:
    """The files of each role, and what reads one."""
    yield Role.JOURNAL, _files(layout.journals, JOURNAL_SUFFIX), partial(_journal, layout)
    yield Role.JOURNAL, _files(layout.journals, f"{JOURNAL_SUFFIX}.damaged"), _set_aside
    yield Role.SEALED, _files(layout.sealed, SEALED_SUFFIX), _sealed
    yield Role.CACHE, [path for path in _files(layout.cache, "") if path.suffix != ".tmp"], _cached
    for suffix in _BLOB_SUFFIXES:
        yield Role.BLOB, _files(layout.blobs, suffix), _blob
    yield Role.FILE, [path for path in _files(layout.files, "") if path.suffix != ".tmp"], _content


def _files(folder: Path, suffix: str) -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())


def _journal(layout: Layout, path: Path) -> Finding:
    try:
        parts = list(frames.parse(path.read_bytes()))
    except OSError as error:
        return Finding(path, Role.JOURNAL, FileState.DAMAGED, 0, str(error), _FROM_A_COPY)
    whole = [part for part in parts if isinstance(part, Frame)]
    damaged = [part for part in parts if isinstance(part, Damage)]
    if not whole or whole[0].magic != frames.HEADER:
        detail = "its header cannot be read"
        return Finding(path, Role.JOURNAL, FileState.DAMAGED, len(whole), detail, _FROM_A_COPY)
    if not damaged:
        return Finding(path, Role.JOURNAL, FileState.WHOLE, len(whole))
    is_tail = len(damaged) == 1 and damaged[0] is parts[-1]
    state = _torn(path, whole[0], layout) if is_tail else FileState.DAMAGED
    detail = ", ".join(f"{part.size_bytes} bytes from {part.offset}" for part in damaged)
    return Finding(path, Role.JOURNAL, state, len(whole), f"{detail} cannot be read", _SEALED_AS_FAR)


def _torn(path: Path, header: Frame, layout: Layout) -> FileState:
    """Whether an incomplete end is lost: not while its process lives, or where its ring still holds it."""
    name, facts = parse_journal_name(path.stem), header.facts()
    if name is None:
        return FileState.TORN
    if liveness.is_alive(layout.lock(name), facts["host"], facts["boot"]):
        return FileState.GROWING
    ring = facts.get("ring")
    return FileState.GROWING if ring and Path(ring).exists() else FileState.TORN


def _set_aside(path: Path) -> Finding:
    parts = frames.parse(path.read_bytes())
    readable = sum(isinstance(part, Frame) for part in parts)
    return Finding(
        path, Role.JOURNAL, FileState.DAMAGED, readable, "set aside when its run was sealed", _SET_ASIDE
    )


def _sealed(path: Path) -> Finding:
    finding = _parquet(path, Role.SEALED, _FROM_A_COPY)
    if finding.state is not FileState.WHOLE:
        return finding
    try:
        lost = cache.read_metadata(path).damaged_bytes
    except FormatTooNew as error:
        return replace(finding, state=FileState.NEWER, parts=0, detail=error.message, remedy=error.hint)
    except (Unreadable, FileNotFoundError) as error:
        return replace(finding, state=FileState.DAMAGED, parts=0, detail=str(error), remedy=_FROM_A_COPY)
    if not lost:
        return finding
    detail = f"{lost} bytes of its journals could not be read"
    return replace(finding, state=FileState.TORN, detail=detail, remedy=_REST_IS_READ)


def _cached(path: Path) -> Finding:
    if path.suffix == SEALED_SUFFIX:
        return _parquet(path, Role.CACHE, _REBUILT)
    parts = list(frames.parse(path.read_bytes()))
    readable = sum(isinstance(part, Frame) for part in parts)
    if parts and readable == len(parts):
        return Finding(path, Role.CACHE, FileState.WHOLE, readable)
    detail = f"{len(parts) - readable} parts cannot be read" if parts else "it is empty"
    return Finding(path, Role.CACHE, FileState.DAMAGED, readable, detail, _REBUILT)


def _parquet(path: Path, role: Role, remedy: str) -> Finding:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            readable = [_is_readable(file, position) for position in range(file.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        return Finding(path, role, FileState.DAMAGED, 0, str(error), remedy)
    if all(readable):
        return Finding(path, role, FileState.WHOLE, len(readable))
    detail = f"{readable.count(False)} of {len(readable)} parts cannot be read"
    return Finding(path, role, FileState.DAMAGED, readable.count(True), detail, remedy)


def _is_readable(file: pq.ParquetFile, row_group: int) -> bool:
    try:
        file.read_row_group(row_group)
    except (pa.ArrowException, OSError):
        return False
    return True


def _blob(path: Path) -> Finding:
    try:
        digest = xxhash.xxh3_128_hexdigest(path.read_bytes())
    except OSError as error:
        return Finding(path, Role.BLOB, FileState.DAMAGED, 0, str(error), _FROM_A_COPY)
    if digest == path.stem:
        return Finding(path, Role.BLOB, FileState.WHOLE, 1)
    return Finding(path, Role.BLOB, FileState.DAMAGED, 0, "its content has another hash", _FROM_A_COPY)


def _content(path: Path) -> Finding:
    try:
        digest = contents.sha256_of(str(path))
    except OSError as error:
        return Finding(path, Role.FILE, FileState.DAMAGED, 0, str(error), _KEPT_AGAIN)
    if digest == path.name:
        return Finding(path, Role.FILE, FileState.WHOLE, 1)
    return Finding(path, Role.FILE, FileState.DAMAGED, 0, "its content has another hash", _KEPT_AGAIN)
