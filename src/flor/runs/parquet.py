"""Parquet files of the store: written whole or not at all, read with clear errors."""

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flor.errors import Unreadable
from flor.runs.schema import METADATA_KEY

_ENCODINGS = {"vf": "BYTE_STREAM_SPLIT"} | dict.fromkeys(
    ("seq", "ts", "rank", "process", "vi", "it.list.element"), "DELTA_BINARY_PACKED"
)
_DICTIONARIES = ["name", "path", "kind", "source", "vs"]
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
            described = table.replace_schema_metadata({METADATA_KEY: description})
            pq.write_table(
                described, file, compression="zstd", use_dictionary=_DICTIONARIES, column_encoding=encodings
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
        return (
            pq.ParquetFile(path).read(columns=list(columns), use_threads=False).replace_schema_metadata(None)
        )
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path} cannot be read: {error}", _HINT) from error


def description(path: Path) -> bytes:
    """What a file says of itself: the JSON in its schema metadata.

    Raises:
        FileNotFoundError: it has gone.
        Unreadable: it is damaged.
    """
    try:
        content: bytes = pq.read_schema(path).metadata[METADATA_KEY]
        return content
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{path} cannot be read: {error}", _HINT) from error
