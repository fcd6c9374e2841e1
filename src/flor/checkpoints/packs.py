"""Packs: safetensors files whose tensors are named by the hash of their bytes.

The format is written here by hand because a tensor of any size must be streamed, which the
library's writer does not do; what it writes is read by the library (tested).
"""

import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

import msgspec
import xxhash

from flor.entities import FORMAT_VERSION
from flor.errors import Unreadable

SUFFIX = ".safetensors"
_LENGTH = Struct("<Q")
_METADATA = "__metadata__"
_ALIGNMENT = 64
_PIECE_BYTES = 16 << 20
_HINT = "Run `python -m flor fsck` for the extent of the damage."


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
class Extent:
    """Where a blob's bytes stand."""

    pack: Path
    offset: int
    size_bytes: int


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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        with temporary.open("wb", buffering=0) as file:
            for piece in _pieces(blobs):
                file.write(piece)
            os.fsync(file.fileno())
            size = file.tell()
        temporary.replace(path)
        return size
    finally:
        temporary.unlink(missing_ok=True)


def extents(path: Path) -> dict[str, Extent]:
    """Where each blob of a pack stands.

    Raises:
        Unreadable: the file is no pack, is cut off, or has gone.
    """
    try:
        with path.open("rb") as file:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            entries = _entries(file.read(length))
            start, end = file.tell(), path.stat().st_size
    except (OSError, ValueError, struct.error) as problem:
        raise Unreadable(f"{path} is no whole pack: {problem}", _HINT) from problem
    found = {name: _extent(path, start, entry) for name, entry in entries.items()}
    if any(extent.offset + extent.size_bytes > end for extent in found.values()):
        raise Unreadable(f"{path} is cut off.", _HINT)
    return found


class Reader:
    """Reads blobs out of packs that stay mapped until it is closed."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap] = {}

    def content(self, digest: str, extent: Extent) -> memoryview:
        """The bytes of a blob, checked against its hash.

        Raises:
            Unreadable: the pack has gone, or the bytes are not those that were kept.
        """
        content = memoryview(self._map(extent.pack))[extent.offset : extent.offset + extent.size_bytes]
        if hash_of(content) != digest:
            raise Unreadable(f"{extent.pack} is damaged: blob {digest} has other bytes.", _HINT)
        return content

    def _map(self, path: Path) -> mmap.mmap:
        if path not in self._maps:
            try:
                with path.open("rb") as file:
                    self._maps[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError) as problem:
                raise Unreadable(f"{path} cannot be read: {problem}", _HINT) from problem
        return self._maps[path]


def _pieces(blobs: Sequence[Blob]) -> Iterator[bytes | memoryview]:
    """The file, piece by piece: a tensor of any size takes no further memory."""
    yield _header(blobs)
    for blob in blobs:
        for start in range(0, blob.size_bytes, _PIECE_BYTES):
            yield blob.content[start : start + _PIECE_BYTES]


def _header(blobs: Sequence[Blob]) -> bytes:
    entries: dict[str, object] = {_METADATA: {"format": str(FORMAT_VERSION)}}
    offset = 0
    for blob in blobs:
        end = offset + blob.size_bytes
        entries[blob.hash] = _Entry(blob.dtype, [blob.size_bytes // blob.element_bytes], (offset, end))
        offset = end
    text = msgspec.json.encode(entries)
    padded = text + b" " * (-(len(text) + _LENGTH.size) % _ALIGNMENT)
    return _LENGTH.pack(len(padded)) + padded


def _entries(text: bytes) -> dict[str, _Entry]:
    found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    found.pop(_METADATA, None)
    return {name: msgspec.json.decode(raw, type=_Entry) for name, raw in found.items()}


def _extent(path: Path, start: int, entry: _Entry) -> Extent:
    begin, end = entry.data_offsets
    return Extent(path, start + begin, end - begin)
