"""Packs: safetensors files whose tensors are named by the hash of their bytes.

The format is written here by hand because a tensor of any size must be streamed, which the
library's writer does not do; what it writes is read by the library (tested).
"""

import mmap
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

import msgspec
import xxhash

from flor.entities import FORMAT_VERSION
from flor.errors import FormatTooNew, Unreadable

SUFFIX = ".safetensors"
_LENGTH = Struct("<Q")
_METADATA = "__metadata__"
_ALIGNMENT = 64
_PIECE_BYTES = 16 << 20
COMPRESSED = "compressed"
_METHOD = "zstd"
HINT = "Run `python -m flor fsck` for the extent of the damage."


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes to be kept, under their hash."""

    hash: str
    content: memoryview
    dtype: str = "U8"  # safetensors' name of the element type
    element_bytes: int = 1

    @property
    def size_bytes(self) -> int:
        return self.content.nbytes


@dataclass(frozen=True, slots=True)
class Coding:
    """How a blob is compressed."""

    width: int  # bytes of an element: those of one place in it stand together
    size_bytes: int  # of the blob itself

    def __str__(self) -> str:
        return f"{_METHOD} {self.width} {self.size_bytes}"


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a blob's bytes stand."""

    pack: Path
    offset: int
    size_bytes: int  # in the pack
    dtype: str = "U8"
    coding: Coding | None = None  # None: as they are


@dataclass(frozen=True, slots=True)
class Index:
    """What the header of a pack says."""

    extents: Mapping[str, Extent]
    was_compressed: bool = False  # what could be made smaller already is


@dataclass(frozen=True, slots=True)
class Part:
    """A blob on its way into a pack."""

    hash: str
    dtype: str
    element_bytes: int
    most_bytes: int  # it takes no more than this
    pieces: Iterable[bytes | memoryview]
    coding: Coding | None = None


