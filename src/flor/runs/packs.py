"""Many small sealed files put together in one, so that a query over many runs opens few files.

Packs lie in the cache: they can be deleted at any time, and are believed only for those
sealed files that have not changed since.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import xxhash

from flor.entities import FORMAT_VERSION
from flor.errors import Unreadable
from flor.runs import parquet
from flor.runs.layout import Layout
from flor.runs.schema import RECORDS
from flor.runs.tables import array

SMALL_ROWS = 100_000
"""Sealed files with more rows stay as they are."""
WORTHWHILE = 64
"""Fewer small files are read one by one."""
PACK_ROWS = 4_000_000
MANY_PACKS = 16
"""More packs than this are packed anew, together."""
MOSTLY = 0.1
"""A pack of which less is wanted is not read; its members are, one by one."""


class Member(msgspec.Struct, frozen=True):
    """A sealed file as it was when it was packed."""

    file: str
    size: int
    mtime_ns: int
    rows: int


class _Contents(msgspec.Struct):
    format: int
    members: list[Member]


@dataclass(frozen=True, slots=True)
class Pack:
    """A file of the cache, and the sealed files in it, by their position in its column `run`."""

    path: Path
    members: tuple[Member, ...]


def find(layout: Layout) -> list[Pack]:
    """The packs that can be read."""
    try:
        paths = sorted(_folder(layout).glob("*.parquet"))
        return [pack for path in paths if (pack := _open(path))]
    except OSError:
        return []


def covering(layout: Layout, wanted: Sequence[Member]) -> list[Pack]:
    """Packs that hold most of these files, made now where many files are in none."""
    packs = find(layout)
    packed = {member for pack in packs for member in pack.members}
    missing = [member for member in wanted if member not in packed]
    if len(missing) >= WORTHWHILE:
        make(layout, missing)
        packs = find(layout)
    if len(packs) > MANY_PACKS:
        make(layout, wanted)
        drop(packs)
        packs = find(layout)
    return [pack for pack in packs if _overlap(pack, set(wanted)) >= MOSTLY]


def _overlap(pack: Pack, wanted: Collection[Member]) -> float:
    """Which part of a pack is wanted."""
    return sum(member in wanted for member in pack.members) / len(pack.members)


def make(layout: Layout, members: Sequence[Member]) -> None:
    """Pack these files, in this order; where the cache cannot be written, nothing happens."""
    group: list[Member] = []
    for member in members:
        if group and sum(one.rows for one in group) + member.rows > PACK_ROWS:
            _write(layout, group)
            group = []
        group.append(member)
    if group:
        _write(layout, group)


def drop(packs: Collection[Pack]) -> None:
    """Delete packs whose members are packed elsewhere by now."""
    for pack in packs:
        pack.path.unlink(missing_ok=True)


def read(pack: Pack, columns: Sequence[str]) -> pa.Table:
    """Columns of a pack, `run` among them.

    Raises:
        Unreadable: the pack is damaged or has gone.
    """
    return parquet.read(pack.path, [*columns, "run"])


def _folder(layout: Layout) -> Path:
    return layout.cache / "packs"


def _open(path: Path) -> Pack | None:
    try:
        contents = msgspec.json.decode(parquet.description(path), type=_Contents)
    except (OSError, ValueError, Unreadable):
        return None  # damaged, or of another version: as good as none
    return Pack(path, tuple(contents.members)) if contents.format == FORMAT_VERSION else None


def _write(layout: Layout, members: Sequence[Member]) -> None:
    digest = xxhash.xxh3_128_hexdigest("\n".join(f"{one.file} {one.mtime_ns}" for one in members).encode())
    contents = msgspec.json.encode(_Contents(FORMAT_VERSION, list(members)))
    try:
        table = pa.concat_tables(list(_tables(layout, members))).unify_dictionaries()
        parquet.write(_folder(layout) / f"{digest}.parquet", table, contents)
    except (OSError, Unreadable):
        return  # the sealed files themselves still hold everything


def _tables(layout: Layout, members: Sequence[Member]) -> Iterator[pa.Table]:
    for position, member in enumerate(members):
        run, _, part = member.file.rpartition(".")
        table = parquet.read(layout.sealed / f"{run}.{part}.parquet", RECORDS.names)
        yield table.append_column("run", array(np.full(len(table), position, np.int32)))
