"""Runs whose auto-commit is still owed: noted at the start, crossed out at the end.

What a killed run leaves behind here is written by the next run of the project; readers never
write to git.
"""

import os
from itertools import chain
from pathlib import Path

import msgspec

from flor.entities import RunId, Version
from flor.record.process_run import Identity, ProcessRun
from flor.runs import liveness
from flor.runs.layout import JOURNAL_SUFFIX, SEALED_SUFFIX, JournalName, Layout
from flor.snapshots import shadow
from flor.snapshots.shadow import KilledRun
from flor.times import to_text


class Owed(msgspec.Struct):
    """A run that has a snapshot and no auto-commit yet."""

    run: RunId
    tstamp: str
    version: Version
    host: str
    boot: str
    pid: int


def note(layout: Layout, identity: Identity) -> None:
    """Say that a run owes an auto-commit."""
    run, version = identity.name.run, identity.version
    if version is None or not identity.is_main:
        return
    stamp = to_text(identity.tstamp)
    owed = Owed(run, stamp, version, liveness.host_name(), liveness.boot_id(), os.getpid())
    path = _path(layout, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")  # a kill must not lose what is owed already
    beside.write_bytes(msgspec.json.encode(owed))
    beside.replace(path)


def settle(run: ProcessRun) -> None:
    """Cross this run out, and write the auto-commits that killed runs still lack."""
    layout = Layout(run.project.home)
    _path(layout, run.run).unlink(missing_ok=True)
    killed = [(path, owed) for path in _folder(layout).glob("*.json") if (owed := _killed(layout, path))]
    runs = [
        KilledRun(owed.run, owed.tstamp, owed.version) for _, owed in killed if _is_kept(layout, owed.run)
    ]
    if runs and run.project.repository:
        shadow.close_missing(run.project.repository, runs, switch=run.project.config.switch)
    for path, _ in killed:
        path.unlink(missing_ok=True)


def _killed(layout: Layout, path: Path) -> Owed | None:
    """The run noted at `path` if its process is gone."""
    try:
        owed = msgspec.json.decode(path.read_bytes(), type=Owed)
    except (OSError, msgspec.DecodeError):
        return None
    lock = layout.lock(JournalName(owed.run, 0, 0))
    return None if liveness.is_alive(lock, owed.host, owed.boot) else owed


def _is_kept(layout: Layout, run: RunId) -> bool:
    """Whether there are records of a run: one that was killed as it began has none."""
    journals = layout.journals.glob(f"{run}.*{JOURNAL_SUFFIX}")
    return any(chain(journals, layout.sealed.glob(f"{run}.*{SEALED_SUFFIX}")))


def _folder(layout: Layout) -> Path:
    return layout.snapshots / "owed"


def _path(layout: Layout, run: RunId) -> Path:
    return _folder(layout) / f"{run}.json"
