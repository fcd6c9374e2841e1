"""Reads every pack and manifest of a store and says of each whether it is whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flor.checkpoints import manifest, packs
from flor.checkpoints.packs import Extent, Reader
from flor.checkpoints.store import CheckpointStore
from flor.entities import FileState
from flor.errors import FormatTooNew, Unreadable

_DELETE = "Delete it: earlier entry points are used, and what later runs still have of it is kept again."
_PASSED_OVER = "Nothing to do: an earlier entry point is used instead. `flor rm` removes the run."


@dataclass(frozen=True, slots=True)
class Inspected:
    """One file, read through."""

    path: Path
    role: Literal["pack", "manifest"]
    state: FileState
    parts: int  # that can be read: blobs of a pack, blobs that a manifest needs
    detail: str = ""
    remedy: str = ""


def inspect(folder: Path) -> Iterator[Inspected]:
    """What is found of each pack, then of each manifest, whose blobs are among those that can be read."""
    whole: set[str] = set()
    for path in sorted(folder.glob(f"*/*{packs.SUFFIX}")):
        found = _pack(path, whole)
        # Taken out while it was read: nothing to report.
        if path.exists():
            yield found
    for path in sorted(folder.glob(f"*/*{manifest.SUFFIX}")):
        described = _manifest(path, whole, CheckpointStore(folder))
        if path.exists():
            yield described


def _pack(path: Path, whole: set[str]) -> Inspected:
    """The pack, read through; what of it can be read is added to `whole`."""
    try:
        extents = packs.extents(path)
    except FormatTooNew as problem:
        return Inspected(path, "pack", FileState.NEWER, 0, problem.message, problem.hint)
    except Unreadable as problem:
        return Inspected(path, "pack", FileState.DAMAGED, 0, problem.message, _DELETE)
    reader = Reader()  # of this pack only: mapped files are let go
    readable = {digest for digest, extent in extents.items() if _is_readable(reader, digest, extent)}
    whole |= readable
    lost = sorted(extents.keys() - readable)
    if not lost:
        return Inspected(path, "pack", FileState.WHOLE, len(readable))
    detail = f"{len(lost)} of {len(extents)} blobs have other bytes than were kept: {_first(lost)}"
    return Inspected(path, "pack", FileState.DAMAGED, len(readable), detail, _DELETE)


def _is_readable(reader: Reader, digest: str, extent: Extent) -> bool:
    try:
        reader.content(digest, extent)
    except Unreadable:
        return False
    return True


def _is_there(store: CheckpointStore, digest: str) -> bool:
    try:
        store.content(digest)
    except Unreadable:
        return False
    return True


def _manifest(path: Path, whole: set[str], store: CheckpointStore) -> Inspected:
    try:
        described = manifest.read(path)
    except FormatTooNew as problem:
        return Inspected(path, "manifest", FileState.NEWER, 0, problem.message, problem.hint)
    except Unreadable as problem:
        return Inspected(path, "manifest", FileState.DAMAGED, 0, problem.message, _PASSED_OVER)
    needed = described.hashes()
    # A pack may have been written, or written anew, since the packs were read through.
    lost = sorted(digest for digest in needed - whole if not _is_there(store, digest))
    if not lost:
        return Inspected(path, "manifest", FileState.WHOLE, len(needed))
    where = f"of {described.entry} of run {described.run}"
    detail = f"{len(lost)} of {len(needed)} blobs {where} are missing or damaged: {_first(lost)}"
    return Inspected(path, "manifest", FileState.DAMAGED, len(needed) - len(lost), detail, _PASSED_OVER)


def _first(hashes: list[str]) -> str:
    more = len(hashes) - 3
    return ", ".join(hashes[:3]) + (f" and {more} more" if more > 0 else "")
