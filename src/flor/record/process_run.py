"""A run as one process keeps it open: its journal, its sign of life, and the thread that tends both."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from flor.entities import RunId, Source, Status, Version
from flor.project import Project
from flor.record import echo as terminal
from flor.record import environment
from flor.record.context import Node
from flor.record.echo import Echo
from flor.record.spool import FLUSH_INTERVAL_S, Spool
from flor.runs import frames
from flor.runs.journal import JournalWriter
from flor.runs.layout import JournalName
from flor.runs.liveness import LockFile
from flor.runs.ring import Ring
from flor.runs.values import KeepBlob, encode

if TYPE_CHECKING:
    from flor.record.filing import Filing
    from flor.record.keeper import Keeper

SYNC_TICKS = 4
ARRIVAL_TIMEOUT_S = 10.0
FAULTS_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Identity:
    """What a run of this process is called, and the code it executes."""

    name: JournalName
    tstamp: datetime
    version: Version | None
    is_main: bool  # rank 0's main process: it takes the snapshot, echoes, and commits


@dataclass(slots=True)
class ProcessRun:
    """An open run. Closed by `end`, or by the next reader if this process is killed."""

    identity: Identity
    project: Project
    journal: JournalWriter
    ring: Ring
    lock: LockFile
    echo: Echo
    redirect: Callable[[Node, str, Any], None]
    keep_blob: KeepBlob
    first_seq: int = 1
    arguments: dict[str, Any] = field(default_factory=dict)
    before_end: list[Callable[["ProcessRun"], None]] = field(default_factory=list)
    after_end: list[Callable[["ProcessRun"], None]] = field(default_factory=list)
    after_close: list[Callable[["ProcessRun"], None]] = field(default_factory=list)
    before_close: list[Callable[[], None]] = field(default_factory=list)
    tick_tasks: list[Callable[[], None]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    spool: Spool = field(init=False)
    keeper: "Keeper | None" = None  # of training state, once there was a `checkpointing` block
    files: "Filing | None" = None  # what is remembered of files
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _task_lock: threading.Lock = field(default_factory=threading.Lock)
    _is_ended: bool = False
    _is_closed: bool = False
    _only_repr: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.spool = Spool(
            self.ring,
            self.journal,
            self.keep_blob,
            self.fault,
            self.redirect,
            self.echo,
            self._warn_of_repr,
            self.first_seq,
        )

    @property
    def run(self) -> RunId:
        return self.identity.name.run

    @property
    def is_open(self) -> bool:
        """Whether it has not been said yet how the run ended."""
        return not self._is_ended

    def start(self) -> None:
        """Begin tending the journal in the background."""
        thread = threading.Thread(target=self._tend, name="flor", daemon=True)
        with suppress(RuntimeError):  # while the interpreter ends none can be started: `close` writes it all
            thread.start()
            self._thread = thread

    def argument(self, root: Node, name: str, value: Any) -> None:
        """Record an input of the run, where children of this process find it too."""
        self.arguments[name] = value
        ts = time.time_ns()
        self.facts({"args": {name: list(encode(value, self.keep_blob))}})
        self.spool.record(root, name, value, Source.ARG, ts)
        self.echo(root, name, value, ts, 0)

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Add facts about this process to its journal."""
        self.journal.append(frames.pack_facts(frames.META, dict(facts)))

    def flush(self) -> None:
        """Bring every record so far into the journal's file."""
        self.spool.drain()
        self.journal.sync()

    def do_tasks(self) -> None:
        """Do what is left for the background, once it is done with what it does now."""
        with self._task_lock:
            while self.tick_tasks:
                self.tick_tasks.pop(0)()

    def note_packages(self) -> None:
        """Add the installed packages to the journal: in the background, it takes milliseconds."""
        self.facts({"environment": {"packages": environment.packages()}})

    def fault(self, error: BaseException) -> None:
        """Note an exception inside FlorDB: the first warns, training goes on.

        Raises:
            BaseException: `error` itself, where `FLOR_STRICT` is set.
        """
        if self.project.config.strict:
            raise error
        self._note(error)

    def end(self, status: Status) -> None:
        """Say that the run has ended, and how. Records of threads that go on still find their place."""
        if self._is_ended:
            return
        while self.before_end:
            self.before_end.pop()(self)
        self._is_ended = True
        self.spool.wait_for_arrivals(ARRIVAL_TIMEOUT_S)
        self.spool.drain_to_end()
        self.do_tasks()
        self.facts(self._last_facts(status))
        self.journal.sync()
        self.echo.report(self.spool.left_out())
        for action in self.after_end:
            action(self)

    def close(self) -> None:
        """Let go of journal, ring and lock."""
        if self._is_closed:
            return
        self._is_closed = True
        self._stop.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)
        self.spool.drain_to_end()
        for clean_up in self.before_close:
            self._attempt(clean_up)
        self.journal.close()
        if self.journal.is_behind:
            terminal.warn(f"the last records of this run could not be written to {self.journal.path}")
        else:
            self._attempt(self.ring.remove)
        self.lock.release()
        for action in self.after_close:
            action(self)

    def detach(self) -> None:
        """In a forked child: everything here is the parent's."""
        self._is_ended = self._is_closed = True
        self.spool.detach()
        self.lock.abandon()

    def _last_facts(self, status: Status) -> dict[str, Any]:
        facts: dict[str, Any] = {"status": status.value, "ended": time.time_ns() // 1_000}
        facts["environment"] = environment.at_end()
        if self.faults or self.journal.dropped_count:
            dropped = self.journal.dropped_count
            facts["faults"] = self.faults + (
                [f"{dropped} frames dropped: the disk was full"] if dropped else []
            )
        return facts

    def _tend(self) -> None:
        ticks = 0
        self._observe(self.files.begin if self.files else None)
        while not self._stop.wait(FLUSH_INTERVAL_S):
            ticks += 1
            self._observe(partial(self._tick, ticks))

    def _observe(self, action: Callable[[], None] | None) -> None:
        try:
            if action is not None:
                action()
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            self._note(error)

    def _note(self, error: BaseException) -> None:
        text = f"{type(error).__name__}: {error}"
        if not self.faults and not self._is_closed:
            terminal.warn(
                f"a record may be missing: {text} (further faults are only counted; see `flor show`)"
            )
        if len(self.faults) < FAULTS_LIMIT:
            self.faults.append(text)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do one of the last things; where it fails, the others are done all the same."""
        try:
            action()
        except OSError as error:
            self._note(error)

    def _warn_of_repr(self, name: str | None, value: Any) -> None:
        """Say once for each name that a value is kept as text only."""
        if name is not None and name not in self._only_repr:
            self._only_repr.add(name)
            terminal.warn(f"{name!r}: a {type(value).__qualname__} cannot be kept as it is, only its repr")

    def _tick(self, ticks: int) -> None:
        self.spool.drain()
        if ticks % SYNC_TICKS == 0:
            self.journal.sync()
        self.lock.tend()
        with self._task_lock:
            if self.tick_tasks:
                self.tick_tasks.pop(0)()
        if self.files and self.is_open:
            self.files.tick()
