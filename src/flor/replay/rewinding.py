"""What has to be done to the files that a run wrote so that they are as at one of its entry points. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from flor.runs.files import OTHERS, EntryFile, Input, Output, RunFiles

DEAD_AFTER_NS = 35_000_000_000
"""A process that was killed had touched its lock so long before at most."""
ENDED_AFTER_NS = 5_000_000_000
"""What a program holds open is written out when the interpreter ends, after our last look."""


NOT_SHOWN = "nothing shows that it was this run that wrote it"


class Act(StrEnum):
    """What is done to one file."""

    RESTORE = "restore"  # give it the content that it had
    TRUNCATE = "truncate"  # cut off what was added
    REMOVE = "remove"  # it was made later
    LEAVE = "leave"  # it is as it was


@dataclass(frozen=True, slots=True)
class Now:
    """A file as it is today."""

    size: int
    mtime_ns: int
    inode: int
    is_plain: bool = True  # a regular file under one name only
    is_binary: bool = False
    prefix: str | None = None  # the sha256 of as many bytes as it had at the entry point


@dataclass(frozen=True, slots=True)
class Action:
    """What is done to a file, and what it is afterwards."""

    path: str
    act: Act
    size: int = 0
    mtime_ns: int = 0
    sha256: str | None = None  # of its content then
    is_kept: bool = False  # that content is in the store
    may_be_reset: bool = False  # executing the beginning of the run may open it anew


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done, and the files of which nobody knows what they were."""

    actions: tuple[Action, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()

    def paths(self, act: Act) -> tuple[str, ...]:
        """The files to which this is done."""
        return tuple(action.path for action in self.actions if action.act is act)


def paths_of_interest(run: RunFiles, entry: Mapping[str, EntryFile], found: Iterable[str]) -> list[str]:
    """Every file that may differ from what it was at the entry point.

    Args:
        found: files that have changed since the run began, where it could not tell itself.
    """
    return sorted({*run.outputs, *entry, *found} - {OTHERS})


def decide(
    run: RunFiles,
    entry: Mapping[str, EntryFile],
    now: Mapping[str, Now | None],
    names: frozenset[str] | None,
    kept: Mapping[str, bool],
    others: frozenset[str] = frozenset(),
) -> Plan:
    """What has to be done so that every file is as at the entry point.

    Args:
        now: what stands at each path of interest today.
        names: the files that were there when the run began; None where nobody knows.
        kept: for hashes whether their content is in the store.
        others: what runs wrote that went on at the same time.
    """
    actions: list[Action] = []
    unknown: list[tuple[str, str]] = []
    for path, found in now.items():
        case = _Case(path, run, entry.get(path), found, names, path in others, OTHERS in entry)
        decided = case.decide()
        if isinstance(decided, str):
            unknown.append((path, decided))
        elif decided is not None:
            actions.append(replace(decided, is_kept=bool(decided.sha256 and kept.get(decided.sha256))))
    lacking = [one.path for one in actions if one.act is Act.RESTORE and not one.is_kept]
    unknown += [(path, "its content at that moment is not kept") for path in lacking]
    return Plan(tuple(one for one in actions if one.path not in lacking), tuple(sorted(unknown)))


def hashes(run: RunFiles, entry: Mapping[str, EntryFile]) -> Iterator[str]:
    """Every content that may have to be put back."""
    yield from (one.sha256 for one in entry.values() if one.sha256)
    yield from (one.sha256 for one in run.inputs.values() if one.sha256)


@dataclass(frozen=True, slots=True)
class _Case:
    """One file: then, last seen, and now."""

    path: str
    run: RunFiles
    then: EntryFile | None
    now: Now | None
    names: frozenset[str] | None
    is_anothers: bool  # a run that went on at the same time wrote it too, or instead
    is_partial: bool  # the entry point does not know of every file that the run had written

    @property
    def last(self) -> Output | None:
        return self.run.outputs.get(self.path)

    @property
    def read(self) -> Input | None:
        return self.run.inputs.get(self.path)

    def decide(self) -> Action | str | None:
        """What is to be done; a reason why nobody knows; None where there is nothing to do."""
        if self.now is not None and not self.now.is_plain:
            return "it is a link, or has several names"
        if self.then is not None and self.then.is_unsure:
            return "it was being written at that moment"
        if self.then is None or self.then.size is None:
            return self._decide_absent()
        return self._decide_present(self.then, self.then.size)

    def _decide_present(self, then: EntryFile, size: int) -> Action | str:
        """The file was there at the entry point."""
        act = Action(self.path, Act.LEAVE, size, then.mtime_ns, then.sha256)
        act = replace(act, may_be_reset=not then.is_appended)
        if self.now is None:
            return replace(act, act=Act.RESTORE) if self._is_shown() else NOT_SHOWN
        if (self.now.size, self.now.mtime_ns, self.now.inode) == (size, then.mtime_ns, then.inode):
            return act
        if not self._is_of_the_run():
            return "it was changed after the run had ended"
        if then.sha256 and self.now.prefix == then.sha256 and self.now.size == size:
            return act
        if not self._is_shown():
            return NOT_SHOWN
        if then.sha256 and self.now.prefix == then.sha256:
            return replace(act, act=Act.TRUNCATE)
        if then.sha256 is None and then.is_appended and self.now.size >= size:
            return replace(act, act=Act.TRUNCATE)
        return replace(act, act=Act.RESTORE)

    def _decide_absent(self) -> Action | str | None:
        """The run had not written the file yet; it may have been there before the run."""
        was_there = self._was_there()
        if was_there is False and self.now is None:
            return None
        if was_there is False:
            return self._decide_made_later()
        if self.read is not None and self.read.sha256:
            if self.now and (self.now.prefix, self.now.size) == (self.read.sha256, self.read.size):
                return None
            if self.now is None or self._is_of_the_run():
                return Action(self.path, Act.RESTORE, self.read.size, self.read.mtime_ns, self.read.sha256)
        if self.now is None:
            return "the run removed it, and what stood in it is not kept"
        if not self._is_of_the_run():
            return "it was changed after the run had ended"
        return "it was there before the run, or may have been, and what stood in it then is not kept"

    def _decide_made_later(self) -> Action | str:
        if not self._is_of_the_run():
            return "it was changed after the run had ended"
        if self.is_partial and not (self.last and self.last.is_seen):
            return "it may have been there: the tree was not compared at that moment"
        return Action(self.path, Act.REMOVE) if self._is_shown() else NOT_SHOWN

    def _is_shown(self) -> bool:
        """Whether it was the run that wrote the file, and not somebody who took notes beside it."""
        is_seen = (self.last is not None and self.last.is_seen) or (
            self.then is not None and self.then.is_seen
        )
        return is_seen or (self.now is not None and self.now.is_binary and not self.is_anothers)

    def _was_there(self) -> bool | None:
        """Whether the file was there when the run began."""
        if self.last is not None and self.last.is_new is not None:
            return not self.last.is_new
        if self.names is None or self.path.startswith("/"):
            return None
        return self.path in self.names

    def _is_of_the_run(self) -> bool:
        """Whether the last who wrote to the file can have been the run."""
        now = self.now
        if now is None:
            return True
        last = self.last
        if last is not None and (last.size, last.mtime_ns) == (now.size, now.mtime_ns):
            return True
        patience_ns = ENDED_AFTER_NS if self.run.tree.is_complete else DEAD_AFTER_NS
        return now.mtime_ns <= self.run.tree.alive_ns + patience_ns
