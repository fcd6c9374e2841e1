"""Recording: what `flor.*` means in the process of a user who runs a script."""

import os
import sys
import threading
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flor.entities import Status
from flor.errors import ArgumentNotSet
from flor.project import Project
from flor.record import arguments, beginning, echo, ending, loops, membership, opening, pending, startup
from flor.record.context import Node, Root, current, moved, root_of
from flor.record.membership import Membership
from flor.record.process_run import ProcessRun
from flor.record.session import NO_DEFAULT
from flor.runs.layout import Layout

if TYPE_CHECKING:
    from flor.record.console import Console
    from flor.record.keeper import Keeper
    from flor.record.notebook import Notebook

T = TypeVar("T")


class RecordingSession:
    """Opens a run at the first record, and ends it with the process."""

    def __init__(self, project: Project) -> None:
        """Raises: BadArgument if `--kwargs` holds a token that is no pair."""
        self._project = project
        self._given = arguments.parse_pairs(membership.kwargs_tokens())
        self._pid = os.getpid()
        self._asked: set[str] = set()
        self._inherited: dict[str, Any] = {}
        self._decided: Mapping[str, Any] = {}
        self._parent: Membership | None = None  # in a forked child
        self._has_run = False
        self._lock = threading.RLock()
        self._roots: weakref.WeakSet[Root] = weakref.WeakSet()
        self._default = self._first = Root(self._open_and_write)
        self._random = beginning.read()
        self._console = self._new_console()
        self._notebook = self._follow_cells()
        self._arguments_before: Collection[str] = ()  # the cell that is being executed
        os.register_at_fork(after_in_child=self._after_fork)

    @property
    def recorded(self) -> Project | None:
        for root in list(self._roots):
            # Where no memory could be shared, readers find only what has been written out.
            if root.run and root.run.is_open and root.run.ring.path is None:
                root.run.spool.drain()
        return self._project if self._has_run else None

    def root(self) -> Root:
        current.set(self._default)
        return self._default

    def arg(self, name: str, default: Any) -> Any:
        self._asked.add(name)
        root = root_of(self._node())
        run = self._ensure_open(root)
        if name in run.arguments:
            return arguments.as_type_of(default, run.arguments[name])
        value = self._argument_value(name, default)
        try:
            run.argument(root, name, value)
            self._note_record()
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            run.fault(error)
        return value

    def loop(self, name: str, iterable: Iterable[T]) -> Iterator[T]:
        node = self._node()
        run = root_of(node).run
        if run is None or run.keeper is None or run.keeper.block is None:
            return loops.iterate(name, iterable, node)
        return run.keeper.loop(name, iterable, node)

    def iteration(self, name: str, index: int | None, value: Any) -> AbstractContextManager[None]:
        return loops.driven(name, index, value, self._node())

    def checkpointing(self, objects: dict[str, Any]) -> AbstractContextManager[None]:
        from flor.record.keeper import Keeper

        node = self._node()
        run = self._ensure_open(root_of(node))
        keeper = run.keeper or _kept_by(run, Keeper.of(run))
        return keeper.checkpointing(objects, node)

    def go_on(
        self, root: Root, run: ProcessRun, keeper: "Keeper | None", inputs: Mapping[str, Any] | None = None
    ) -> None:
        """Record into a run that is open already, with the stacks that end in this root.

        Args:
            inputs: values that named inputs have, whatever the command line or their defaults say.
        """
        self._decided = inputs or {}
        self._default = self._first = root
        root.run, root.write = run, run.spool.write
        self._roots.add(root)
        _adopt(current.get() or root, run)  # the program's own first call comes to `root()`
        if keeper:
            _kept_by(run, keeper)
        self._attend(run)

    def commit(self) -> None:
        self._commit(root_of(self._node()))

    def _commit(self, root: Root) -> None:
        fresh = Root(self._open_and_write)
        is_shared = root is self._default
        with self._lock:
            if is_shared and self._decides_for_all():
                self._default, is_shared = fresh, False
                if self._notebook:
                    self._notebook.cells.start_run()
            current.set(moved(self._node(), fresh))
        if root.run and not is_shared:
            root.run.end(Status.FINISHED)

    def _decides_for_all(self) -> bool:
        """Whether this is the main thread, and no task in it: threads and tasks commit for themselves."""
        is_main = threading.current_thread() is threading.main_thread()
        return is_main and (self._notebook is not None or not _is_in_task())

    def close(self) -> None:
        unread = self._unread()
        status = ending.status_of_process(self._notebook.cells.executed if self._notebook else None)
        for root in list(self._roots):
            if root.run:
                _end_and_close(root.run, status)
        if self._console:
            self._console.stop()
        for sentence in unread:
            echo.warn(sentence)
        ending.stay(status)

    def _unread(self) -> list[str]:
        """A sentence for each pair of `--kwargs` that no process of the run has read."""
        is_main = os.getpid() == self._pid and membership.is_main_process(os.environ)
        if not is_main or self._given.keys() <= self._asked:
            return []
        runs = [root.run for root in self._roots if root.run]
        return arguments.unread(
            self._given, self._asked.union(*(ending.arguments_of_children(run) for run in runs))
        )

    def cell_begins(self, is_again: bool) -> None:
        """Put a cell at the run level, in a new run where it has logged to this one before."""
        if is_again:
            self._commit(self._default)
        current.set(self._default)
        run = self._default.run
        self._arguments_before = tuple(run.arguments) if run else ()
        if run:
            self._default.write = self._open_and_write  # to hear of the cell's first record
            self._listen()

    def cell_ends(self, has_raised: bool) -> None:
        """Bring what the cell has recorded to the disk, and commit the cells so far."""
        if self._console:
            self._console.stop()
        run = self._default.run
        if run is None or not run.is_open:
            return
        if has_raised:  # the mended cell may give its inputs other values
            run.arguments = {name: run.arguments[name] for name in self._arguments_before}
        try:
            run.flush()
            opening.add_version(run, self._typed_in())
            pending.note(Layout(self._project.home), run.identity)
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            run.fault(error)

    def _new_console(self) -> "Console | None":
        """What keeps console output, where that is wanted."""
        if not self._project.config.capture:
            return None
        from flor.record.console import Console

        return Console(lambda: self._default, self._run_printing, self._note_fault)

    def _follow_cells(self) -> "Notebook | None":
        """The notebook that is executed here, if there is one."""
        if "IPython" not in sys.modules:
            return None
        from flor.record import notebook

        shell = notebook.shell_of_process()
        try:
            return notebook.Notebook.follow(shell, self) if shell else None
        except Exception as error:  # noqa: BLE001  (foreign code: a shell of another kind)
            echo.warn(f"the cells executed here are not followed: {type(error).__name__}: {error}")
            return None

    def _typed_in(self) -> dict[str, bytes]:
        """The cells of a notebook, as a file that stands in snapshots only."""
        return self._notebook.files(self._project) if self._notebook else {}

    def _note_record(self) -> None:
        if self._notebook:
            self._notebook.cells.note_record()

    def _listen(self) -> list[str]:
        return self._console.listen() if self._console else []

    def _run_printing(self, node: Node) -> ProcessRun | None:
        """The run that keeps what is printed here; a forked child's begins with what it prints."""
        root = root_of(node)
        if root.run is None and self._parent:
            self._ensure_open(root)
        return root.run if root.run and root.run.is_open else None

    def _note_fault(self, error: BaseException) -> None:
        if run := self._default.run:
            run.fault(error)

    def _node(self) -> Node:
        return current.get() or self.root()

    def _argument_value(self, name: str, default: Any) -> Any:
        if name in self._decided:
            return arguments.as_type_of(default, self._decided[name])
        if name in self._given:
            return arguments.parse(name, self._given[name], None if default is NO_DEFAULT else default)
        if default is NO_DEFAULT:
            raise ArgumentNotSet(name)
        return default

    def _open_and_write(self, node: Node, name: str, value: Any) -> None:
        """The first record of a run: open the run, then write to it, and at once to the file."""
        root = root_of(node)
        if root.is_parents:
            self.redirect(node, name, value)
            return
        is_first = root.run is None
        run = self._ensure_open(root)
        _adopt(node, run)
        run.spool.write(node, name, value)
        self._note_record()
        if is_first:
            run.spool.drain()

    def _ensure_open(self, root: Root) -> ProcessRun:
        if root.is_parents:
            root = self.root()
        with self._lock:
            if root.run is None:
                root.run = run = self._open(root)
                root.write = run.spool.write
                self._roots.add(root)
                # A thread's own run ends when nothing can log to it any more.
                weakref.finalize(root, _end_and_close, run, Status.FINISHED).atexit = False
            return root.run

    def _open(self, root: Root) -> ProcessRun:
        is_joining = root is self._first  # what follows flor.commit() is a run of its own
        member = (self._parent or membership.of_process(os.environ)) if is_joining else membership.own()
        run = opening.open_run(self._project, member, self.redirect, self._typed_in())
        run.arguments.update(self._inherited or ending.arguments_of_parent(self._project, member))
        self._attend(run)
        if is_joining and self._parent is None:
            beginning.keep(run, self._random)
        run.after_end.append(ending.finish)
        run.after_close.append(ending.seal_if_large)
        ending.close_with_multiprocessing(self.close)
        return run

    def _attend(self, run: ProcessRun) -> None:
        """Let console output go to the run."""
        self._has_run = True
        run.faults += self._listen()
        if self._console:
            run.before_end.append(self._console.finish)

    def redirect(self, node: Node, name: str, value: Any) -> None:
        """A record of a forked child that stands in its parent's loops: it starts a stack of its own."""
        root = self.root()
        root.write(root, name, value)

    def _after_fork(self) -> None:
        """In the child: leave the parent's journals alone; the next record opens one of the child's own."""
        self._lock = threading.RLock()
        startup.forget_opened()
        if self._console:
            self._console.forget()
        self._notebook = None
        owner = root_of(current.get() or self._default).run or self._default.run
        startup.on_opened = owner.files.teller().note if owner and owner.files else None
        if owner:
            self._parent = Membership(owner.run, owner.identity.name.rank, "parent")
            self._inherited = dict(owner.arguments)
        for root in {*self._roots, self._default}:
            root.is_parents, root.write = True, self._open_and_write
            if root.run:
                root.run.detach()
                root.run = None
        self._roots = weakref.WeakSet()
        self._default = self._first = Root(self._open_and_write)
        current.set(None)


def _adopt(node: Node, run: ProcessRun) -> None:
    """Let a stack that began before its run was opened write to it."""
    link: Node | None = node
    while link is not None:
        link.write = run.spool.write
        link = link.parent


def _kept_by(run: ProcessRun, keeper: "Keeper") -> "Keeper":
    run.keeper = keeper
    run.before_end.append(_close_keeper)
    return keeper


def _close_keeper(run: ProcessRun) -> None:
    if run.keeper:
        run.keeper.close()
        is_shown = run.identity.is_main and run.project.config.echo != "off"
        if is_shown and run.keeper.summary():
            echo.show(run.keeper.summary())


def _end_and_close(run: ProcessRun, status: Status) -> None:
    """Training is over here: what still fails is said, and the other runs end all the same."""
    for step in (partial(run.end, status), run.close):
        try:
            step()
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            echo.warn(f"run {run.run} did not end well: {type(error).__name__}: {error}")


def _is_in_task() -> bool:
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        return bool(asyncio.current_task())
    except RuntimeError:
        return False  # no loop runs here
