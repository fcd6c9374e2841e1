"""Parquet files of the store: written whole or not at all, read with clear errors."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from flor.errors import Unreadable
from flor.runs import whole
from flor.runs.schema import HASH_KEY, METADATA_KEY, RECORDS

# The iterations of nested loops alternate (epoch, step, epoch, step): their differences do not shrink.
_ENCODINGS = dict.fromkeys(("vf", "it.list.element"), "BYTE_STREAM_SPLIT") | dict.fromkeys(
    ("seq", "ts", "rank", "process", "vi", "run"), "DELTA_BINARY_PACKED"
)
_DICTIONARIES = ["name", "path", "kind", "source", "vs"]
# Of sealed files, which stay: a hundredth smaller than by level 1, for 0.1 microseconds a record.
_LEVEL = 9
_TINY_BYTES = 8_000
_LARGE_ROWS = 50_000  # to hand smaller files to several threads costs more than it saves
_NOT_FOR_FOLDERS = (errno.EINVAL, errno.ENOTSUP)  # what file systems say that sync folders by themselves
_HINT = "Run `python -m flor fsck` for the extent of the damage."
_SYNCING_AT_ONCE = 8  # a disk makes many syncs that come together into one: five times as fast as in turn


def write(path: Path, table: pa.Table, description: bytes) -> None:
    """Write a table beside its place, sync it, and rename it there.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    write_all([(path, table, description)])


def write_all(files: Iterable[tuple[Path, pa.Table, bytes]]) -> None:
    """Write tables beside their places, sync all of them, and rename them there.

    Raises:
        OSError: they cannot be written; nothing is left behind of those that are not in their places.
    """
    staged: dict[Path, Path] = {}
    try:
        for path, table, description in files:
            staged[path] = stage(path, table, description)
        place(staged)
    finally:
        discard(staged)


def stage(path: Path, table: pa.Table, description: bytes) -> Path:
    """A file beside `path` with what is to stand there; `place` puts it there.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = whole.beside(path)
    described = table.replace_schema_metadata({METADATA_KEY: description, HASH_KEY: _hash(description)})
    try:
        _write(described, temporary)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _write(table: pa.Table, path: Path) -> None:
    options = _options(table.schema)
    if table.nbytes > _TINY_BYTES:
        pq.write_table(table, path, compression_level=_LEVEL, **options)
        return
    # To prepare compression and statistics of each column takes as long as all the rest, and saves nothing.
    content = pa.BufferOutputStream()
    pq.write_table(table, content, **(options | {"compression": "none", "write_statistics": False}))
    path.write_bytes(content.getvalue())


def place(staged: Mapping[Path, Path]) -> None:
    """Sync files that lie beside their places, rename them there, and sync the folders.

    Args:
        staged: place -> file.

    Raises:
        OSError: that is not possible.
    """
    _sync(list(staged.values()))
    for path, temporary in staged.items():
        temporary.replace(path)
    for folder in {path.parent for path in staged}:
        _sync_folder(folder)


def discard(staged: Mapping[Path, Path]) -> None:
    """Remove files that lie beside their places."""
    for temporary in staged.values():
        temporary.unlink(missing_ok=True)


@contextmanager
def growing(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    """A function that adds a table to a new file, as one row group; all tables have the same schema."""
    writers: list[pq.ParquetWriter] = []

    def add(table: pa.Table) -> None:
        if not writers:
            writers.append(pq.ParquetWriter(path, table.schema, **_options(table.schema)))
        writers[0].write_table(table, row_group_size=max(len(table), 1))

    try:
        yield add
    finally:
        for writer in writers:
            writer.close()


def _options(schema: pa.Schema) -> dict[str, Any]:
    return {
        "compression": "zstd",
        "use_dictionary": [name for name in _DICTIONARIES if name in schema.names],
        "column_encoding": {
            name: way for name, way in _ENCODINGS.items() if name.partition(".")[0] in schema.names
        },
        "write_page_checksum": True,
    }


def _sync(paths: Sequence[Path]) -> None:
    if len(paths) == 1:  # a run that ends seals itself: no thread can be started by then
        _sync_file(paths[0])
        return
    # Only here: a process that seals while it ends can start no threads, and not even import this.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_SYNCING_AT_ONCE) as pool:
        list(pool.map(_sync_file, paths))


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    try:
        _sync_file(folder)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise


def read(path: Path, columns: Sequence[str]) -> pa.Table:
    """These columns of a file.

    Raises:
        Unreadable: the file is damaged or has gone.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            is_large = file.metadata.num_rows >= _LARGE_ROWS
            return _checked(file.read(columns=list(columns), use_threads=is_large), columns)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Unreadable(f"{path} cannot be read: {error}", _HINT) from error


def pieces(source: Path | bytes, columns: Sequence[str]) -> Iterator[pa.Table]:
    """These columns of a file, or of its content, one row group after the other.

    Raises:
        Unreadable: it is damaged or has gone.
    """
    try:
        with pq.ParquetFile(_readable(source), page_checksum_verification=True) as file:
            for number in range(file.num_row_groups):
                group = file.read_row_group(number, columns=list(columns), use_threads=False)
                yield group.replace_schema_metadata(None)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Unreadable(f"{_name(source)} cannot be read: {error}", _HINT) from error


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


def _checked(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The table, without its metadata.

    Raises:
        ValueError: it has not these columns, or other types: names and types have no checksum.
    """
    known = {name: RECORDS.field(name).type for name in columns if name in RECORDS.names}
    types = dict(zip(table.column_names, table.schema.types, strict=True))
    if types.keys() != set(columns) or not known.items() <= types.items():
        raise ValueError("its columns are not those of records")
    return table.replace_schema_metadata(None)


def _row_group(file: pq.ParquetFile, number: int, columns: Sequence[str]) -> pa.Table | None:
    try:
        return _checked(file.read_row_group(number, columns=list(columns), use_threads=False), columns)
    except (OSError, ValueError, pa.ArrowException):
        return None


def description(source: Path | bytes) -> bytes:
    """What a file, or its content, says of itself: the JSON in its schema metadata.

    Raises:
        FileNotFoundError: it has gone.
        Unreadable: it is damaged.
    """
    try:
        keys = pq.read_schema(_readable(source)).metadata
        content: bytes = keys[METADATA_KEY]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise Unreadable(f"{_name(source)} cannot be read: {error}", _HINT) from error
    if keys.get(HASH_KEY, _hash(content)) != _hash(content):
        raise Unreadable(f"{_name(source)} is damaged: its description has another hash.", _HINT)
    return content


def _readable(source: Path | bytes) -> Path | pa.BufferReader:
    return source if isinstance(source, Path) else pa.BufferReader(source)


def _name(source: Path | bytes) -> str:
    return str(source) if isinstance(source, Path) else "A file that was pulled"


def _hash(description: bytes) -> bytes:
    # Parquet has checksums for pages, none for its footer.
    return xxhash.xxh3_64_hexdigest(description).encode("ascii")
