"""Hashes and keeps the files that a run reads, in small steps, before they change where that is possible."""

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

from flor.record.places import Places
from flor.runs.contents import Changed, Contents, Digests, State, hashing
from flor.runs.files import CHANGED, Input
from flor.runs.hashes import HashCache

KEPT_LIMIT_BYTES = 200_000_000
HASHED_LIMIT_BYTES = 4_000_000_000
FILES_LIMIT = 20_000
_AT_ONCE = 200  # files that git is asked about together


@dataclass(slots=True)
class Intake:
    """The inputs of a run."""

    places: Places
    contents: Contents
    cache: HashCache
    is_secret: Callable[[str], bool]
    version_of: Callable[[Sequence[str]], Mapping[str, str]]  # git's names for files of the code version
    known: dict[str, Input | None] = field(default_factory=dict)  # None: not looked at yet
    left_out_count: int = 0
    _fresh: dict[str, Input] = field(default_factory=dict)
    _waiting: deque[tuple[str, State]] = field(default_factory=deque)
    _in_version: dict[str, str] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _kept_bytes: int = 0
    _hashed_bytes: int = 0

    def add(self, key: str, state: State, note: str = "") -> None:
        """The run has read this file, which was in this state then."""
        if key in self.known:
            return
        if len(self.known) >= FILES_LIMIT:
            self.left_out_count += 1
            return
        self.known[key] = None
        if note:
            self._settle(key, Input(state.size, state.mtime_ns, note=note))
        else:
            self._waiting.append((key, state))

    @property
    def is_waiting(self) -> bool:
        """Whether there are files that have not been looked at."""
        return bool(self._waiting)

    def take(self) -> Generator[None, None, None]:
        """Look at the next file; each step takes a millisecond or so."""
        self._ask()
        key, state = self._waiting.popleft()
        found = Input(state.size, state.mtime_ns, note="the run ended before it was read through")
        try:
            found = yield from self._look_at(key, state)
        except Changed:
            found = Input(state.size, state.mtime_ns, note=CHANGED)
        except OSError as error:
            found = Input(state.size, state.mtime_ns, note=error.strerror or type(error).__name__)
        finally:
            self._settle(key, found)

    def give_up(self) -> None:
        """Say of the files that are left that there was no time for them."""
        while self._waiting:
            key, state = self._waiting.popleft()
            self._settle(
                key, Input(state.size, state.mtime_ns, note="the run ended before it was read through")
            )

    def fresh(self) -> dict[str, Input]:
        """What is new since it was asked last."""
        found, self._fresh = self._fresh, {}
        return found

    def _settle(self, key: str, found: Input) -> None:
        self.known[key] = self._fresh[key] = found

    def _look_at(self, key: str, state: State) -> Generator[None, None, Input]:
        whole, is_inside = self.places.whole(key), not key.startswith("/")
        if is_inside and self.is_secret(key):
            return Input(state.size, state.mtime_ns, note="its name is that of a secret or excluded")
        digests = self.cache.get(whole, state)
        if digests is None and self._hashed_bytes + state.size > HASHED_LIMIT_BYTES:
            return Input(state.size, state.mtime_ns, note="more was read than is read through a second time")
        oid = self._in_version.pop(key, "")
        if oid and (digests is None or not digests.oid):
            digests = yield from self._hash(whole, state, len(oid))
        if digests and oid and digests.oid == oid:
            return Input(state.size, state.mtime_ns, digests.sha256, "version")
        note = "" if is_inside else "outside the project: its content is not kept"
        if is_inside and self._kept_bytes + state.size > KEPT_LIMIT_BYTES:
            note = f"its content is beyond the {KEPT_LIMIT_BYTES // 1_000_000} MB kept of a run's inputs"
        if note:
            digests = digests or (yield from self._hash(whole, state))
            return Input(state.size, state.mtime_ns, digests.sha256, note=note)
        if digests is None or not self.contents.has(digests.sha256):
            digests = yield from self.contents.keep(whole, state)
            self._remember(whole, state, digests)
        self._kept_bytes += state.size
        return Input(state.size, state.mtime_ns, digests.sha256, "store")

    def _hash(self, whole: str, state: State, oid_length: int = 0) -> Generator[None, None, Digests]:
        digests = yield from hashing(whole, state, oid_length=oid_length)
        self._remember(whole, state, digests)
        return digests

    def _remember(self, whole: str, state: State, digests: Digests) -> None:
        self._hashed_bytes += state.size
        self.cache.add(whole, state, digests)

    def _ask(self) -> None:
        """Ask git about the next files together: each question takes milliseconds."""
        key = self._waiting[0][0]
        if key in self._asked or key.startswith("/"):
            return
        batch = [one for one, _ in list(self._waiting)[:_AT_ONCE] if not one.startswith("/")]
        self._asked.update(batch)
        self._in_version.update(self.version_of(batch))
