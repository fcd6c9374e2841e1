"""What lies among pushed records, in the terms of a store: sealed files, alone or in bundles, and blobs."""

from collections.abc import Collection, Iterable, Iterator

from flor.errors import StoreError
from flor.runs import bundles, receive
from flor.runs.bundles import BundleName, Sealed
from flor.runs.layout import Layout
from flor.runs.receive import Plain
from flor.snapshots.transfer import Shelf


def sealed_files(shelf: Shelf, names: Collection[str] | None = None) -> set[str]:
    """The sealed files that these files on the shelf hold (None: all of them)."""
    names = shelf.files.keys() if names is None else names
    found = {name for name in names if receive.is_sealed_name(name)}
    for runs in shelf.read(bundle.runs for bundle in bundles.find(names)):
        found.update(_members(runs))
    return found


def blobs(names: Iterable[str]) -> list[str]:
    """The blobs among these files."""
    return sorted(name.rpartition("/")[2] for name in names if receive.is_blob_name(name))


def lacking(shelf: Shelf, layout: Layout, problems: list[str]) -> Iterator[Sealed | Plain]:
    """What is on the shelf and not in the store.

    Args:
        problems: takes a sentence for each file that cannot be read.
    """
    names = [name for name in shelf.files if receive.is_sealed_name(name) or receive.is_blob_name(name)]
    missing = [name for name in names if not receive.path_of(layout, name).exists()]
    for name, content in zip(missing, shelf.read(missing), strict=True):
        file = Plain(name, content)
        if file.is_whole:
            yield file
        else:
            problems.append(f"{name} is damaged: its content has another hash.")
    for bundle in bundles.find(shelf.files):
        try:
            yield from _lacking_of(bundle, shelf, layout)
        except StoreError as error:  # damaged or newer: it must not hide the others
            problems.append(f"{bundle.records}: {error.message}")


def _lacking_of(bundle: BundleName, shelf: Shelf, layout: Layout) -> Iterator[Sealed]:
    [runs] = shelf.read([bundle.runs])
    wanted = {
        file
        for file in bundles.members(runs)
        if receive.is_sealed_name(file) and not (layout.sealed / file).exists()
    }
    if wanted:
        [records] = shelf.read([bundle.records])
        yield from bundles.unpack(runs, records, wanted)


def _members(runs: bytes) -> list[str]:
    try:
        return bundles.members(runs)
    except StoreError:
        return []  # what is in it is sent again
