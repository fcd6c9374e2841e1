"""What a checkpoint says of itself: the entry point, its leaves by hash, and what it could not keep."""

import os
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from flor.entities import FORMAT_VERSION
from flor.errors import FormatTooNew, Unreadable

SUFFIX = ".manifest"
_MAGIC = b"FLRc"
_HINT = "Run `python -m flor fsck`; an earlier entry point is used instead."


class LeafRecord(msgspec.Struct, array_like=True, frozen=True):
    """One run of bytes of the state; the graph says where in it they stand."""

    hash: str
    size_bytes: int
    is_kept: bool  # False: only its hash, because the prefix of the run makes it again


class OpaqueRecord(msgspec.Struct, array_like=True, frozen=True):
    """A part of the state that could not be kept."""

    path: str
    reason: str


class Manifest(msgspec.Struct, frozen=True):
    """One entry point of one process of a run."""

    format: int
    run: str
    rank: int
    process: int
    entry: str  # see checkpoints/entry.py
    position: int  # how many entry points the process had kept before
    seq: int  # of the last record before it
    ts: int  # microseconds since the epoch
    graph: str  # hash of the serialised graph, a blob like the leaves
    graph_bytes: int
    leaves: list[LeafRecord]
    opaque: list[OpaqueRecord]
    around: list[tuple[str, int]]  # iterations of loops outside the block: name, number from 1
    facts: dict[str, Any] = {}
    new_bytes: int = 0  # of the pack written with it

    @property
    def size_bytes(self) -> int:
        """Everything that is kept of this state, here or in older packs."""
        return self.graph_bytes + sum(leaf.size_bytes for leaf in self.leaves if leaf.is_kept)

    def hashes(self) -> set[str]:
        """The blobs that this state needs."""
        kept = {leaf.hash for leaf in self.leaves if leaf.is_kept}
        return {self.graph, *self.facts.get("draws", ())} | kept


def write(path: Path, manifest: Manifest) -> None:
    """Write a manifest beside its place, sync it, and rename it there.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        with temporary.open("wb") as file:
            payload = msgspec.msgpack.encode(manifest)
            file.write(_MAGIC + xxhash.xxh3_64_digest(payload) + payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> Manifest:
    """The manifest at `path`.

    Raises:
        Unreadable: it is damaged or has gone.
        FormatTooNew: a newer FlorDB wrote it.
    """
    try:
        payload = _checked(path.read_bytes())
        known = msgspec.msgpack.decode(payload, type=dict[str, msgspec.Raw])
        version = msgspec.msgpack.decode(known["format"])
        if version > FORMAT_VERSION:
            raise FormatTooNew(path, version, FORMAT_VERSION)
        return msgspec.msgpack.decode(payload, type=Manifest)
    except (OSError, ValueError, KeyError) as error:
        raise Unreadable(f"{path} cannot be read: {error}", _HINT) from error


def _checked(content: bytes) -> bytes:
    """What follows magic (4 bytes) and xxh3_64 (8 bytes), if it agrees with them."""
    payload = content[12:]
    if content[:12] != _MAGIC + xxhash.xxh3_64_digest(payload):
        raise ValueError("its content does not agree with its hash")
    return payload
