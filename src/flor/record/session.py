"""The current session: the only global of FlorDB.

Recording and replaying are two implementations of one protocol; the user's script and
`api.py` never ask which one they talk to.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from flor.project import Project
from flor.record.context import Root

T = TypeVar("T")

NO_DEFAULT: Any = object()
"""Stands for a `flor.arg` without a default."""


class Session(Protocol):
    """What `flor.*` means in this process."""

    @property
    def recorded(self) -> Project | None:
        """The project that this process has recorded something into."""

    def root(self) -> Root:
        """The run level for a thread or task that has no stack yet; it becomes its stack."""

    def arg(self, name: str, default: Any) -> Any:
        """The value of a named input."""

    def loop(self, name: str, iterable: Iterable[T]) -> Iterator[T]:
        """Iterate in a named context."""

    def iteration(self, name: str, index: int | None, value: Any) -> AbstractContextManager[None]:
        """One iteration that the script does not drive itself."""

    def checkpointing(self, objects: dict[str, Any]) -> AbstractContextManager[None]:
        """Keep the training state of these objects while open."""

    def commit(self) -> None:
        """End the run of this thread or task here."""

    def close(self) -> None:
        """End every run of this process."""


_session: Session | None = None


class _Making:
    """Held while the session is made: threads may all log for the first time at once."""

    lock = threading.RLock()

    @classmethod
    def renew(cls) -> None:
        """In a forked child: the thread that held it may be gone."""
        cls.lock = threading.RLock()


os.register_at_fork(after_in_child=_Making.renew)


def current() -> Session:
    """The session of this process; the first call decides which one it is."""
    return _session if _session is not None else _first()


def _first() -> Session:
    with _Making.lock:
        made = _session if _session is not None else _new()
        # A signal handler may have logged, and made one, meanwhile.
        return _session if _session is not None else install(made)


def recorded_project() -> Project | None:
    """The project that this process has recorded into: a script reads what it logged, from any folder."""
    return _session.recorded if _session is not None else None


def install(session: Session) -> Session:
    """Make `session` the current one."""
    global _session  # noqa: PLW0603  (the one holder of the one global)
    _session = session
    return session


def close_at_exit() -> None:
    """End the runs of this process, if there is a session."""
    if _session is not None:
        _session.close()


def _new() -> Session:
    from flor.record.opening import project_of_process

    project = project_of_process()
    if project.config.mode == "off":
        from flor.record.silent import SilentSession

        return SilentSession()
    from flor.record.recorder import RecordingSession

    return RecordingSession(project)
