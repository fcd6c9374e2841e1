"""The files that a run has written, at one of its entry points: what resuming puts back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from flor.record.outputs import Outputs
from flor.record.tree import Look
from flor.runs.contents import Changed, Contents, State, finish, sha256_of_prefix
from flor.runs.files import EntryFile, encoded, plain

SMALL_BYTES = 5_000_000
KEPT_LIMIT_BYTES = 200_000_000
_STATES_LIMIT = 1_000
_COARSE_NS = 12_000_000
"""The clock of a file system moves on in steps of a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the training thread saw of the files at an entry point."""

    ts_ns: int  # by the clock of the file system
    states: Mapping[str, State | None]
    is_complete: bool  # the whole tree was compared then


@dataclass(slots=True)
class EntryFiles:
    """Keeps the small ones of a run's outputs at each entry point."""

    outputs: Outputs
    contents: Contents
    _last: dict[str, tuple[State, EntryFile]] = field(default_factory=dict)
    _kept_bytes: int = 0

    def moment(self, ts_ns: int, look: Look | None) -> Moment:
        """Take note of the files as they are; on the training thread: nothing is read.

        Args:
            look: the tree as it is now, where it was compared.
        """
        known = self.outputs.written()[-_STATES_LIMIT:]
        states = {key: look.changed.get(key) if look else None for key in known}
        # What lies elsewhere is in no comparison; what was not changed yet may still be written to.
        states.update({key: self.outputs.state(key) for key, state in states.items() if state is None})
        return Moment(ts_ns, states, look is not None)

    def facts(self, moment: Moment, later: Collection[str] = ()) -> dict[str, object]:
        """What the manifest says of the files.

        Args:
            later: files that the run had written, or has since; nobody had looked at them at the moment.
        """
        found = {key: self._known(key, state) for key, state in moment.states.items()}
        found |= {key: self._later(key, moment) for key in later if key not in found}
        return {encoded(key): plain(one) for key, one in sorted(found.items())}

    def _known(self, key: str, state: State | None) -> EntryFile:
        if state is None:
            return EntryFile(None)
        before = self._last.get(key)
        if before and before[0] == state:
            return before[1]
        found = self._kept(key, state)
        if found.sha256:
            self._last[key] = (state, found)
        return found

    def _later(self, key: str, moment: Moment) -> EntryFile:
        """A file that nobody knew of at the moment itself."""
        state = self.outputs.state(key)
        if state is not None and state.ctime_ns + _COARSE_NS < moment.ts_ns:
            return self._known(key, state)
        return EntryFile(None, is_unsure=True)

    def _kept(self, key: str, state: State) -> EntryFile:
        is_appended = self.outputs.is_appended(key)
        whole, sha256, is_kept = self.outputs.places.whole(key), None, False
        try:
            if state.size <= SMALL_BYTES and self._kept_bytes + state.size <= KEPT_LIMIT_BYTES:
                sha256 = finish(self.contents.keep(whole, state)).sha256
                is_kept = True
                self._kept_bytes += state.size
        except (Changed, OSError):
            sha256 = None
        try:
            if sha256 is None and is_appended and state.size <= SMALL_BYTES:
                sha256 = sha256_of_prefix(whole, state.size)
        except OSError:
            sha256 = None
        return EntryFile(state.size, state.mtime_ns, state.inode, sha256, is_kept, is_appended)
