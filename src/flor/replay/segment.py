"""The process of one segment of a replay: what its program logs goes to a store of the segment's own."""

import atexit
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import msgspec

from flor.checkpoints import points
from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore
from flor.entities import Run, Source, Status
from flor.errors import FlorError
from flor.record import ending, environment, opening, reopening, session, startup
from flor.record.context import Root
from flor.record.echo import Echo
from flor.record.process_run import Identity, ProcessRun
from flor.record.recorder import RecordingSession
from flor.replay import ranks, relocating, standing
from flor.replay.edits import Edits
from flor.replay.hindsight import Hindsight
from flor.replay.job import Job
from flor.replay.marks import MARK, Mark
from flor.replay.orders import Orders, read
from flor.replay.player import kept_of
from flor.replay.tour import Tour
from flor.runs import blobs, frames, ring
from flor.runs.contents import Contents
from flor.runs.journal import JournalWriter
from flor.runs.layout import JournalName, Layout
from flor.runs.liveness import LockFile

REFUSED = 97
"""Exit code of a segment that could not be executed exactly."""


def prepare(job: Job) -> None:
    """Let the program be taken through the segment: called before it begins."""
    orders = read(Path(job.details["orders"]))
    store = CheckpointStore(Layout(orders.home).checkpoints)
    rank = ranks.own(orders.rank_count)
    every = [kept_of(store, orders.run.run, each) for each in range(orders.rank_count)]
    kept = every[rank]
    scope, arguments = Scope(Path(job.root)), orders.run.args
    run = open_scratch(orders, rank)
    atexit.register(_remove_temporaries)
    root: list[Root] = []
    told, jumps = count(1), count()

    def tell(mark: Mark) -> None:
        if mark.entry:
            at = parse(mark.entry)
            then = points.files_of([each[at].manifest for each in every if at in each])
            standing.put(then, Path(job.root), Contents(Layout(orders.home).files))
            ranks.wait_for_others(orders.scratch, f"put {next(jumps)}", rank, orders.rank_count)
        _tell(run, root[0], _if_whole(run, _with_facts(_judged(mark, orders.run))))
        if next(told) == orders.segment.last_mark:
            stop(Mark(is_over=True))

    def stop(mark: Mark) -> None:
        ranks.wait_for_others(orders.scratch, "over", rank, orders.rank_count)
        _stop(run, root[0], mark)

    player = Hindsight(
        Tour(orders.segment),  # type: ignore[arg-type]  # an itinerary, as far as a tour needs one
        kept,
        store,
        scope,
        arguments,
        lambda *_: None,
        on_refusal=lambda error: _refuse(run, root[0], error, player.tourist.entered),
        tell=tell,
        stop=lambda: stop(_at_stop(player)),
        brought=Edits.of(job.details["edits"]).brought,
    )
    root.append(player.run_level)
    recording = RecordingSession(run.project)
    recording.go_on(player.run_level, run, None, arguments)
    player.recording = recording
    player.tell(Mark(counts=player.tour.counts_outside))
    session.install(player)


def open_scratch(orders: Orders, rank: int = 0) -> ProcessRun:
    """A run in the scratch store, for the processes of this segment alone."""
    layout, name = Layout(orders.scratch), JournalName(orders.run.run, rank, 0)
    project = replace(orders.project, home=orders.scratch)
    opening.make_store(layout)
    identity = Identity(name, orders.run.tstamp, None, is_main=False)
    lock, memory = LockFile(layout.lock(name)), ring.create(name)
    header = frames.pack_facts(frames.HEADER, reopening.header(orders.run, identity, memory))
    journal = JournalWriter(layout.journal(name), header, lambda: opening.make_store(layout))
    run = ProcessRun(
        identity, project, journal, memory, lock, Echo("off", False), lambda *_: None, blobs.keeper(layout)
    )
    run.start()
    return run


def _judged(mark: Mark, recorded: Run) -> Mark:
    """The mark; that of the end with what went wrong on the whole way."""
    if not mark.is_over:
        return mark
    ended_well = ending.status_of_process(None) is Status.FINISHED or recorded.status is not Status.FINISHED
    failed = "" if ended_well else f"{sys.last_type.__name__}: {sys.last_value}"  # type: ignore[union-attr]
    return msgspec.structs.replace(mark, refused=relocating.offence(), failed=failed)


def _if_whole(run: ProcessRun, mark: Mark) -> Mark:
    """The mark; at the end another one if not all that was logged came to the disk."""
    if not mark.is_over:
        return mark
    run.flush()
    if run.journal.is_behind or run.journal.dropped_count:
        return Mark(refused="not all of its records could be written: the disk is full")
    return Mark(refused=f"a record is missing: {run.faults[0]}") if run.faults else mark


def _tell(run: ProcessRun, root: Root, mark: Mark) -> None:
    run.spool.record(root, MARK, msgspec.json.encode(mark).decode(), Source.LOG, 0)


def _with_facts(mark: Mark) -> Mark:
    """The mark; that of the end with what the program has computed with. It used no device but those."""
    facts = {"devices": [], **environment.at_end()} if mark.is_over and not mark.refused else {}
    return msgspec.structs.replace(mark, facts=facts)


def _at_stop(player: Hindsight) -> Mark:
    """The end of a segment; before the first main loop the program may not have chosen its devices yet."""
    mark = Mark(is_over=True)
    return _with_facts(mark) if player.tourist.has_come_to_loop else mark


def _stop(run: ProcessRun, root: Root, mark: Mark) -> None:
    """End here: neither the program's `finally` nor its exit hooks take part."""
    _tell(run, root, _if_whole(run, mark))
    _end(run, Status.FINISHED)
    os._exit(0)


def _refuse(run: ProcessRun, root: Root, error: Exception, entered: EntryPoint | None) -> None:
    message = error.message if isinstance(error, FlorError) else f"{type(error).__name__}: {error}"
    _tell(run, root, Mark(refused=message, entered=str(entered or "")))
    _end(run, Status.FAILED)
    os._exit(REFUSED)


def _end(run: ProcessRun, status: Status) -> None:
    run.end(status)
    run.close()
    _remove_temporaries()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def _remove_temporaries() -> None:
    """What the program has made beside its project goes with this process."""
    for path in startup.temporaries:
        with suppress(OSError):
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
