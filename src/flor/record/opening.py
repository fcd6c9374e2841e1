"""Open a run: find the project, commit its code, then its journal. The snapshot precedes the first record."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flor import project as projects
from flor.checkpoints.scope import Scope
from flor.entities import FORMAT_VERSION, RunId, Version
from flor.errors import FlorError, StoreError
from flor.project import Project
from flor.record import echo, environment, membership, pending, script, startup
from flor.record.context import Node
from flor.record.echo import Echo
from flor.record.filing import Filing
from flor.record.membership import Membership
from flor.record.process_run import Identity, ProcessRun
from flor.runs import blobs, frames, liveness, ring
from flor.runs.journal import JournalWriter
from flor.runs.layout import SEALED_SUFFIX, JournalName, Layout
from flor.runs.liveness import LockFile
from flor.runs.ring import Ring
from flor.snapshots import shadow
from flor.snapshots.shadow import Taken
from flor.times import from_microseconds

_ATTEMPTS = 1_000
_LARGEST_PID = 1 << 22
_STAMP_FRESH_NS = 500_000_000


def project_of_process() -> Project:
    """The project of the script that runs in this process."""
    return projects.for_script(script.of_process().path, Path.cwd(), os.environ)


def open_run(
    project: Project,
    member: Membership,
    redirect: Callable[[Node, str, Any], None],
    typed_in: Mapping[str, bytes],
) -> ProcessRun:
    """Open this process's part of a run.

    Args:
        redirect: see `Spool`.
        typed_in: code that stands in no file, as path -> content.

    Raises:
        StoreError: the store cannot be written.
    """
    layout = Layout(project.home)
    try:
        make_store(layout)
        stamp, tstamp_us = _claim_stamp(layout)
        try:
            is_first = not member.is_child and member.rank == 0
            version, reason = _snapshot(project, layout, typed_in) if is_first else (None, "")
            if reason and project.config.echo != "off":
                echo.warn(f"this run has no code version and cannot be replayed: {reason}")
            return _open(project, layout, member, redirect, _Opening(stamp, tstamp_us, version, reason))
        except BaseException:
            stamp.unlink(missing_ok=True)
            raise
    except OSError as error:
        hint = (
            "Make the folder writable, set FLOR_HOME to a folder that is, or FLOR_MODE=off to record nothing."
        )
        raise StoreError(f"The store {project.home} cannot be written: {error}", hint) from error


class _Opening:
    """What is known of a run before its journal has a name."""

    def __init__(self, stamp: Path, tstamp_us: int, version: Version | None, reason: str) -> None:
        self.stamp, self.tstamp_us, self.version, self.reason = stamp, tstamp_us, version, reason

    @property
    def tstamp(self) -> datetime:
        return from_microseconds(self.tstamp_us)


def _open(
    project: Project,
    layout: Layout,
    member: Membership,
    redirect: Callable[[Node, str, Any], None],
    known: _Opening,
) -> ProcessRun:
    for attempt in range(_ATTEMPTS):
        name = _name(member, attempt, known)
        if not _is_taken(layout, member, name):
            with suppress(FileExistsError):
                return _begin(project, member, name, redirect, known)
    raise StoreError(f"No free name for a journal in {layout.journals}.", "Look into that folder.")


def _begin(
    project: Project,
    member: Membership,
    name: JournalName,
    redirect: Callable[[Node, str, Any], None],
    known: _Opening,
) -> ProcessRun:
    """Begin a journal of this name.

    Raises:
        FileExistsError: another process was faster.
        OSError: the store cannot be written.
    """
    is_main = not member.is_child and name.rank == 0 and name.process == 0
    identity = Identity(name, known.tstamp, known.version, is_main)
    run = begin(project, identity, lambda memory: _header(project, name, member, memory, known), redirect)
    run.before_close.append(lambda: known.stamp.unlink(missing_ok=True))
    run.start()
    return run


def begin(
    project: Project,
    identity: Identity,
    header: Callable[[Ring], dict[str, Any]],
    redirect: Callable[[Node, str, Any], None],
    first_seq: int = 1,
) -> ProcessRun:
    """Begin this process's journal, which nothing tends yet.

    Raises:
        FileExistsError: there is a journal of this name.
        OSError: the store cannot be written.
    """
    layout, name = Layout(project.home), identity.name
    lock = LockFile(layout.lock(name))  # before the journal: without it the process would count as gone
    memory = ring.create(name)
    try:
        pending.note(layout, identity)  # before the journal too: no run may be left without its commit
        first = frames.pack_facts(frames.HEADER, header(memory))
        journal = JournalWriter(layout.journal(name), first, lambda: make_store(layout))
    except BaseException as error:
        # The lock file of one who was faster stays.
        lock.abandon() if isinstance(error, FileExistsError) else lock.release()
        memory.remove()
        raise
    shown = Echo(project.config.echo, identity.is_main)
    keep = blobs.keeper(layout)
    run = ProcessRun(identity, project, journal, memory, lock, shown, redirect, keep, first_seq)
    _open_files(run)
    run.tick_tasks.append(run.note_packages)
    return run


def _open_files(run: ProcessRun) -> None:
    identity = run.identity
    try:
        run.files = Filing.of(run.project, identity.version, run.journal.path, identity.is_main, run.facts)
    except Exception as error:  # noqa: BLE001  (observing must not break training)
        run.fault(error)
    run.before_end.append(_close_files)


def _close_files(run: ProcessRun) -> None:
    try:
        if run.files:
            run.files.finish()
    except Exception as error:  # noqa: BLE001  (observing must not break training)
        run.fault(error)


def _name(member: Membership, attempt: int, known: _Opening) -> JournalName:
    """The name to try: a job's later script takes a run of its own, any other process a further number."""
    if member.origin == "job" and attempt:
        return JournalName(membership.retried(member, attempt).run, member.rank, 0)
    # A pid may come again, a time stamp never does; no pid is as large.
    process = known.tstamp_us + attempt if attempt else os.getpid() if member.is_child else 0
    return JournalName(member.run, member.rank, process)


