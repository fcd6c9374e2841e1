"""What is known of a run besides its records: the JSON in the schema metadata of a sealed file."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from flor.entities import FORMAT_VERSION, Kind, Run, RunId, Source, Status
from flor.errors import FormatTooNew
from flor.runs import files
from flor.runs.journals import Journal
from flor.runs.layout import JournalName
from flor.runs.records import LoopDefault
from flor.runs.summary import Summary, Value
from flor.runs.tables import RunTable
from flor.runs.values import decode
from flor.times import from_microseconds

_KINDS = tuple(Kind)  # by number: a list of ten thousand runs asks for each a hundred thousand times


class Continuation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process that went on with the journal of one that was gone."""

    journal: str
    started: int
    entry: str = ""  # the moment of the run at which it began


class Cut(msgspec.Struct, frozen=True):
    """Records of a journal that were superseded: those with `after` < seq < `before`."""

    journal: str
    after: int
    before: int


class Answered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a replay found out under one name."""

    name: str
    probe: str  # hash of the statement, as it was carried into the run's version
    replay: str  # time stamp of the replay
    level: str = ""
    iterations: list[tuple[int, int, int]] | None = None  # block, loop, iteration, from 0; None: all
    segments: int = 0
    seconds: float = 0.0
    obtained: int = 0  # values
    verified: int = 0
    diverged: int = 0
    unverified: int = 0
    reason: str = ""
    verdicts: list[tuple[str, int]] = []  # of the records in this file, in their order; see runs/verdicts.py
    mark: str = ""  # no other answer has it
    instead: list[str] = []  # marks of the answers whose place it has taken; see runs/outdated.py
    heeded: list[str] = []  # and of those that have taken the place of some of it


class RunMetadata(msgspec.Struct, omit_defaults=True):
    """One sealed file's run. Times are microseconds since the epoch."""

    format: int
    run: str
    projid: str
    tstamp: int
    filename: str
    status: str
    rank_count: int
    started: int
    ended: int | None
    argv: list[str]
    cwd: str
    user: str
    host: str
    pid: int
    args: dict[str, Value]
    values: dict[str, Value]
    names: dict[str, int]  # rows under each name
    loops: dict[str, LoopDefault]
    journals: dict[str, int]  # journal -> seq of the last record taken from it
    rows: int
    console: int = 0  # of these rows, lines of captured output
    superseded: int = 0  # of these rows, those that count no more, not even in the fields above
    parent: str | None = None
    version: dict[str, Any] | None = None
    no_version: str = ""
    environment: dict[str, Any] = {}
    files: dict[str, Any] = {}  # see runs/files.py
    faults: list[str] = []
    damaged_bytes: int = 0
    continuations: list[Continuation] = []  # among its journals
    cuts: list[Cut] = []  # of the run, as far as they are known to this file
    answered: list[Answered] = []  # in hindsight; the records are in the same file
    paused: int = 0  # between its processes, where one went on with another's journal


def pack(metadata: RunMetadata) -> bytes:
    """The JSON of a run."""
    return msgspec.json.encode(metadata)


def unpack(content: bytes, path: object) -> RunMetadata:
    """The inverse of `pack`.

    Raises:
        FormatTooNew: a newer FlorDB wrote it.
    """
    found = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    version = msgspec.json.decode(found["format"])
    if version > FORMAT_VERSION:
        raise FormatTooNew(path, version, FORMAT_VERSION)
    return msgspec.json.decode(content, type=RunMetadata)


def describe(journals: Sequence[Journal], records: RunTable) -> RunMetadata:
    """The metadata of a run from the journals of its processes (at least one)."""
    main = min(journals, key=lambda journal: (journal.name.rank, journal.name.process))
    header, summary = main.header, Summary(records.table)
    return RunMetadata(
        format=FORMAT_VERSION,
        run=main.name.run,
        projid=header["projid"],
        tstamp=header["tstamp"],
        filename=header["filename"],
        status=status_of(journals).value,
        rank_count=len({journal.name.rank for journal in journals}),
        started=header["started"],
        ended=_ended(journals, summary.last_ts()),
        argv=header["argv"],
        cwd=header["cwd"],
        user=header["user"],
        host=header["host"],
        pid=header["pid"],
        args=summary.last_values(Source.ARG),
        values=summary.last_values(Source.LOG),
        names=summary.name_counts(),
        loops=records.loops,
        journals=summary.last_seqs(journal.name for journal in journals),
        rows=records.table.num_rows,
        console=summary.line_count(),
        parent=header["parent"],
        version=main.facts.get("version", header["version"]),
        no_version=header["no_version"],
        environment=_environment(main),
        files=_files(journals),
        faults=[fault for journal in journals for fault in journal.facts.get("faults", [])],
        damaged_bytes=sum(part.size_bytes for journal in journals for part in journal.damage),
        continuations=[
            Continuation(str(one.name), one.header["started"], one.header["continues"]["entry"])
            for one in journals
            if "continues" in one.header
        ],
    )


def status_of(journals: Sequence[Journal]) -> Status:
    """How a run stands: its processes' worst; children count only while they are alive."""
    mains = [journal for journal in journals if journal.name.process == 0] or list(journals)
    found = {_status_of_main(journal) for journal in mains}
    if any(journal.is_alive and not journal.has_ended for journal in journals):
        found.add(Status.RUNNING)
    ranked = (Status.RUNNING, Status.FAILED, Status.INTERRUPTED, Status.FINISHED)
    return next(status for status in ranked if status in found)


