"""The files that a run read: whether they are still the same, and how a segment of a replay gets at them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flor.errors import StoreError
from flor.replay import cloning
from flor.runs.contents import Changed, Contents, finish, hashing, state_of
from flor.runs.files import CHANGED, Input, RunFiles, decoded
from flor.runs.hashes import HashCache
from flor.runs.layout import Layout


@dataclass(frozen=True, slots=True)
class InputChange:
    """An input that is not what the run read, or of which that is not known."""

    path: str  # as the run knows it
    reason: str
    is_kept: bool = False  # what the run read is in the store, or in its code version

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Provided:
    """What a folder was given."""

    paths: tuple[str, ...]
    lacking: tuple[InputChange, ...]  # what the run read cannot be had: nothing executed there is exact


def check(run: RunFiles, root: Path, layout: Layout) -> list[InputChange]:
    """What of the inputs has changed or gone since, as the files stand today.

    Args:
        root: the folder that the run's paths start from.
    """
    known = HashCache(layout.cache / "hashes")
    found = [InputChange(path, reason, bool(one.kept)) for path, one, reason in _changes(run, root, known)]
    known.save()
    return found


def provide(run: RunFiles, folder: Path, root: Path, layout: Layout) -> Provided:
    """Put the inputs below the root at the same places in a folder that holds the run's code version.

    They are copies of what was kept, or of the user's files where these are still the same; never links.
    Inputs elsewhere are read where they are: those that changed are lacking.

    Raises:
        OSError: the folder cannot be written.
    """
    known, contents = HashCache(layout.cache / "hashes"), Contents(layout.files)
    changed = {path: reason for path, _, reason in _changes(run, root, known)}
    done, lacking = [], []
    for path, one in run.inputs.items():
        if path.startswith("/"):
            reason = changed.get(path, "")
        else:
            reason = _provide(path, one, folder, root, contents, changed.get(path, ""))
            done += [] if reason else [path]
        if reason:
            lacking.append(InputChange(path, reason))
    known.save()
    return Provided(tuple(done), tuple(lacking))


def withhold(run: RunFiles, folder: Path) -> None:
    """Take out of a folder that holds the run's code version what the run made itself.

    The version is that of its first call: what it had written by then may be among its files.

    Raises:
        OSError: the folder cannot be written.
    """
    for path in [path for path, one in run.outputs.items() if one.is_new and not path.startswith("/")]:
        place = folder / decoded(path)
        if place.is_symlink() or place.is_file():
            place.unlink()
            _remove_empty(place.parent, folder)


def _remove_empty(place: Path, top: Path) -> None:
    while place != top and not os.listdir(place):
        place.rmdir()
        place = place.parent


def _provide(path: str, one: Input, folder: Path, root: Path, contents: Contents, reason: str) -> str:
    """Put one input in its place; why that cannot be done, or ""."""
    name = decoded(path)
    place = folder / name
    if one.kept == "version" and one.sha256 and _hash(place, one) == one.sha256:
        return ""
    _make_folders(folder, place.parent)
    if one.sha256 and contents.has(one.sha256):
        with suppress(StoreError):
            place.unlink(missing_ok=True)
            contents.put(one.sha256, place)
            return ""
    if reason:
        return reason
    cloning.copy(root / name, place)
    # It may have changed while it was copied.
    return "" if one.sha256 is None or _hash(place, one) == one.sha256 else "it changes just now"


def _changes(run: RunFiles, root: Path, known: HashCache) -> Iterator[tuple[str, Input, str]]:
    for path, one in run.inputs.items():
        reason = _difference(root / decoded(path), one, known)
        if reason:
            yield path, one, reason


def _difference(place: Path, one: Input, known: HashCache) -> str:
    """What tells a file from what the run read; "" if it is the same as far as anybody knows."""
    state = state_of(str(place))
    if state is None:
        return "it is gone"
    if one.note == CHANGED:
        return f"nobody knows what the run read: {one.note}"
    if one.sha256 is None:
        is_alike = (state.size, state.mtime_ns) == (one.size, one.mtime_ns)
        return "" if is_alike else f"it may have changed: the run did not keep its hash ({one.note})"
    if state.size != one.size:
        return f"its size was {one.size:,} bytes and is {state.size:,}"
    digests = known.get(str(place), state)
    try:
        if digests is None:
            digests = finish(hashing(str(place), state))
            known.add(str(place), state, digests)
    except Changed:
        return "it changes just now"
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    return "" if digests.sha256 == one.sha256 else "its content has changed"


def _hash(place: Path, one: Input) -> str | None:
    """The sha256 of a regular file of this size."""
    state = None if place.is_symlink() else state_of(str(place))
    if state is None or state.size != one.size:
        return None
    try:
        return finish(hashing(str(place), state)).sha256
    except (Changed, OSError):
        return None


def _make_folders(top: Path, folder: Path) -> None:
    """Make a folder below the top, real ones in the place of links that lead out of it."""
    place, real_top = top, top.resolve()
    for part in folder.relative_to(top).parts:
        place = place / part
        if place.is_symlink() and not place.resolve().is_relative_to(real_top):
            place.unlink()
        with suppress(FileExistsError):
            os.mkdir(place)
