"""The files that a run has written, at one of its entry points: what resuming puts back."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from flor.record.outputs import Outputs
from flor.record.tree import Look
from flor.runs.contents import Changed, Contents, State, content_of, finish, sha256_of_prefix
from flor.runs.files import OTHERS, EntryFile, encoded, plain

SMALL_BYTES = 5_000_000
KEPT_LIMIT_BYTES = 200_000_000
READ_AT_ONCE_BYTES = 2_000_000
_STATES_LIMIT = 1_000
_COARSE_NS = 12_000_000
"""The clock of a file system moves on in steps of a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the training thread saw of the files at an entry point."""

    ts_ns: int  # by the clock of the file system
    states: Mapping[str, State | None]
    is_complete: bool  # the whole tree was compared then
    contents: Mapping[str, bytes]  # of small files that had changed


@dataclass(slots=True)
class EntryFiles:
    """Keeps the small ones of a run's outputs at each entry point."""

    outputs: Outputs
    contents: Contents
    _last: dict[str, tuple[State, EntryFile]] = field(default_factory=dict)
    _kept_bytes: int = 0

    def moment(self, ts_ns: int, look: Look | None) -> Moment:
        """Take note of the files as they are; on the training thread: little is read.

        Args:
            look: the tree as it is now, where it was compared.
        """
        found = dict(look.changed) if look else {}
        states = {key: found.get(key) for key in self.outputs.written()}
        # What lies elsewhere is in no comparison; what was not changed yet may still be written to.
        unseen = [key for key, state in states.items() if state is None]
        for key in unseen[:-_STATES_LIMIT]:
            del states[key]  # looked at later
        states.update({key: self.outputs.state(key) for key in unseen[-_STATES_LIMIT:]})
        return Moment(ts_ns, states, look is not None, self._contents(states))

    def _contents(self, states: Mapping[str, State | None]) -> dict[str, bytes]:
        """What stands in files that may be written anew at once; that of files only appended to can wait."""
        found: dict[str, bytes] = {}
        left = READ_AT_ONCE_BYTES
        for key, state in states.items():
            is_known = state is None or (key in self._last and self._last[key][0] == state)
            if state is None or is_known or state.size > left or self.outputs.is_appended(key):
                continue
            content = content_of(self.outputs.places.whole(key), state)
            if content is not None:
                found[key] = content
                left -= state.size
        return found

    def facts(self, moment: Moment, later: Collection[str], *, is_whole: bool) -> dict[str, object]:
        """What the manifest says of the files.

        Args:
            later: files that the run had written, or has since; nobody had looked at some at the moment.
            is_whole: there are no others.
        """
        found = {
            key: self._known(key, state, moment.contents.get(key)) for key, state in moment.states.items()
        }
        found |= {key: self._later(key, moment) for key in later if key not in found}
        if not is_whole:
            found[OTHERS] = EntryFile(None, is_unsure=True)
        return {encoded(key): plain(one) for key, one in sorted(found.items())}

    def _known(self, key: str, state: State | None, content: bytes | None = None) -> EntryFile:
        if state is None:
            return EntryFile(None)
        before = self._last.get(key)
        if before and before[0] == state:
            return before[1]
        found = self._kept(key, state, content)
        if found.sha256:
            self._last[key] = (state, found)
        return found

    def _later(self, key: str, moment: Moment) -> EntryFile:
        """A file that nobody knew of at the moment itself."""
        state = self.outputs.state(key)
        if state is not None and state.ctime_ns + _COARSE_NS < moment.ts_ns:
            return self._known(key, state)
        return EntryFile(None, is_unsure=True)

    def _kept(self, key: str, state: State, content: bytes | None) -> EntryFile:
        is_appended = self.outputs.is_appended(key)
        sha256 = self._kept_content(key, state, content)
        is_kept = sha256 is not None
        if sha256 is None and is_appended and state.size <= SMALL_BYTES:
            with suppress(OSError):  # gone: then there is nothing to compare with
                sha256 = sha256_of_prefix(self.outputs.places.whole(key), state.size)
        is_seen = key in self.outputs.opened
        return EntryFile(state.size, state.mtime_ns, state.inode, sha256, is_kept, is_appended, is_seen)

    def _kept_content(self, key: str, state: State, content: bytes | None) -> str | None:
        """The hash of the content, which is in the store then; None if it cannot be kept."""
        if state.size > SMALL_BYTES or self._kept_bytes + state.size > KEPT_LIMIT_BYTES:
            return None
        try:
            if content is not None:
                sha256 = self.contents.keep_bytes(content)
            else:
                sha256 = finish(self.contents.keep(self.outputs.places.whole(key), state)).sha256
        except (Changed, OSError):
            return None
        self._kept_bytes += state.size
        return sha256
