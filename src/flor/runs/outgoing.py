"""What is sent of a store: sealed files that the other side lacks, most in bundles, and their blobs."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xxhash

from flor.entities import BlobReference
from flor.errors import StoreError
from flor.runs import bundles, parquet
from flor.runs.bundles import Sealed
from flor.runs.layout import SEALED_SUFFIX, Layout
from flor.runs.packs import Member
from flor.runs.references import references
from flor.runs.schema import RECORDS

LARGE_ROWS, LARGE_BYTES = 250_000, 8 << 20
"""A sealed file with more is compact by itself, and sent as it is."""
BUNDLE_ROWS, BUNDLE_BYTES = 4_000_000, 40 << 20
"""No bundle holds more. Git servers refuse files over 100 MB."""
BLOB_BYTES = 50 << 20
"""Larger blobs stay where they are."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Files to send, and what is not sent."""

    files: dict[str, Path]  # by the names that they have among what is pushed
    problems: tuple[str, ...]  # a sentence for each file that cannot be sent
    large_blobs: int


@dataclass(frozen=True, slots=True)
class Groups:
    """Sealed files as they are sent."""

    alone: list[Member]
    together: list[list[Member]]


def group(members: Iterable[Member]) -> Groups:
    """Large files by themselves, the others in groups of bounded size."""
    found = Groups([], [])
    rows = size = 0
    for member in members:
        if member.rows > LARGE_ROWS or member.size > LARGE_BYTES:
            found.alone.append(member)
            continue
        rows, size = rows + member.rows, size + member.size
        if not found.together or rows > BUNDLE_ROWS or size > BUNDLE_BYTES:
            found.together.append([])
            rows, size = member.rows, member.size
        found.together[-1].append(member)
    return found


def prepare(layout: Layout, members: Sequence[Member], known: Collection[str], folder: Path) -> Outgoing:
    """What to send of these sealed files, and the blobs that their records name.

    Args:
        known: names of the sealed files that the other side has.
        folder: where bundles are written.

    Raises:
        OSError: they cannot be written.
    """
    loading = _Loading(layout)
    groups = group(member for member in members if f"{member.file}{SEALED_SUFFIX}" not in known)
    for member in groups.alone:
        loading.add_alone(member)
    for together in groups.together:
        loading.add_bundle(together, folder)
    return loading.finished()


class _Loading:
    """Puts together what is sent, and remembers which blobs it needs."""

    def __init__(self, layout: Layout) -> None:
        self.files: dict[str, Path] = {}
        self._layout = layout
        self._problems: list[str] = []
        self._blobs: dict[str, BlobReference] = {}

    def add_alone(self, member: Member) -> None:
        """Send a sealed file as it is."""
        path = self._path(member)
        try:
            for piece in parquet.pieces(path, ["kind", "vs"]):
                self._note_blobs(references(piece))
        except StoreError as error:
            self._problems.append(error.message)
        else:
            self.files[path.name] = path

    def add_bundle(self, members: Iterable[Member], folder: Path) -> None:
        """Send these sealed files in one bundle."""
        bundle = bundles.make(self._read(members), folder)
        if bundle:
            self.files |= {bundle.name.runs: bundle.runs, bundle.name.records: bundle.records}

    def finished(self) -> Outgoing:
        """Everything, with the blobs that the records name."""
        small = [blob for blob in self._blobs.values() if blob.size_bytes <= BLOB_BYTES]
        for blob in small:
            path = self._layout.blob(blob.hash, blob.format)
            if _is_whole(path, blob):
                self.files[path.relative_to(self._layout.home).as_posix()] = path
            else:
                self._problems.append(f"Blob {path} is missing or damaged.")
        return Outgoing(self.files, tuple(self._problems), len(self._blobs) - len(small))

    def _read(self, members: Iterable[Member]) -> Iterator[Sealed]:
        """These sealed files, those left out that cannot be read."""
        for member in members:
            path = self._path(member)
            try:
                description, table = parquet.description(path), parquet.read(path, RECORDS.names)
            except FileNotFoundError:
                continue  # removed meanwhile
            except StoreError as error:
                self._problems.append(error.message)
                continue
            self._note_blobs(references(table))
            yield Sealed(path.name, table, description)

    def _note_blobs(self, found: Iterable[BlobReference]) -> None:
        self._blobs.update((blob.hash, blob) for blob in found)

    def _path(self, member: Member) -> Path:
        return self._layout.sealed / f"{member.file}{SEALED_SUFFIX}"


def _is_whole(path: Path, blob: BlobReference) -> bool:
    try:
        return xxhash.xxh3_128_hexdigest(path.read_bytes()) == blob.hash
    except OSError:
        return False
