"""Puts the files that a run has written back to one of its entry points, and saves what stood in them."""

import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from flor.entities import Run
from flor.errors import StoreError
from flor.record import tree
from flor.replay import cloning, rewinding
from flor.replay.rewinding import Act, Action, Now, Plan
from flor.runs import files
from flor.runs.catalog import Catalog
from flor.runs.contents import Contents, State, copy, sha256_of, sha256_of_prefix, state_of
from flor.runs.files import EntryFile, Input, RunFiles, decoded, encoded, unpack_names
from flor.runs.layout import Layout
from flor.snapshots import held, objects
from flor.snapshots.repository import locate
from flor.snapshots.selection import is_source

_BINARY_BYTES = 8192
_CONTROL = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PutBack:
    """What was done, or would be; paths as the run knows them."""

    restored: tuple[str, ...] = ()  # got their content back
    truncated: tuple[str, ...] = ()  # lost what was added to them
    removed: tuple[str, ...] = ()  # made after the entry point
    unknown: tuple[tuple[str, str], ...] = ()  # left as they are, and why
    sizes: Mapping[str, int] = field(default_factory=dict)  # absolute path -> size at the entry point
    set_aside: Path | None = None  # where that is kept which stood in them before


def put_back(
    run: RunFiles,
    entry: Mapping[str, Any] | None,
    root: Path,
    layout: Layout,
    others: frozenset[str] = frozenset(),
    *,
    is_dry: bool = False,
) -> PutBack:
    """Put the files that a run has written back to an entry point.

    Files are written in place: what has them open goes on with the same file.

    Args:
        entry: what the manifest says of files (its fact "files"); {} for the start of the run, None where it
            says nothing.
        others: see `written_by_others`.
        is_dry: only say what would be done.

    Raises:
        StoreError: what stands in the files cannot be saved; nothing was changed.
    """
    decided = plan(run, entry, root, layout, others)
    if is_dry:
        return told(decided, root)
    return hold(decided, root, layout).carry_out()


def fetch(run: Run, root: Path, layout: Layout) -> None:
    """Bring what the run read from files that have changed since from its code version into the store.

    Raises:
        GitError: the repository cannot be read.
        StoreError: the store cannot be written.
    """
    repository, contents = locate(root, os.environ), Contents(layout.files)
    changed = [
        path for path, one in files.of(run).inputs.items() if _is_in_git_only(path, one, root, contents)
    ]
    if repository is None or run.tree is None or not changed:
        return
    oids = held.oids(repository, run.tree, [decoded(path) for path in changed])
    try:
        with objects.opened(repository) as source:
            for oid in oids.values():
                contents.keep_bytes(source.read(oid) or b"")
    except OSError as error:
        raise StoreError(f"{contents.folder} cannot be written: {error}", "Make room there.") from error


def _is_in_git_only(path: str, one: Input, root: Path, contents: Contents) -> bool:
    """Whether an input has to be fetched: its file changed, and its content is only in the code version."""
    if one.kept != "version" or one.sha256 is None or contents.has(one.sha256):
        return False
    state = state_of(str(root / decoded(path)))
    return state is None or (state.size, state.mtime_ns) != (one.size, one.mtime_ns)


def written_by_others(catalog: Catalog, run: Run) -> frozenset[str]:
    """The files that other runs of the project have written while this one went on."""
    found: set[str] = set()
    for other in catalog.runs:
        if other.run != run.run and other.tstamp < _end(run) and run.tstamp < _end(other):
            found.update(files.of(catalog.detailed(other)).outputs)
    return frozenset(found)


def _end(run: Run) -> datetime:
    """When a run had ended for sure; a killed one goes on a little after its last record."""
    if run.duration_s is None:
        return datetime.max
    return run.tstamp + timedelta(seconds=run.duration_s, minutes=1)


