"""Bundles: the sealed files of many runs put together for the way to another store.

A bundle is two Parquet files: `HASH.records.parquet` holds the records of all members, those of each in
one row group, and `HASH.runs.parquet` a row for each member, with the description of its run. HASH is
that of both contents, one behind the other. From them each sealed file can be written again.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import xxhash

from flor.entities import FORMAT_VERSION
from flor.errors import FormatTooNew, Unreadable
from flor.runs import parquet
from flor.runs.schema import RECORDS
from flor.runs.tables import array, numbers, strings

FOLDER = "bundles"
_RUNS, _RECORDS = ".runs.parquet", ".records.parquet"
_NAME = re.compile(rf"{FOLDER}/([0-9a-f]{{32}}){re.escape(_RUNS)}", re.ASCII)
_BATCH_ROWS, _BATCH_BYTES = 250_000, 64 << 20
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed file's name and content."""

    file: str
    table: pa.Table
    description: bytes


@dataclass(frozen=True, slots=True)
class BundleName:
    """The names of a bundle's two files among what is pushed."""

    runs: str
    records: str

    @classmethod
    def of(cls, digest: str) -> "BundleName":
        return cls(f"{FOLDER}/{digest}{_RUNS}", f"{FOLDER}/{digest}{_RECORDS}")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The two files of a bundle that was made."""

    name: BundleName
    runs: Path
    records: Path


class _Format(msgspec.Struct):
    format: int


def find(names: Collection[str]) -> list[BundleName]:
    """The bundles among these files."""
    digests = sorted(match[1] for name in names if (match := _NAME.fullmatch(name)))
    return [bundle for bundle in map(BundleName.of, digests) if bundle.records in names]


def make(sealed: Iterable[Sealed], folder: Path) -> Bundle | None:
    """A bundle of these in a folder; None of nothing. Few of them are in memory at a time.

    Raises:
        OSError: it cannot be written.
    """
    name = os.urandom(8).hex()
    runs, records = folder / f"{name}{_RUNS}", folder / f"{name}{_RECORDS}"
    members: list[tuple[str, int, str]] = []
    with parquet.growing(records) as add:
        for batch in _batches(sealed):
            add(_together(batch, len(members)))
            members += [(one.file, len(one.table), one.description.decode()) for one in batch]
    if not members:
        return None
    parquet.write(runs, _members_table(members), msgspec.json.encode(_Format(FORMAT_VERSION)))
    return Bundle(BundleName.of(_digest((runs, records))), runs, records)


def members(runs: bytes) -> list[str]:
    """The names of the sealed files in a bundle.

    Raises:
        Unreadable: it is damaged.
        FormatTooNew: a newer FlorDB made it.
    """
    _check_format(runs)
    return [file for piece in parquet.pieces(runs, ["file"]) for file in piece["file"].to_pylist()]


def unpack(runs: bytes, records: bytes, wanted: Collection[str]) -> Iterator[Sealed]:
    """The sealed files of these names, in the order of the bundle.

    Raises:
        Unreadable: it is damaged, and what is missing has not been yielded.
        FormatTooNew: a newer FlorDB made it.
    """
    _check_format(runs)
    described = [
        row for piece in parquet.pieces(runs, ["file", "rows", "description"]) for row in _rows(piece)
    ]
    found = _tables(records, len(described))
    for (file, rows, description), table in zip(described, found, strict=True):
        if len(table) != rows:
            raise Unreadable(
                f"{file} is not whole in the bundle that was pulled.", "Ask its owner to push again."
            )
        if file in wanted:
            yield Sealed(file, _compacted(table), description.encode())


def _check_format(runs: bytes) -> None:
    try:
        version = msgspec.json.decode(parquet.description(runs), type=_Format).format
    except msgspec.DecodeError as error:
        raise Unreadable(f"A bundle that was pulled cannot be read: {error}") from error
    if version > FORMAT_VERSION:
        raise FormatTooNew("A bundle that was pulled", version, FORMAT_VERSION)


def _batches(sealed: Iterable[Sealed]) -> Iterator[list[Sealed]]:
    """As many at a time as fit into memory easily."""
    batch: list[Sealed] = []
    rows = size = 0
    for one in sealed:
        batch.append(one)
        rows, size = rows + len(one.table), size + one.table.nbytes
        if rows >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield batch
            batch, rows, size = [], 0, 0
    if batch:
        yield batch


def _together(batch: list[Sealed], first: int) -> pa.Table:
    """The records of several in one table, with the position of each in column `run`."""
    table = pa.concat_tables([one.table for one in batch]).unify_dictionaries().combine_chunks()
    positions = np.arange(first, first + len(batch), dtype=np.int32)
    return table.append_column("run", array(np.repeat(positions, [len(one.table) for one in batch])))


def _members_table(members: list[tuple[str, int, str]]) -> pa.Table:
    files, rows, descriptions = zip(*members, strict=True)
    columns = [
        array(np.arange(len(members), dtype=np.int32)),
        strings(files),
        array(np.array(rows, np.int64)),
        strings(descriptions),
    ]
    return pa.Table.from_arrays(columns, ["run", "file", "rows", "description"])


def _digest(paths: Iterable[Path]) -> str:
    """The hash of the content of files, one behind the other."""
    state = xxhash.xxh3_128()
    for path in paths:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                state.update(piece)
    return state.hexdigest()


def _rows(piece: pa.Table) -> Iterator[tuple[str, int, str]]:
    yield from zip(*(piece[name].to_pylist() for name in ("file", "rows", "description")), strict=True)


def _tables(records: bytes, count: int) -> Iterator[pa.Table]:
    """The records of each member, in order; of some there are none."""
    position, empty = 0, RECORDS.empty_table()
    for piece in parquet.pieces(records, [*RECORDS.names, "run"]):
        runs = numbers(piece["run"])
        table = piece.drop_columns("run")
        while position < count and len(runs) and position <= runs[-1]:
            start, end = np.searchsorted(runs, (position, position + 1)).tolist()
            yield table.slice(start, end - start)
            position += 1
    for _ in range(position, count):
        yield empty


def _compacted(table: pa.Table) -> pa.Table:
    """The table with dictionaries of its own: those of a bundle hold the values of all its members."""
    columns = [_encoded(table[field.name], field.type) for field in RECORDS]
    return pa.Table.from_arrays(columns, schema=RECORDS)


def _encoded(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(kind):
        return column
    plain = column.cast(pa.string()).combine_chunks().dictionary_encode()
    indices = plain.indices.cast(kind.index_type)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, plain.dictionary)])
