"""Parquet files of the store: written whole or not at all, read with clear errors."""

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from flor.errors import Unreadable
from flor.runs.schema import HASH_KEY, METADATA_KEY, RECORDS

# The iterations of nested loops alternate (epoch, step, epoch, step): their differences do not shrink.
_ENCODINGS = dict.fromkeys(("vf", "it.list.element"), "BYTE_STREAM_SPLIT") | dict.fromkeys(
    ("seq", "ts", "rank", "process", "vi"), "DELTA_BINARY_PACKED"
)
_DICTIONARIES = ["name", "path", "kind", "source", "vs"]
_LARGE_ROWS = 50_000  # to hand smaller files to several threads costs more than it saves
_HINT = "Run `python -m flor fsck` for the extent of the damage."


def write(path: Path, table: pa.Table, description: bytes) -> None:
    """Write a table of records (in a pack with `run`) beside its place, sync it, and rename it there.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    encodings = _ENCODINGS | ({"run": "DELTA_BINARY_PACKED"} if "run" in table.column_names else {})
    try:
        with temporary.open("wb") as file:
            keys = {METADATA_KEY: description, HASH_KEY: _hash(description)}
            pq.write_table(
                table.replace_schema_metadata(keys),
                file,
                compression="zstd",
                use_dictionary=_DICTIONARIES,
                column_encoding=encodings,
                write_page_checksum=True,
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path, columns: Sequence[str]) -> pa.Table:
    """These columns of a file.

    Raises:
        Unreadable: the file is damaged or has gone.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            is_large = file.metadata.num_rows >= _LARGE_ROWS
            return file.read(columns=list(columns), use_threads=is_large).replace_schema_metadata(None)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Unreadable(f"{path} cannot be read: {error}", _HINT) from error


def salvage(path: Path, columns: Sequence[str]) -> pa.Table:
    """These columns of the row groups of a damaged file that are whole."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            found = [_row_group(file, number, columns) for number in range(file.num_row_groups)]
    except (OSError, ValueError, pa.ArrowException):
        found = []
    groups = [group for group in found if group is not None]
    schema = pa.schema([RECORDS.field(name) for name in columns])
    return pa.concat_tables(groups) if groups else schema.empty_table()


def _row_group(file: pq.ParquetFile, number: int, columns: Sequence[str]) -> pa.Table | None:
    try:
        group = file.read_row_group(number, columns=list(columns), use_threads=False)
        return group.replace_schema_metadata(None).select(list(columns))
    except (OSError, ValueError, pa.ArrowException):
        return None


def description(path: Path) -> bytes:
    """What a file says of itself: the JSON in its schema metadata.

    Raises:
        FileNotFoundError: it has gone.
        Unreadable: it is damaged.
    """
    try:
        keys = pq.read_schema(path).metadata
        content: bytes = keys[METADATA_KEY]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise Unreadable(f"{path} cannot be read: {error}", _HINT) from error
    if keys.get(HASH_KEY, _hash(content)) != _hash(content):
        raise Unreadable(f"{path} is damaged: its description has another hash.", _HINT)
    return content


def _hash(description: bytes) -> bytes:
    # Parquet has checksums for pages, none for its footer.
    return xxhash.xxh3_64_hexdigest(description).encode("ascii")
