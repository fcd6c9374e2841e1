"""What a run remembers of files: looked at in the background, in small steps, and once more when it ends."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock, get_ident
from typing import Any

from flor.entities import Version
from flor.errors import GitError
from flor.project import Project
from flor.record import clocks, startup, tree
from flor.record.entry_files import EntryFiles, Moment
from flor.record.intake import Intake
from flor.record.opens import Opens
from flor.record.outputs import Outputs
from flor.record.places import Places
from flor.record.telling import Listener, Teller
from flor.record.tree import Look
from flor.runs.contents import Changed, Contents, finish, hashing
from flor.runs.files import RunFiles, Tree, encoded, pack_names, plain
from flor.runs.hashes import HashCache
from flor.runs.layout import Layout
from flor.snapshots import held, selection

SLICE_S = 0.005
"""Of each tick of the background: at most 2 % of one core, while there is something to do."""
NAMES_AT_ONCE = 1_000
END_S = 2.0
"""For what could not be read through while the run went on."""
LOOK_S = 5.0
PROMPT_S = 1.0
"""At an entry point, where training waits."""
HASH_S = 0.5
HASHED_BYTES = 100_000_000
"""Outputs larger than this are known by size and time only."""
QUICK_S = 0.0015
"""A tree that is compared as fast as this is compared at the entry point itself."""
LOOK_PAUSE_S = 2.0
LOOK_RATIO = 4.0
"""Comparing takes so many times as long as listing."""
LIST_S = 0.05
KEPT_NAMES = 50_000
_DONE = object()

Facts = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True)
class Filing:
    """The files of one process of a run."""

    opens: Opens
    entries: EntryFiles
    write: Facts  # to the journal
    compares: bool  # the whole tree: one process of a run does
    _job: Generator[None, None, None] | None = None
    _cost_s: float = 0.0  # of comparing the tree
    _looked_s: float = field(default_factory=time.perf_counter)
    _began_s: float = field(default_factory=time.perf_counter)
    _has_entries: bool = False
    _left_out: list[str] = field(default_factory=list)
    _busy: RLock = field(default_factory=RLock)  # while there is work in the background

    @classmethod
    def of(
        cls, project: Project, version: Version | None, written: Path, is_main: bool, write: Facts
    ) -> "Filing":
        """The files of a process whose run begins.

        Args:
            written: a file in the store that was written to just now.
            is_main: this process compares the tree.
        """
        layout, places = Layout(project.home), Places.of(project)
        skew_ns, start = clocks.skew_ns(written, places.root), startup.run_begins()
        began_ns = clocks.run_began_ns() + skew_ns
        outputs, contents = Outputs(places, began_ns), Contents(layout.files)
        is_secret = selection.matcher((*selection.SECRETS, *project.config.exclude))
        intake = Intake(
            places, contents, HashCache(layout.cache / "hashes"), is_secret, _asker(project, version)
        )
        entries = EntryFiles(outputs, contents)
        listener = Listener(layout.journals, f"{written.stem}.")
        opens = Opens(intake, outputs, listener, skew_ns, start)
        filing = cls(opens, entries, write, is_main and places.is_listable)
        startup.on_opened = None
        filing._job = filing._list() if filing.compares else None
        return filing

    @property
    def outputs(self) -> Outputs:
        """What the run writes."""
        return self.opens.outputs

    @property
    def intake(self) -> Intake:
        """What the run reads."""
        return self.opens.intake

    def teller(self) -> Teller:
        """In a forked child: what tells this process, its parent, which files it opens."""
        return self.opens.listener.teller()

    def follow(self, before: RunFiles) -> None:
        """Go on with the files of a run that was interrupted: what it wrote before is known."""
        with self.opens.lock:
            self.outputs.follow(before)

    def begin(self) -> None:
        """Learn which files are there, and keep what was read so far; right after the first record."""
        with self._busy, _unnoticed():
            self.opens.read(NAMES_AT_ONCE)
            self._work(time.perf_counter() + LIST_S)
            self._tell()

    def tick(self) -> None:
        """A slice of what there is to do; in the background."""
        if not self._busy.acquire(blocking=False):
            return
        try:
            with _unnoticed():
                self.opens.read(NAMES_AT_ONCE)
                self.opens.listen(NAMES_AT_ONCE)
                self._work(time.perf_counter() + SLICE_S)
                self._tell()
        finally:
            self._busy.release()

    def finish(self) -> None:
        """Look at everything once more: the run ends."""
        with self._busy, _unnoticed():
            try:
                self._finish()
            finally:
                startup.run_ends()

    def _finish(self) -> None:
        self.opens.read(startup.OPENED_LIMIT)
        self.opens.listen(startup.OPENED_LIMIT)
        self._looked_s = float("inf")  # what is changed is found below
        self._work(time.perf_counter() + END_S)
        self.intake.give_up()
        is_complete = self._compare_at_end() if self.compares else False
        self._hash(time.perf_counter() + HASH_S)
        self._tell()
        self.write({"tree": plain(self._tree(is_complete))})
        self.intake.cache.save()
        self.opens.listener.forget()

    def at_entry(self, is_prompt: bool) -> Callable[[], dict[str, Any] | None]:
        """Take note of the outputs at an entry point; what is returned finds out the rest, in the background.

        Never raises: a state without the files is better than none.

        Args:
            is_prompt: everything now, however long it takes.
        """
        try:
            return self._at_entry(is_prompt)
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            return self._without_files(error)

    def _at_entry(self, is_prompt: bool) -> Callable[[], dict[str, Any] | None]:
        with _unnoticed():
            self._list_at_once()
            is_read = self._read_all(time.perf_counter() + (PROMPT_S if is_prompt else LIST_S))
            allowed_s = QUICK_S if self._has_entries else LIST_S
            is_quick = self.compares and (is_prompt or 0 < self._cost_s <= allowed_s)
            self._has_entries = True
            look = self._look(PROMPT_S) if is_quick else None
            with self.opens.lock:
                moment = self.entries.moment(time.time_ns() + self.opens.skew_ns, look)
            if is_prompt:
                found = self._facts(moment, is_read and look is not None)
                return lambda: found
        return lambda: self._facts_later(moment, is_read)

    def _facts_later(self, moment: Moment, is_read: bool) -> dict[str, Any] | None:
        try:
            with _unnoticed():
                is_whole = moment.is_complete or (self.compares and self._look(LOOK_S) is not None)
                return self._facts(moment, is_read and is_whole)
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            return self._without_files(error)()

    def _facts(self, moment: Moment, is_whole: bool) -> dict[str, Any]:
        self._tell()  # who goes on from there must know which of them the run has made
        with self.opens.lock:
            later = self.outputs.written()
        return self.entries.facts(moment, later, is_whole=is_whole)

    def _without_files(self, error: Exception) -> Callable[[], None]:
        self._left_out.append(f"files at an entry point: {type(error).__name__}: {error}")
        return lambda: None

    def _read_all(self, until_s: float) -> bool:
        """Whether there was time to take note of every name that was opened so far."""
        while self.opens.has_more:
            if time.perf_counter() > until_s:
                return False
            self.opens.read(NAMES_AT_ONCE)
        return True

    # -- work in small steps -----------------------------------------------

    def _work(self, until_s: float, is_enough: Callable[[], bool] = lambda: False) -> None:
        """Do what there is to do, up to this time."""
        while time.perf_counter() < until_s and not is_enough():
            self._job = self._job or self._next_job()
            if self._job is None:
                return
            if next(self._job, _DONE) is _DONE:
                self._job = None

    def _next_job(self) -> Generator[None, None, None] | None:
        if self.intake.is_waiting:
            return self.intake.take()
        elapsed_s = time.perf_counter() - self._began_s
        pause_s = max(LOOK_PAUSE_S, 200 * self._cost_s, elapsed_s / 100)
        if self.compares and time.perf_counter() - self._looked_s > pause_s:
            return self._compare()
        return None

    def _list(self) -> Generator[None, None, None]:
        """Learn which files are there at the beginning."""
        names = yield from tree.names(self.outputs.places.root, self.outputs.places.stores)
        with self.opens.lock:
            self.outputs.listed(names)
        self._cost_s = LOOK_RATIO * names.cost_s
        if not names.is_whole:
            self._left_out.append(f"files written unseen: there are more than {tree.FILES_LIMIT:,} files")
        packed = pack_names(names.inodes) if names.is_whole and len(names.inodes) <= KEPT_NAMES else b""
        self.write({"tree": plain(Tree(self.outputs.began_ns, names=packed))})

    def _list_at_once(self) -> None:
        """At the first entry point: what is made after it must not be taken for what was there before."""
        is_due = self.compares and self.outputs.names is None
        if not (is_due and self._busy.acquire(timeout=LIST_S)):
            return
        try:
            self._work(time.perf_counter() + LIST_S, is_enough=lambda: self.outputs.names is not None)
        finally:
            self._busy.release()

    def _compare(self) -> Generator[None, None, None]:
        places = self.outputs.places
        look = yield from tree.look(places.root, places.stores, self.outputs.began_ns)
        self._looked_s, self._cost_s = time.perf_counter(), look.cost_s
        with self.opens.lock:
            self.outputs.compare(look)

    def _look(self, limit_s: float) -> Look | None:
        """Compare the tree at once; None where that takes too long."""
        places, until_s = self.outputs.places, time.perf_counter() + limit_s
        steps = tree.look(places.root, places.stores, self.outputs.began_ns)
        while time.perf_counter() < until_s:
            try:
                next(steps)
            except StopIteration as end:
                look: Look = end.value
                self._cost_s = look.cost_s
                with self.opens.lock:
                    self.outputs.compare(look)
                return look
        return None

    def _compare_at_end(self) -> bool:
        """Whether the whole tree could be compared."""
        elapsed_s = time.perf_counter() - self._began_s
        is_later = startup.free_since_ns > 0 or startup.open_runs > 1
        if is_later and elapsed_s < 10 * self._cost_s:
            self._left_out.append("files written unseen: the run was too short for the tree to be compared")
            return False
        look = self._look(LOOK_S) if self.outputs.names else None
        if look is None:
            self._left_out.append("files written unseen: there was no time to compare the whole tree")
        return look is not None and look.is_whole

    def _hash(self, until_s: float) -> None:
        """Hash the outputs, as far as time allows."""
        for key, state in self.outputs.unhashed():
            if time.perf_counter() > until_s or state.size > HASHED_BYTES:
                return
            try:
                digests = finish(hashing(self.outputs.places.whole(key), state))
                self.outputs.hashed(key, state, digests.sha256)
            except (Changed, OSError):
                continue

    # -- the journal -------------------------------------------------------

    def _tell(self) -> None:
        """Write what is new."""
        with self.opens.lock:
            found = {"inputs": self.intake.fresh(), "outputs": self.outputs.fresh()}
        facts = {what: _facts(ones) for what, ones in found.items() if ones}
        if facts:
            self.write(facts)

    def _tree(self, is_complete: bool) -> Tree:
        counts = ((self.intake.left_out_count, "read"), (self.outputs.left_out_count, "written"))
        many = [f"{count:,} more files were {what}" for count, what in counts if count]
        if len(startup.opened) >= startup.OPENED_LIMIT:
            many.append(f"what was opened after {startup.OPENED_LIMIT:,} names")
        alive_ns = time.time_ns() + self.opens.skew_ns
        return Tree(self.outputs.began_ns, is_complete, alive_ns, left_out=(*self._left_out, *many))


def _facts(ones: Mapping[str, Any]) -> dict[str, Any]:
    return {encoded(key): plain(one) for key, one in ones.items()}


@contextmanager
def _unnoticed() -> Iterator[None]:
    """What this thread opens meanwhile is not the program's."""
    thread = get_ident()
    is_outermost = thread not in startup.ours
    startup.ours.add(thread)
    try:
        yield
    finally:
        if is_outermost:
            startup.ours.discard(thread)


def _asker(project: Project, version: Version | None) -> Callable[[Sequence[str]], Mapping[str, str]]:
    """What tells which files the code version of a run holds."""

    def ask(paths: Sequence[str]) -> Mapping[str, str]:
        if project.repository is None or version is None:
            return {}
        try:
            return held.oids(project.repository, version.tree, paths)
        except GitError:
            return {}  # they are kept beside the code then

    return ask
