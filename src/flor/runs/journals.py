"""Read the journals of processes, alive or gone, together with what still stands in their rings."""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flor.entities import FORMAT_VERSION, Kind, RunId
from flor.errors import FormatTooNew, StoreError, Unreadable
from flor.runs import frames
from flor.runs.frames import Damage, Frame
from flor.runs.layout import JOURNAL_SUFFIX, JournalName, Layout, parse_journal_name
from flor.runs.liveness import is_alive, is_locked
from flor.runs.ring import SIZE_BYTES
from flor.runs.slots import SIZE
from flor.runs.values import decode

_HEADER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Journal:
    """What one process has recorded."""

    name: JournalName
    header: Mapping[str, Any]
    facts: Mapping[str, Any]  # later facts, merged
    slots: bytes  # of the file, then of the ring; one may stand in both
    big_records: tuple[bytes, ...]  # each a head slot and its payload
    damage: tuple[Damage, ...]
    is_alive: bool
    is_whole: bool  # False: some records are in memory that only another user may read
    touched_ns: int = 0  # when its process was alive for sure

    @property
    def can_be_sealed(self) -> bool:
        """Whether everything that the process recorded is here."""
        return self.is_whole and not self.is_alive

    @property
    def has_ended(self) -> bool:
        """Whether the process said how its run ended."""
        return "status" in self.facts


def names(layout: Layout) -> list[JournalName]:
    """The journals in the store."""
    try:
        found = os.listdir(layout.journals)
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(JOURNAL_SUFFIX) for name in found if name.endswith(JOURNAL_SUFFIX))
    return [name for name in map(parse_journal_name, stems) if name]


def ended(layout: Layout, names: Collection[JournalName]) -> list[RunId]:
    """The runs of these journals of which no process lives, as far as their headers can be read."""
    found: dict[RunId, bool] = {}
    for name in names:
        with suppress(FileNotFoundError, StoreError):
            header = _read_header(layout.journal(name))
            if header:
                found[name.run] = found.get(name.run, True) and _is_gone(layout.lock(name), header)
    return [run for run, is_gone in found.items() if is_gone]


def _is_gone(lock: Path, header: Mapping[str, Any]) -> bool:
    ring = header["ring"]
    is_hidden = ring and os.path.exists(ring) and not os.access(ring, os.R_OK)
    return not is_hidden and not is_alive(lock, header["host"], header["boot"])


def tstamps(layout: Layout) -> set[str]:
    """The time stamps (microseconds) of the processes whose journals are in the store."""
    found: set[str] = set()
    for name in names(layout):
        with suppress(FileNotFoundError, StoreError):  # sealed meanwhile, or nobody can tell
            header = _read_header(layout.journal(name))
            found.update([str(header["tstamp"])] if header else [])
    return found


def read(layout: Layout, name: JournalName) -> Journal | None:
    """The journal of one process; None if it has gone meanwhile, or begins just now.

    Order matters: alive or not is asked first, then the ring is read, then the file. What
    moves from the ring to the file in between is found in the file.

    Raises:
        FormatTooNew: a newer FlorDB writes it.
        Unreadable: its header is damaged.
    """
    path = layout.journal(name)
    try:
        header = _read_header(path)
        if header is None:
            _check_headless(path, layout.lock(name))
            return None
        alive = is_alive(layout.lock(name), header["host"], header["boot"])
        ring = _read_ring(header.get("ring"))
        journal = _parse(name, path.read_bytes(), alive)
        touched_ns = max(_touched_ns(path), _touched_ns(layout.lock(name)))
    except FileNotFoundError:
        return None
    slots = journal.slots + (ring or b"")
    return replace(journal, slots=slots, is_whole=ring is not None, touched_ns=touched_ns)


def _touched_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _check_headless(path: Path, lock: Path) -> None:
    """Pass a journal that a process has just begun, or was killed before it wrote anything to.

    Raises:
        Unreadable: there is something, and it cannot be read.
    """
    if path.stat().st_size and not is_locked(lock):
        raise Unreadable(f"{path} cannot be read: its header is damaged.", "Run `python -m flor fsck`.")


def arguments_of(layout: Layout, name: JournalName) -> dict[str, Any]:
    """The inputs that a process has recorded so far, as far as they can be had back."""
    try:
        content = layout.journal(name).read_bytes()
    except OSError:
        return {}
    encoded = _merged_facts(_whole(content)).get("args", {})
    lossy = (Kind.REPR, Kind.BLOB)
    return {
        name: decoded(Kind(kind), payload) for name, (kind, payload) in encoded.items() if kind not in lossy
    }


def decoded(kind: Kind, payload: Any) -> Any:
    """The value of a kind and the payload that was packed for it."""
    if isinstance(payload, bytes):
        return decode(kind, None, None, payload.decode("utf-8"))
    return (
        decode(kind, payload, None, None) if isinstance(payload, float) else decode(kind, None, payload, None)
    )


def _read_header(path: Path) -> dict[str, Any] | None:
    with path.open("rb") as file:
        first = next(frames.parse(file.read(_HEADER_BYTES)), None)
    if not isinstance(first, Frame) or first.magic != frames.HEADER:
        return None
    header = first.facts()
    if header["format"] > FORMAT_VERSION:
        raise FormatTooNew(path, header["format"], FORMAT_VERSION)
    return header


def _read_ring(path: str | None) -> bytes | None:
    """The slots in a ring whose writer may be writing: those that stood still while it was read twice.

    None where it is there and may not be read.

    A slot is whole where both readings show the same seq: the second began after that seq was
    written, so it sees the other fields too, or newer ones, and then the file has the older.
    """
    if path is None:
        return b""
    try:
        with open(path, "rb") as file:
            first = file.read()
            file.seek(0)
            second = file.read()
    except PermissionError:
        return None
    except OSError:
        return b""
    if len(second) != SIZE_BYTES or len(first) != SIZE_BYTES:
        return b""
    seqs_first, seqs_second = (memoryview(half).cast("Q")[4::5].tolist() for half in (first, second))
    if seqs_first == seqs_second:
        return second
    steady = (i for i, pair in enumerate(zip(seqs_first, seqs_second, strict=True)) if pair[0] == pair[1])
    return b"".join(second[i * SIZE : (i + 1) * SIZE] for i in steady)


def _whole(content: bytes) -> list[Frame]:
    return [frame for frame in frames.parse(content) if isinstance(frame, Frame)]


def _parse(name: JournalName, content: bytes, alive: bool) -> Journal:
    found = list(frames.parse(content))
    whole = [frame for frame in found if isinstance(frame, Frame)]
    return Journal(
        name=name,
        header=whole[0].facts(),
        facts=_merged_facts(whole),
        slots=b"".join(frame.payload for frame in whole if frame.magic == frames.SLOTS),
        big_records=tuple(bytes(frame.payload) for frame in whole if frame.magic == frames.BIG),
        damage=tuple(part for part in found if isinstance(part, Damage)),
        is_alive=alive,
        is_whole=True,
    )


def _merged_facts(whole: list[Frame]) -> dict[str, Any]:
    """The facts of all META frames: a later one wins, maps are merged."""
    merged: dict[str, Any] = {}
    for frame in whole:
        if frame.magic == frames.META:
            for key, value in frame.facts().items():
                if isinstance(value, dict):
                    merged.setdefault(key, {}).update(value)
                else:
                    merged[key] = value
    return merged
