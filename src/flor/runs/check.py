"""Reads every file of a store and says of each whether it is whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from flor.runs import frames, liveness
from flor.runs.frames import Damage, Frame
from flor.runs.layout import JOURNAL_SUFFIX, SEALED_SUFFIX, Layout, parse_journal_name

_BLOB_SUFFIXES = {".npy", ".png"}


class State(StrEnum):
    """What reading a file through found."""

    WHOLE = "whole"
    GROWING = "growing"  # ends in a part that its process is still writing
    TORN = "torn"  # the end is missing; what comes before it is read
    DAMAGED = "damaged"

    @property
    def is_loss(self) -> bool:
        """Whether something that was written cannot be read."""
        return self in (State.TORN, State.DAMAGED)


class Role(StrEnum):
    """What a file of the store is for."""

    JOURNAL = "journal"
    SEALED = "sealed"
    CACHE = "cache"
    BLOB = "blob"


@dataclass(frozen=True, slots=True)
class Finding:
    """One file, read through."""

    path: Path
    role: Role
    state: State
    parts: int  # that can be read: frames of a journal, row groups of a Parquet file
    detail: str = ""
    remedy: str = ""


_FROM_A_COPY = "Bring it back from a backup, or with `flor pull` if it was pushed; else delete it."
_REBUILT = "Nothing to do: it is made again when it is needed, and `flor gc` deletes it."
_SEALED_AS_FAR = "Nothing to do: the next reading command seals what can be read."


def check(layout: Layout) -> Iterator[Finding]:
    """A finding for each journal, sealed file, cache file and blob."""
    for path in _files(layout.journals, JOURNAL_SUFFIX):
        yield from _gone_meanwhile(path, _journal(path, layout))
    for path in _files(layout.sealed, SEALED_SUFFIX):
        yield from _gone_meanwhile(path, _parquet(path, Role.SEALED, _FROM_A_COPY))
    for path in _files(layout.cache, SEALED_SUFFIX):
        yield from _gone_meanwhile(path, _parquet(path, Role.CACHE, _REBUILT))
    for suffix in sorted(_BLOB_SUFFIXES):
        for path in _files(layout.blobs, suffix):
            yield from _gone_meanwhile(path, _blob(path))


def _files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.rglob(f"*{suffix}"))


def _gone_meanwhile(path: Path, finding: Finding) -> Iterator[Finding]:
    """The finding, unless the file was sealed, compacted or removed while it was read."""
    if path.exists():
        yield finding


def _journal(path: Path, layout: Layout) -> Finding:
    try:
        parts = list(frames.parse(path.read_bytes()))
    except OSError as error:
        return Finding(path, Role.JOURNAL, State.DAMAGED, 0, str(error), _FROM_A_COPY)
    whole = [part for part in parts if isinstance(part, Frame)]
    damaged = [part for part in parts if isinstance(part, Damage)]
    if not whole or whole[0].magic != frames.HEADER:
        detail = "its header cannot be read"
        return Finding(path, Role.JOURNAL, State.DAMAGED, len(whole), detail, _FROM_A_COPY)
    if not damaged:
        return Finding(path, Role.JOURNAL, State.WHOLE, len(whole))
    is_tail = len(damaged) == 1 and damaged[0] is parts[-1]
    state = _torn(path, whole[0], layout) if is_tail else State.DAMAGED
    detail = ", ".join(f"{part.size_bytes} bytes from {part.offset}" for part in damaged)
    return Finding(path, Role.JOURNAL, state, len(whole), f"{detail} cannot be read", _SEALED_AS_FAR)


def _torn(path: Path, header: Frame, layout: Layout) -> State:
    """Whether an incomplete end is lost: not while its process lives, or where its ring still holds it."""
    name, facts = parse_journal_name(path.stem), header.facts()
    if name is None:
        return State.TORN
    if liveness.is_alive(layout.lock(name), facts["host"], facts["boot"], facts["pid"]):
        return State.GROWING
    ring = facts.get("ring")
    return State.GROWING if ring and Path(ring).exists() else State.TORN


def _parquet(path: Path, role: Role, remedy: str) -> Finding:
    readable = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            count = file.num_row_groups
            for position in range(count):
                readable += _is_readable(file, position)
    except (pa.ArrowException, OSError) as error:
        return Finding(path, role, State.DAMAGED, readable, str(error), remedy)
    if readable < count:
        detail = f"{count - readable} of {count} parts cannot be read"
        return Finding(path, role, State.DAMAGED, readable, detail, remedy)
    return Finding(path, role, State.WHOLE, readable)


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
        return Finding(path, Role.BLOB, State.DAMAGED, 0, str(error), _FROM_A_COPY)
    if digest == path.stem:
        return Finding(path, Role.BLOB, State.WHOLE, 1)
    return Finding(path, Role.BLOB, State.DAMAGED, 0, "its content has another hash", _FROM_A_COPY)
