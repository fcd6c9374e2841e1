"""In the process of a run that is resumed: enters it at a past moment, and records from there on."""

import os
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from flor.checkpoints import lost
from flor.checkpoints.entry import parse
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore
from flor.entities import Run
from flor.errors import FlorError, ReentryRefused
from flor.record import opening, reopening, session
from flor.record.keeper import Keeper
from flor.record.recorder import RecordingSession
from flor.record.session import Session
from flor.replay import standing
from flor.replay.job import Job
from flor.replay.player import Player, kept_of
from flor.replay.reentry import Itinerary
from flor.runs import files
from flor.runs.layout import Layout

REFUSED = 97
"""Exit code of a process that was not let go on."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the process is told before its program begins."""

    home: Path  # the store
    run: Run
    entry: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Arrived:
    """The process stands at the entry point, and has changed nothing of the run yet."""

    modules: tuple[str, ...]  # the files of those that are loaded
    reordered: str = ""  # what the way there has made in another order than in the run


@dataclass(frozen=True, slots=True)
class Refused:
    """The entry point cannot be reached exactly."""

    reason: str
    at: str = ""  # the entry point, on the way or wanted, at which that became clear


@dataclass(frozen=True, slots=True)
class Lost:
    """The run has gone on, and needs something of its past that could not be put back."""

    reason: str


@dataclass(frozen=True, slots=True)
class GoOn:
    """The run's records end at the entry point: the process may add to them."""

    first_seq: int
    first_position: int  # of the checkpoints to come
    arguments: frozenset[str]  # the inputs that had been recorded by then
    sizes: Mapping[str, int] = field(default_factory=dict)  # of files that were put back, by path
    written: frozenset[str] | None = None  # the files of the run that are this rank's; None: all


def prepare(job: Job) -> None:
    """Let the program be entered where whoever started it says: called before it begins."""
    line = Connection(job.details["fd"])
    orders: Orders = line.recv()
    store = CheckpointStore(Layout(orders.home).checkpoints)
    kept = kept_of(store, orders.run.run, orders.rank)
    itinerary = Itinerary(parse(orders.entry), frozenset(kept))
    player = Player(itinerary, kept, store, Scope(Path(job.root)), orders.run.args, lambda *_: None)
    player.on_arrival = partial(_arrive, line, orders, player)
    player.on_refusal = partial(_refuse, line)
    session.install(player)


def _refuse(line: Connection, error: Exception) -> None:
    """Leave at once: neither the program's `except` nor its exit hooks take part."""
    message = error.message if isinstance(error, FlorError) else f"{type(error).__name__}: {error}"
    line.send(Refused(message, error.at if isinstance(error, ReentryRefused) else ""))
    _leave()


def _leave() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(REFUSED)


def _arrive(line: Connection, orders: Orders, player: Player) -> Session:
    """Record from here on, in the place of what was recorded after this moment."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    reordered = (each.path for each in player.prefix_differences if each.what == "order")
    line.send(Arrived(tuple(file for file in files if file), next(reordered, "")))
    try:
        answer: GoOn | None = line.recv()
    except EOFError:  # nobody waits for us any more
        answer = None
    if answer is None:
        _leave()
        raise ReentryRefused("The run is not gone on with.")
    os.set_inheritable(line.fileno(), False)
    lost.listen(partial(_go_back, line, os.getpid()))
    return _go_on(orders, player, answer)


def _go_back(line: Connection, process: int, reason: str) -> None:
    """Leave before the program can go on with less than it had: an earlier entry point has to serve."""
    if os.getpid() == process:
        line.send(Lost(reason))
        _leave()


def _with_own_files(run: Run, written: Collection[str] | None) -> Run:
    """The run as it looks to a rank, which goes on with the files that it wrote itself."""
    if written is None:
        return run
    known = files.of(run)
    outputs = {path: output for path, output in known.outputs.items() if path in written}
    return replace(run, files=files.plain(msgspec.structs.replace(known, outputs=outputs)))


def _go_on(orders: Orders, player: Player, answer: GoOn) -> Session:
    project = opening.project_of_process()
    recording = RecordingSession(project)
    run = reopening.reopen(
        project,
        _with_own_files(orders.run, answer.written),
        answer.first_seq,
        recording.redirect,
        entry=orders.entry,
        rank=orders.rank,
        arguments={name: orders.run.args[name] for name in answer.arguments},
    )
    keeper, opened = Keeper.of(run), player.adoptable()
    keeper.adopt(opened.blocks, opened.opened, answer.first_position)
    player.keeper = keeper
    recording.go_on(player.run_level, run, keeper, orders.run.args)
    standing.set_ends(answer.sizes)
    return recording
