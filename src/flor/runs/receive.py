"""Takes sealed files and blobs of other stores into this one. What is there already stays."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import xxhash

from flor.errors import StoreError
from flor.runs import parquet, whole
from flor.runs.bundles import Sealed
from flor.runs.layout import SEALED_SUFFIX, Layout

_SEALED = re.compile(r"[\w-]{1,64}\.\d{1,9}" + re.escape(SEALED_SUFFIX), re.ASCII)
_BLOB = re.compile(r"blobs/([0-9a-f]{2})/(\1[0-9a-f]{30})\.(npy|png)", re.ASCII)
_AT_ONCE = 256  # files that are synced together


@dataclass(frozen=True, slots=True)
class Plain:
    """A file that is taken as it was sent."""

    file: str
    content: bytes

    @property
    def is_whole(self) -> bool:
        """Whether its content is what its name says, as far as it says anything."""
        blob = _BLOB.fullmatch(self.file)
        return blob is None or xxhash.xxh3_128_hexdigest(self.content) == blob[2]


def is_sealed_name(name: str) -> bool:
    """Whether a name that came from elsewhere is that of a sealed file, and no path out of the store."""
    return _SEALED.fullmatch(name) is not None


def is_blob_name(name: str) -> bool:
    """Whether a name that came from elsewhere is that of a blob, and no path out of the store."""
    return _BLOB.fullmatch(name) is not None


def path_of(layout: Layout, name: str) -> Path:
    """Where the file of this name, a sealed file or blob, stands in the store."""
    blob = _BLOB.fullmatch(name)
    return layout.blob(blob[2], blob[3]) if blob else layout.sealed / name


def receive(layout: Layout, files: Iterable[Sealed | Plain]) -> list[Path]:
    """Write files into the store; those that were not there before.

    Raises:
        StoreError: the store cannot be written.
    """
    new, received = _new(layout, files), list[Path]()
    try:
        while placed := _take(layout, islice(new, _AT_ONCE)):
            received += placed
    except OSError as error:
        hint = "Make the folder writable, or set FLOR_HOME to one that is."
        raise StoreError(f"The store {layout.home} cannot be written: {error}", hint) from error
    return received


def _new(layout: Layout, files: Iterable[Sealed | Plain]) -> Iterator[Sealed | Plain]:
    """Each file that the store has not, once."""
    seen: set[str] = set()
    for file in files:
        if file.file not in seen and not path_of(layout, file.file).exists():
            seen.add(file.file)
            yield file


def _take(layout: Layout, files: Iterable[Sealed | Plain]) -> list[Path]:
    """Write these files, and sync them together."""
    staged: dict[Path, Path] = {}
    try:
        for file in files:
            _prepare(layout)
            path = path_of(layout, file.file)
            staged[path] = _written(path, file)
        parquet.place(staged)
    finally:
        parquet.discard(staged)
    return list(staged)


def _written(path: Path, file: Sealed | Plain) -> Path:
    if isinstance(file, Sealed):
        return parquet.stage(path, file.table, file.description)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = whole.beside(path)
    try:
        temporary.write_bytes(file.content)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _prepare(layout: Layout) -> None:
    layout.sealed.mkdir(parents=True, exist_ok=True)
    if not layout.ignore.exists():
        layout.ignore.write_text("*\n", "ascii")
