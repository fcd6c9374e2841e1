"""The files that a run writes: those it was seen to open, and those found changed in the tree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flor.record.places import Places
from flor.record.tree import Look, Names
from flor.runs.contents import State, state_of
from flor.runs.files import Output, RunFiles, decoded
from flor.snapshots.selection import is_source

FILES_LIMIT = 20_000
_APPENDED = "a"


@dataclass(slots=True)
class Outputs:
    """The outputs of a run, as far as they are known."""

    places: Places
    began_ns: int  # what changed later changed during the run, by the clock of the file system
    names: Names | None = None  # the files that were there near the beginning
    opened: dict[str, str] = field(default_factory=dict)  # seen to be written, and how: "a" appended only
    read: set[str] = field(default_factory=set)  # read back
    known: dict[str, Output] = field(default_factory=dict)
    left_out_count: int = 0
    before: dict[str, Output] = field(default_factory=dict)  # of a run that goes on: what it wrote before
    _fresh: dict[str, Output | None] = field(default_factory=dict)
    _unseen: set[str] = field(default_factory=set)

    def follow(self, run: RunFiles) -> None:
        """Go on with a run that was interrupted."""
        self.before = {decoded(path): one for path, one in run.outputs.items()}
        self.began_ns = run.tree.began_ns or self.began_ns
        for key, one in self.before.items():
            self.opened.setdefault(key, "w") if one.is_seen else self.read.add(key)
            self._unseen.add(key)

    def listed(self, names: Names) -> None:
        """Learn which files were there near the beginning."""
        self.names = names
        self._unseen.update(self.known)

    def note(self, key: str, kind: str) -> None:
        """The program opens this file to write, or removes it (kind "d")."""
        if len(self.opened) >= FILES_LIMIT and key not in self.opened:
            self.left_out_count += 1
            return
        self.opened[key] = kind if self.opened.get(key, kind) == kind else "w"
        self._unseen.add(key)

    def note_read(self, key: str) -> None:
        """The program reads back what it wrote, or what was written on its behalf."""
        self.read.add(key)
        if key in self.known:
            self._settle(key, self.state(key))

    def is_own(self, key: str) -> bool:
        """Whether the run has written this file before."""
        return key in self.opened or key in self.known

    def is_appended(self, key: str) -> bool:
        """Whether it was only ever opened to append."""
        return self.opened.get(key) == _APPENDED

    def was_there(self, key: str) -> bool | None:
        """Whether the file was there near the beginning; None where that is not known."""
        if key in self.before:
            is_new = self.before[key].is_new
            return None if is_new is None else not is_new
        if self.names is None or key.startswith("/"):
            return None
        return True if key in self.names.inodes else False if self.names.is_whole else None

    def written(self) -> list[str]:
        """Every file that is known to be written, in the order they became known."""
        return list({**self.opened, **self.known})

    def refresh(self) -> None:
        """Look at those that were opened since it was done last."""
        while self._unseen:
            key = self._unseen.pop()
            self._settle(key, self.state(key))

    def compare(self, look: Look) -> None:
        """Add what has changed in the tree; take out what has gone again."""
        for key, state in look.changed.items():
            if key in self.opened or key in self.read or self._is_found(key, state):
                self._settle(key, state)
        for key in {**self.opened, **self.known}.keys() - look.changed.keys():
            self._settle(key, self.state(key))
        if look.is_whole and self.names and self.names.is_whole:
            for key in self.names.inodes.keys() - look.there:
                self._settle(key, None)

    def state(self, key: str) -> State | None:
        """The file as it is now."""
        return state_of(self.places.whole(key))

    def fresh(self) -> Mapping[str, Output | None]:
        """What is new since it was asked last; None for what is no output after all."""
        found, self._fresh = self._fresh, {}
        return found

    def hashed(self, key: str, state: State, sha256: str) -> None:
        """Add the hash of a file that is still in the state it was seen in."""
        one = self.known[key]
        if one.size == state.size and one.mtime_ns == state.mtime_ns:
            self._put(key, _with_hash(one, sha256))

    def unhashed(self) -> Iterator[tuple[str, State]]:
        """The files that can still be hashed, the smallest first."""
        there = [
            (key, one.size) for key, one in self.known.items() if one.size is not None and not one.sha256
        ]
        for key, _ in sorted(there, key=lambda pair: pair[1] or 0):
            state = self.state(key)
            if state is not None:
                yield key, state

    def _is_found(self, key: str, state: State) -> bool:
        """Whether a changed file that was not seen to be opened is taken for an output."""
        if is_source(key):
            return False  # somebody edits code while it runs
        before = self.names.inodes.get(key) if self.names else None
        # Only its mode or its number of links has changed.
        return not (before == state.inode and state.mtime_ns < self.began_ns)

    def _settle(self, key: str, state: State | None) -> None:
        was_there = self.was_there(key)
        if state is None:
            is_nothing = was_there is not True or (key not in self.opened and key not in self.known)
            self._put(key, None if is_nothing else Output(None, is_new=False, is_seen=key in self.opened))
            return
        if state.ctime_ns < self.began_ns:
            self._put(key, None)  # opened, but not changed
            return
        if len(self.known) >= FILES_LIMIT and key not in self.known:
            self.left_out_count += 1
            return
        if was_there and key not in self.before and self._was_made_before_listing(key, state):
            was_there = False
        is_new = None if was_there is None else not was_there
        self._put(
            key,
            Output(
                state.size,
                state.mtime_ns,
                state.inode,
                is_new=is_new,
                is_seen=key in self.opened,
                is_read=key in self.read,
            ),
        )

    def _was_made_before_listing(self, key: str, state: State) -> bool:
        """Whether the run had made this file by the time the tree was listed."""
        if self.names is None or self.names.inodes[key] != state.inode:
            return False
        from flor.runs.birth import birth_ns  # seldom needed, and ctypes takes long to load

        return (birth_ns(self.places.whole(key)) or 0) >= self.began_ns

    def _put(self, key: str, found: Output | None) -> None:
        before = self.known.get(key)
        if found and before and not found.sha256 and _state(before) == _state(found):
            found = _with_hash(found, before.sha256)
        if found == before:
            return
        self._fresh[key] = found
        if found is None:
            del self.known[key]
        else:
            self.known[key] = found


def _state(one: Output) -> tuple[int | None, int, int]:
    return one.size, one.mtime_ns, one.inode


def _with_hash(one: Output, sha256: str | None) -> Output:
    return Output(one.size, one.mtime_ns, one.inode, sha256, one.is_new, one.is_seen, one.is_read, one.note)
