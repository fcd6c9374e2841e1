"""The checkpoints of a project: manifests over packs. A blob kept once is never kept again.

    checkpoints/RUN.RANK.PROCESS/POSITION.manifest
    checkpoints/RUN.RANK.PROCESS/POSITION.safetensors
    checkpoints/packs.lock

The pack is in place before the manifest that needs it. A position's pack holds only blobs that
no older pack has; which pack has which is read off the packs' own headers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from flor.checkpoints import lock, manifest, packs
from flor.checkpoints.entry import parse
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.packs import Blob, Extent, Reader
from flor.checkpoints.points import of_whole_points
from flor.errors import CheckpointNotFound, FormatTooNew, Unreadable

_START = "start"


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint in the store."""

    path: Path
    manifest: Manifest

    @property
    def pack(self) -> Path:
        """Where its new blobs are, if there were any."""
        return self.path.with_suffix(packs.SUFFIX)


class CheckpointStore:
    """Keeps and finds the training state of runs, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index: dict[str, Extent] = {}
        self._indexed: set[Path] = set()
        self._reader = Reader()
        self._state: lock.State | None = None

    @contextmanager
    def adding(self) -> Iterator[None]:
        """Keep everything that is there for as long as a checkpoint is made of it."""
        with lock.adding(self.folder) as state:
            if state != self._state:
                self.forget()
                self._state = state
            yield

    def missing(self, hashes: set[str]) -> set[str]:
        """Those of the hashes that no pack has."""
        if hashes - self._index.keys():
            self._index_new_packs()
        return hashes - self._index.keys()

    def forget(self) -> None:
        """Read anew from the disk which pack has what."""
        self._index.clear()
        self._indexed.clear()
        self._reader = Reader()

    def keep(self, described: Manifest, new: list[Blob]) -> int:
        """Write a checkpoint whose blobs are in older packs or among `new`; the pack's size in bytes.

        Raises:
            OSError: it cannot be written; the store is as it was.
        """
        path = self._path(described)
        size = 0
        if new:
            pack = path.with_suffix(packs.SUFFIX)
            size = packs.write(pack, new)
            self._index |= packs.extents(pack)
            self._indexed.add(pack)
        manifest.write(path, described)
        return size

    def content(self, digest: str) -> memoryview:
        """The bytes with this hash.

        Raises:
            Unreadable: no pack has them, or they are damaged.
        """
        try:
            return self._content(digest)
        except Unreadable:
            # The pack may have been written anew, without what nobody needs.
            self.forget()
            return self._content(digest)

    def kept(self, run: str, *, whole: bool = False) -> list[Kept]:
        """The checkpoints of a run that can be read, by rank, process and position.

        Args:
            whole: pass over those of which a blob is missing, or the part of another rank.
        """
        found = list(self._readable(f"{run}.*"))
        if not whole:
            return found
        found = [kept for kept in found if not self.missing(kept.manifest.hashes())]
        complete = set(map(id, of_whole_points([kept.manifest for kept in found])))
        return [kept for kept in found if id(kept.manifest) in complete]

    def start(self, run: str, rank: int = 0, process: int = 0) -> Kept | None:
        """The random state with which a process of the run began; no state to go on from."""
        return next(_read(self.folder / f"{run}.{rank}.{process}" / f"{_START}{manifest.SUFFIX}"), None)

    def all(self) -> Iterator[Kept]:
        """Every checkpoint that can be read."""
        return self._readable("*")

    def find(self, run: str, entry: str, rank: int = 0) -> Kept:
        """The checkpoint of a run at an entry point.

        Raises:
            CheckpointNotFound: it was not kept; the message names the nearest that was.
            FormatTooNew: a newer FlorDB kept the run's.
        """
        known = [kept for kept in self.kept(run) if kept.manifest.rank == rank]
        for kept in known:
            if kept.manifest.entry == entry:
                return kept
        self.refuse_newer(run)
        raise CheckpointNotFound(run, entry, _nearest(entry, [kept.manifest.entry for kept in known]))

    def refuse_newer(self, run: str) -> None:
        """Say why a state of the run may not have been found.

        Raises:
            FormatTooNew: a newer FlorDB kept one.
        """
        for path in self.folder.glob(f"{run}.*/*{manifest.SUFFIX}"):
            with suppress(Unreadable):
                manifest.read(path)

    def _readable(self, owners: str) -> Iterator[Kept]:
        for path in sorted(self.folder.glob(f"{owners}/*{manifest.SUFFIX}"), key=_order):
            if path.stem != _START:
                yield from _read(path)

    def _content(self, digest: str) -> memoryview:
        if self.missing({digest}):
            raise Unreadable(f"No pack in {self.folder} has blob {digest}.", "Run `python -m flor fsck`.")
        return self._reader.content(digest, self._index[digest])

    def _path(self, described: Manifest) -> Path:
        owner = f"{described.run}.{described.rank}.{described.process}"
        name = _START if described.entry == _START else f"{described.position:06d}"
        return self.folder / owner / f"{name}{manifest.SUFFIX}"

    def _index_new_packs(self) -> None:
        for path in self.folder.glob(f"*/*{packs.SUFFIX}"):
            if path not in self._indexed:
                self._indexed.add(path)
                try:
                    self._index.update(packs.extents(path))
                except (Unreadable, FormatTooNew):
                    continue  # what it held counts as missing, and is kept again


def _read(path: Path) -> Iterator[Kept]:
    """The checkpoint, if it can be read; else fsck names it, and an earlier one serves instead."""
    with suppress(Unreadable, FormatTooNew):
        yield Kept(path, manifest.read(path))


def _nearest(wanted: str, known: Sequence[str]) -> str:
    """The last kept entry point before the wanted one, else the first ("" where there is none)."""
    target = parse(wanted)
    before = [entry for entry in known if parse(entry).order <= target.order]
    return before[-1] if before else next(iter(known), "")


def _order(path: Path) -> tuple[str, str]:
    return path.parent.name, path.name