def merge(parts: Sequence[RunMetadata]) -> RunMetadata:
    """One run from its sealed files and late journals, oldest first."""
    if len(parts) == 1:
        return parts[0]
    first, mains = parts[0], _of_main_process(parts)
    is_running = parts[-1].status == Status.RUNNING
    names: dict[str, int] = {}
    for part in parts:
        for name, count in part.names.items():
            names[name] = names.get(name, 0) + count
    return msgspec.structs.replace(
        first,
        status=Status.RUNNING.value if is_running else mains[-1].status,
        host=mains[-1].host,
        pid=mains[-1].pid,
        ended=None if is_running else max((p.ended for p in parts if p.ended is not None), default=None),
        paused=sum(max(0, b.started - (a.ended or a.started)) for a, b in pairwise(mains)),
        args={name: value for part in parts for name, value in part.args.items()},
        values={name: value for part in parts for name, value in part.values.items()},
        names=names,
        loops=loop_defaults(parts),
        journals=last_seqs(parts),
        rows=sum(part.rows for part in parts),
        console=sum(part.console for part in parts),
        superseded=sum(part.superseded for part in parts),
        files=files.merged([part.files for part in parts]),
        faults=[fault for part in parts for fault in part.faults],
        damaged_bytes=sum(part.damaged_bytes for part in parts),
        continuations=list(dict.fromkeys(one for part in parts for one in part.continuations)),
        cuts=cuts(parts),
        answered=[one for part in parts for one in part.answered],
    )


def loop_defaults(parts: Sequence[RunMetadata]) -> dict[str, LoopDefault]:
    """What the parts of a run, oldest first, say of loops: they agree, see `tables.build`."""
    return {path: default for part in reversed(parts) for path, default in part.loops.items()}


def last_seqs(parts: Sequence[RunMetadata]) -> dict[str, int]:
    """For each journal the seq of the last record that was taken from it."""
    found: dict[str, int] = {}
    for part in parts:
        for name, seq in part.journals.items():
            found[name] = max(seq, found.get(name, 0))
    return found


def cuts(parts: Sequence[RunMetadata]) -> list[Cut]:
    """What of a run was superseded, each once."""
    return list(dict.fromkeys(cut for part in parts for cut in part.cuts))


def _of_main_process(parts: Sequence[RunMetadata]) -> Sequence[RunMetadata]:
    """The parts that hold records of rank 0's main process, at least one part."""
    main = str(JournalName(RunId(parts[0].run), 0, 0))
    return [part for part in parts if main in part.journals] or parts[:1]


def to_run(metadata: RunMetadata) -> Run:
    """The run as the rest of FlorDB knows it."""
    version = metadata.version or {}
    return Run(
        run=RunId(metadata.run),
        projid=metadata.projid,
        tstamp=from_microseconds(metadata.tstamp),
        filename=metadata.filename,
        status=Status(metadata.status),
        rank_count=metadata.rank_count,
        duration_s=_duration_s(metadata),
        args=_decoded(metadata.args),
        values=_decoded(metadata.values),
        version=version.get("commit"),
        tree=version.get("tree"),
        base=version.get("base"),
        branch=version.get("branch"),
        argv=tuple(metadata.argv),
        cwd=metadata.cwd,
        user=metadata.user,
        host=metadata.host,
        pid=metadata.pid,
        parent=RunId(metadata.parent) if metadata.parent else None,
        environment=metadata.environment,
        files=metadata.files,
        left_out=tuple(version.get("left_out", ())),
        faults=tuple(metadata.faults),
        resumed=tuple(one.entry for one in metadata.continuations if one.journal.endswith(".0.0")),
    )


def _duration_s(metadata: RunMetadata) -> float | None:
    """How long the run's processes ran, what is superseded included, and the time between them not."""
    if metadata.ended is None:
        return None
    return (metadata.ended - metadata.started - metadata.paused) / 1e6


def _decoded(values: Mapping[str, Value]) -> dict[str, Any]:
    return {name: decode(_KINDS[kind], vf, vi, vs) for name, (kind, vf, vi, vs) in values.items()}


def _status_of_main(journal: Journal) -> Status:
    if journal.has_ended:
        return Status(journal.facts["status"])
    return Status.RUNNING if journal.is_alive else Status.INTERRUPTED


def _ended(journals: Sequence[Journal], last: int) -> int | None:
    """When the run ended; of a killed one, its last record. None while it runs."""
    if status_of(journals) is Status.RUNNING:
        return None
    said = [journal.facts["ended"] for journal in journals if journal.has_ended]
    return max([*said, last]) if said or last else None


def _environment(main: Journal) -> dict[str, Any]:
    return {**main.header["environment"], **main.facts.get("environment", {})}


def _files(journals: Sequence[Journal]) -> dict[str, Any]:
    ordered = sorted(journals, key=lambda journal: (journal.name.process, journal.name.rank))
    alive_ns = max(journal.touched_ns for journal in journals)
    return files.gathered([journal.facts for journal in ordered], alive_ns)