def _is_taken(layout: Layout, member: Membership, name: JournalName) -> bool:
    """Whether there is or was a journal of this name: what is sealed of it counts as all there is."""
    if layout.journal(name).exists():
        return True
    is_own_number = member.origin == "own" or name.process > _LARGEST_PID
    return not is_own_number and any(layout.sealed.glob(f"{name.run}.*{SEALED_SUFFIX}"))


def make_store(layout: Layout) -> None:
    """Make the folders in which journals and sealed files lie."""
    for folder in (layout.journals, layout.sealed):
        folder.mkdir(parents=True, exist_ok=True)
    if not layout.ignore.exists():
        layout.ignore.write_text("*\n", "ascii")


def _claim_stamp(layout: Layout) -> tuple[Path, int]:
    """A time stamp (microseconds) that no other run of the project has, and the file that claims it."""
    while True:
        now_ns = time.time_ns()
        path = layout.journals / f"{now_ns // 1_000}.stamp"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC))
        except FileExistsError:
            continue
        if time.time_ns() - now_ns < _STAMP_FRESH_NS:
            return path, now_ns // 1_000
        path.unlink()  # so late that an older run may have given up the same claim already


def add_version(run: ProcessRun, typed_in: Mapping[str, bytes]) -> None:
    """Commit the code as it is now as a further version of an open run; the newest is the run's version.

    Raises:
        FlorError: it cannot be committed.
    """
    known = run.identity.version
    if known is None or not run.identity.is_main:
        return
    taken = _take(run.project, Layout(run.project.home), typed_in, run.run)
    if taken and taken.version.tree != known.tree:
        run.identity = replace(run.identity, version=taken.version)
        run.facts({"version": asdict(taken.version)})


def _snapshot(project: Project, layout: Layout, typed_in: Mapping[str, bytes]) -> tuple[Version | None, str]:
    """Commit the code that runs here; or why that cannot be done."""
    if not (script.of_process().has_code or typed_in):
        return None, "code given by -c or typed in is in no file"
    try:
        taken = _take(project, layout, typed_in)
    except FlorError as error:
        return None, error.message
    if taken is None:
        return None, f"no git repository at {project.root}"
    if taken.created_branch:
        verb = "Created and switched to new branch" if project.config.switch else "Created branch"
        echo.show(f"{verb}{':' if project.config.switch else ''} {taken.version.branch}")
    if taken.moved_to:
        echo.warn(f"flor.shadow is checked out; code is committed to {taken.moved_to} instead")
    return taken.version, ""


def _take(
    project: Project, layout: Layout, typed_in: Mapping[str, bytes], run: RunId | None = None
) -> Taken | None:
    """The code as it is now; None without a repository."""
    if project.repository is None:
        return None
    return shadow.take(
        project.repository,
        layout.snapshots,
        project.config,
        project.subfolder,
        loaded_files=_loaded_files(),
        typed_in=typed_in,
        run=run,
    )


def _loaded_files() -> list[Path]:
    names = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return [Path(name) for name in names if name]


def _header(
    project: Project, name: JournalName, member: Membership, memory: Ring, known: _Opening
) -> dict[str, Any]:
    this = script.of_process()
    return {
        "format": FORMAT_VERSION,
        "run": name.run,
        "rank": name.rank,
        "process": name.process,
        "projid": project.projid,
        "tstamp": known.tstamp_us,
        "started": time.time_ns() // 1_000,
        "filename": project.filename(this.path) if this.path else this.name,
        "argv": list(startup.original_argv),
        "cwd": script.start_folder(),
        "user": environment.user(),
        "host": liveness.host_name(),
        "boot": liveness.boot_id(),
        "pid": os.getpid(),
        "parent": None if member.is_child else membership.parent_run(),
        "ring": str(memory.path) if memory.path else None,
        "version": asdict(known.version) if known.version else None,
        "no_version": known.reason,
        "environment": environment.at_start(environment.first_variables(), _asked_for(project.root))
        | {"root": str(project.root)},
    }


def _asked_for(root: Path) -> list[str]:
    """The variables that the modules of the project read that are loaded by now."""
    scope = Scope(root)
    own = [path for path in _loaded_files() if path.suffix == ".py" and scope.has_file(str(path))]
    texts: list[str] = []
    for path in own:
        with suppress(OSError):  # gone: then it reads nothing by a name that is known
            texts.append(path.read_text("utf-8", "replace"))
    return environment.asked_for(texts)