def plan(
    run: RunFiles,
    entry: Mapping[str, Any] | None,
    root: Path,
    layout: Layout,
    others: frozenset[str] = frozenset(),
) -> Plan:
    """What has to be done; nothing is changed."""
    contents = Contents(layout.files)
    then = msgspec.convert(dict(entry or {}), dict[str, EntryFile])
    paths = rewinding.paths_of_interest(run, then, _found(run, root, layout))
    if entry is None:
        then = {path: EntryFile(None, is_unsure=True) for path in paths}
    now = {path: _now(root / decoded(path), _length(path, run, then)) for path in paths}
    kept = {digest: contents.has(digest) for digest in rewinding.hashes(run, then)}
    names = unpack_names(run.tree.names)
    known = None if names is None else frozenset(map(encoded, names))
    return rewinding.decide(run, then, now, known, kept, others)


def told(
    decided: Plan, root: Path, aside: Path | None = None, failed: Iterable[tuple[str, str]] = ()
) -> PutBack:
    """The plan in words for users, without what failed."""
    unknown = tuple(sorted({*decided.unknown, *failed}))
    lost = {path for path, _ in unknown}
    done = Plan(tuple(one for one in decided.actions if one.path not in lost))
    there = [one for one in done.actions if one.act is not Act.REMOVE]
    return PutBack(
        done.paths(Act.RESTORE),
        done.paths(Act.TRUNCATE),
        done.paths(Act.REMOVE),
        unknown,
        {os.path.realpath(root / decoded(one.path)): one.size for one in there},
        aside,
    )


def hold(decided: Plan, root: Path, layout: Layout, *, runs_before: bool = False) -> "Held":
    """Save what stands in the files that are to be changed.

    Args:
        runs_before: the beginning of the run is executed before the plan is carried out, in the same folder:
            it may open files anew which are as they should be.

    Raises:
        StoreError: it cannot be saved.
    """
    saved = Held(decided, root, Contents(layout.files), layout.set_aside / _folder_name(), runs_before)
    try:
        for action in decided.actions:
            saved.save(action)
    except OSError as error:
        hint = "Make room, or the folder writable; no file was changed."
        raise StoreError(f"What stands in {action.path} cannot be saved: {error}", hint) from error
    return saved


@dataclass(slots=True)
class Held:
    """The files of a plan as they were when it was made."""

    plan: Plan
    root: Path
    contents: Contents
    folder: Path
    runs_before: bool
    _states: dict[str, State | None] = field(default_factory=dict)

    def save(self, action: Action) -> None:
        """Save what stands in one file."""
        place, copied = self._place(action), self._copy(action)
        self._states[action.path] = state = state_of(str(place))
        if state is None or (action.act is Act.LEAVE and not self._is_in_danger(action)):
            return
        copied.parent.mkdir(parents=True, exist_ok=True)
        if self._keeps_tail(action):
            copy(place, copied, action.size)
        else:
            cloning.copy(place, copied)
        os.utime(copied, ns=(state.mtime_ns, state.mtime_ns))

    def carry_out(self) -> PutBack:
        """Do what is planned; what fails is named."""
        failed = []
        for action in self.plan.actions:
            try:
                self._carry_out(action)
            except OSError as error:
                failed.append((action.path, f"it cannot be put back: {error.strerror or error}"))
            except StoreError as error:
                failed.append((action.path, error.message))
        return told(self.plan, self.root, self.folder if self.folder.exists() else None, failed)

    def give_back(self) -> None:
        """Make the files what they were when the plan was made, as far as they are not.

        Raises:
            OSError: one of them cannot be written.
        """
        for action in self.plan.actions:
            place, state = self._place(action), self._states[action.path]
            if state_of(str(place)) == state:
                continue
            if state is None:
                place.unlink(missing_ok=True)
            elif self._copy(action).exists():
                self._undo(action, place, state)
            elif action.is_kept:
                self._restore(action, place)

    def _undo(self, action: Action, place: Path, state: State) -> None:
        offset = action.size if self._keeps_tail(action) else 0
        _write(place, self._copy(action), offset, state.size, state.mtime_ns)

    def _carry_out(self, action: Action) -> None:
        place, now = self._place(action), state_of(str(self._place(action)))
        is_same = now == self._states[action.path]
        if action.act is Act.REMOVE:
            if now is not None and not is_same:
                raise StoreError("it was changed just now")
            place.unlink(missing_ok=True)
        elif action.act is Act.TRUNCATE and is_same:
            os.truncate(place, action.size)
            _set_time(place, action.mtime_ns)
        elif not (action.act is Act.LEAVE and is_same):
            self._restore(action, place)

    def _restore(self, action: Action, place: Path) -> None:
        """Give a file the content that it had at the entry point."""
        kept = self.contents.path(action.sha256 or "")
        source = kept if action.is_kept else self._copy(action)
        if not source.exists():
            raise StoreError("its content at that moment is not kept")
        if action.is_kept and sha256_of(str(kept)) != action.sha256:
            raise StoreError("its kept content is damaged: see `flor fsck`")
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, source, 0, action.size, action.mtime_ns)

    def _is_in_danger(self, action: Action) -> bool:
        return self.runs_before and action.may_be_reset and not action.is_kept

    def _keeps_tail(self, action: Action) -> bool:
        """Whether only what is cut off has to be saved."""
        return action.act is Act.TRUNCATE and not (self.runs_before and action.may_be_reset)

    def _place(self, action: Action) -> Path:
        return self.root / decoded(action.path)

    def _copy(self, action: Action) -> Path:
        name = decoded(action.path)
        inside = Path("outside", name.lstrip("/")) if name.startswith("/") else Path(name)
        suffix = f".from-{action.size}" if self._keeps_tail(action) else ""
        return self.folder / inside.with_name(inside.name + suffix)


