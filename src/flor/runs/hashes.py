"""Remembers what files hash to while they stay as they are: the data of a project is read through once."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from flor.runs import frames, whole
from flor.runs.contents import Digests, State
from flor.runs.frames import Frame

_LIMIT = 50_000
_SETTLED_NS = 2_000_000_000  # coarser than any file system's clock


class _Known(msgspec.Struct, array_like=True):
    state: tuple[int, int, int, int]
    sha256: str
    oid: str = ""


@dataclass(slots=True)
class HashCache:
    """Hashes by absolute path, in the cache of a store."""

    path: Path
    _known: dict[str, _Known] | None = None
    _new: dict[str, _Known] = field(default_factory=dict)

    def get(self, path: str, state: State) -> Digests | None:
        """What the file in this state hashes to; None if nobody knows."""
        if self._known is None:
            self._known = _load(self.path)
        found = self._new.get(path) or self._known.get(path)
        return Digests(found.sha256, found.oid) if found and tuple(found.state) == state else None

    def add(self, path: str, state: State, digests: Digests) -> None:
        """Remember it, if a later change of the file is sure to show in its state."""
        if max(state.mtime_ns, state.ctime_ns) + _SETTLED_NS < time.time_ns():
            self._new[path] = _Known((*state,), digests.sha256, digests.oid)

    def save(self) -> None:
        """Add what is new to the file; where it cannot be written, it is worked out again."""
        if not self._new:
            return
        known = {path: one for path, one in {**_load(self.path), **self._new}.items() if _is_text(path)}
        kept = dict(list(known.items())[-_LIMIT:])
        with suppress(OSError):
            whole.write(self.path, frames.pack(frames.META, msgspec.msgpack.encode(kept)))
        self._known, self._new = kept, {}


def _load(path: Path) -> dict[str, _Known]:
    try:
        frame = next(frames.parse(path.read_bytes()), None)
        if isinstance(frame, Frame):
            return msgspec.msgpack.decode(frame.payload, type=dict[str, _Known])
    except (OSError, msgspec.DecodeError):
        return {}
    return {}


def _is_text(path: str) -> bool:
    return path.isprintable()