class _Entry(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def hash_of(content: memoryview | bytes) -> str:
    """The name of these bytes."""
    return xxhash.xxh3_128_hexdigest(content)


def write(path: Path, blobs: Sequence[Blob]) -> int:
    """Write a pack beside its place, sync it, and rename it there; its size in bytes.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    parts = [
        Part(blob.hash, blob.dtype, blob.element_bytes, blob.size_bytes, cut(blob.content)) for blob in blobs
    ]
    return write_parts(path, parts, {})


def write_parts(path: Path, parts: Sequence[Part], metadata: Mapping[str, str]) -> int:
    """Write a pack whose blobs may turn out smaller than their `most_bytes`, as `write` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    room = len(_header(parts, [part.most_bytes for part in parts], metadata))
    try:
        with temporary.open("wb", buffering=0) as file:
            file.seek(room)
            sizes = [sum(_write_all(file.fileno(), piece) for piece in part.pieces) for part in parts]
            size = file.tell()
            file.seek(0)
            _write_all(file.fileno(), _header(parts, sizes, metadata, room))
            os.fsync(file.fileno())
        temporary.replace(path)
        return size
    finally:
        temporary.unlink(missing_ok=True)


def index(path: Path) -> Index:
    """What a pack holds, and where each blob stands.

    Raises:
        Unreadable: the file is no pack, is cut off, or has gone.
        FormatTooNew: a newer FlorDB wrote it.
    """
    try:
        with path.open("rb") as file:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            # What is damaged may name any length.
            metadata, entries = _parsed(file.read(min(length, path.stat().st_size)))
            start, end = file.tell(), path.stat().st_size
        version = int(metadata.get("format", FORMAT_VERSION))
        if version > FORMAT_VERSION:
            raise FormatTooNew(path, version, FORMAT_VERSION)
        found = {name: _extent(path, start, entry, metadata.get(name)) for name, entry in entries.items()}
    except (OSError, ValueError, struct.error) as problem:
        raise Unreadable(f"{path} is no whole pack: {problem}", HINT) from problem
    if any(extent.offset + extent.size_bytes > end for extent in found.values()):
        raise Unreadable(f"{path} is cut off.", HINT)
    return Index(found, COMPRESSED in metadata)


def extents(path: Path) -> Mapping[str, Extent]:
    """Where each blob of a pack stands; raises as `index` does."""
    return index(path).extents


class Reader:
    """Reads blobs out of packs that stay mapped until it is closed."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap] = {}

    def content(self, digest: str, extent: Extent) -> memoryview:
        """The bytes of a blob, checked against its hash.

        Raises:
            Unreadable: the pack has gone, or the bytes are not those that were kept.
        """
        content = self.stored(extent)
        if extent.coding:
            content = _decoded(content, extent.coding, extent.pack)
        if hash_of(content) != digest:
            raise Unreadable(f"{extent.pack} is damaged: blob {digest} has other bytes.", HINT)
        return content

    def stored(self, extent: Extent) -> memoryview:
        """The bytes as they stand in the pack.

        Raises:
            Unreadable: the pack has gone.
        """
        return memoryview(self._map(extent.pack))[extent.offset : extent.offset + extent.size_bytes]

    def _map(self, path: Path) -> mmap.mmap:
        if path not in self._maps:
            try:
                with path.open("rb") as file:
                    self._maps[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError) as problem:
                raise Unreadable(f"{path} cannot be read: {problem}", HINT) from problem
        return self._maps[path]


def element_bytes(dtype: str) -> int:
    """The size of an element of a type that safetensors names: F32 has four bytes."""
    bits = dtype.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ").partition("_")[0]
    return int(bits) // 8 if bits else 1


def cut(content: memoryview) -> Iterator[memoryview]:
    """The bytes, piece by piece: a tensor of any size takes no further memory."""
    for start in range(0, content.nbytes, _PIECE_BYTES):
        yield content[start : start + _PIECE_BYTES]


def _write_all(descriptor: int, piece: bytes | memoryview) -> int:
    """Write the whole piece; one call may take less, on a full disk or of more than 2 GB."""
    rest = memoryview(piece)
    while rest.nbytes:
        rest = rest[os.write(descriptor, rest) :]
    return memoryview(piece).nbytes


def _header(parts: Sequence[Part], sizes: Sequence[int], metadata: Mapping[str, str], room: int = 0) -> bytes:
    coded = {part.hash: str(part.coding) for part in parts if part.coding}
    entries: dict[str, object] = {_METADATA: {"format": str(FORMAT_VERSION), **metadata, **coded}}
    offset = 0
    for part, size in zip(parts, sizes, strict=True):
        end = offset + size
        entries[part.hash] = _Entry(part.dtype, [size // part.element_bytes], (offset, end))
        offset = end
    text = msgspec.json.encode(entries)
    padded = text + b" " * (-(len(text) + _LENGTH.size) % _ALIGNMENT)
    padded += b" " * (room - _LENGTH.size - len(padded))
    return _LENGTH.pack(len(padded)) + padded


def _parsed(text: bytes) -> tuple[dict[str, str], dict[str, _Entry]]:
    """Metadata and entries of a header."""
    found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    metadata = msgspec.json.decode(found.pop(_METADATA, msgspec.Raw(b"{}")), type=dict[str, str])
    return metadata, {name: msgspec.json.decode(raw, type=_Entry) for name, raw in found.items()}


def _extent(path: Path, start: int, entry: _Entry, coding: str | None) -> Extent:
    begin, end = entry.data_offsets
    return Extent(path, start + begin, end - begin, entry.dtype, _coding(coding) if coding else None)


def _coding(text: str) -> Coding:
    method, width, size = text.split()
    if method != _METHOD:
        raise ValueError(f"blobs are compressed by {method!r}, which this FlorDB does not know")
    return Coding(int(width), int(size))


def _decoded(stored: memoryview, coding: Coding, pack: Path) -> memoryview:
    from flor.checkpoints import compression  # loads numpy and pyarrow

    try:
        return compression.decoded(stored, coding)
    except ValueError as problem:
        raise Unreadable(f"{pack} is damaged: {problem}", HINT) from problem