def _write(place: Path, source: Path, offset: int, size: int, mtime_ns: int) -> None:
    """Make a file `size` bytes long, those from `offset` on as in the source; it stays the same file."""
    flags = os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(place, flags, 0o666)
    with open(descriptor, "wb", buffering=0) as file, source.open("rb", buffering=0) as kept:
        file.seek(offset)
        left = size - offset
        while left and (piece := kept.read(min(left, _PIECE_BYTES))):
            left -= file.write(piece) or 0
        file.truncate(size)
    _set_time(place, mtime_ns)


def _set_time(place: Path, mtime_ns: int) -> None:
    """Let it look as then: whoever repeats all this finds that nothing is to be done."""
    with suppress(OSError):  # another user's: its content is right all the same
        os.utime(place, ns=(time.time_ns(), mtime_ns))


def _found(run: RunFiles, root: Path, layout: Layout) -> Iterator[str]:
    """Files that have changed since the run began, where it could not say so itself: it was killed."""
    if run.tree.is_complete or not run.tree.began_ns:
        return
    steps = tree.look(str(root), (str(layout.home),), run.tree.began_ns)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            look: tree.Look = end.value
            break
    for path in look.changed:
        if not is_source(path):
            yield encoded(path)


def _length(path: str, run: RunFiles, then: Mapping[str, EntryFile]) -> int | None:
    """How many bytes of a file must be compared; None: there is nothing to compare them with."""
    if path in then and then[path].size is not None:
        return then[path].size if then[path].sha256 else None
    return run.inputs[path].size if path in run.inputs and run.inputs[path].sha256 else None


def _now(place: Path, length: int | None) -> Now | None:
    try:
        found = place.lstat()
    except (OSError, ValueError):
        return None
    is_plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    now = Now(found.st_size, found.st_mtime_ns, found.st_ino, is_plain)
    if not is_plain:
        return now
    with suppress(OSError):  # not ours to read: nothing shows what it is
        with place.open("rb", buffering=0) as file:
            is_binary = not _is_text(file.read(_BINARY_BYTES) or b"")
        prefix = None if length is None else sha256_of_prefix(str(place), length)
        return Now(found.st_size, found.st_mtime_ns, found.st_ino, is_plain, is_binary, prefix)
    return now


def _is_text(content: bytes) -> bool:
    """Whether somebody may have typed this; what is cut off at the end does not matter."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(content) - 3:
            return False
        text = content[: error.start].decode("utf-8")
    return not _CONTROL.search(text)


def _folder_name() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(3).hex()}"
