"""From names and a predicate to plans: which runs are asked, and what is executed for each."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import pyarrow as pa

from flor.checkpoints.store import CheckpointStore
from flor.entities import Run, RunId, Source, Status
from flor.errors import NotInRepository
from flor.executors import capacity
from flor.project import Project
from flor.replay import audited, auditing, elsewhere, inputs, versions
from flor.replay.executing import Recorded, Work
from flor.replay.inputs import InputChange
from flor.replay.planning import costs, gathering, outcomes, planner, unanswered
from flor.replay.planning.costs import Correction, Outcome
from flor.replay.planning.facts import LoopFacts, Narrowed
from flor.replay.planning.planner import Question
from flor.replay.planning.plans import Plan
from flor.replay.planning.unanswered import Answer
from flor.replay.probes import Probe
from flor.replay.propagation import Propagated
from flor.replay.report import RunReport
from flor.replay.versions import ProbedVersion
from flor.runs import files
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from flor.runs.metadata import Answered
from flor.runs.schema import RECORDS
from flor.runs.tables import mask, numbers
from flor.snapshots.repository import Repository

_ANSWERED = "it was answered before"


@dataclass(frozen=True, slots=True)
class Request:
    """What a replay is asked for."""

    names: tuple[str, ...]
    where: str | None = None
    runs: tuple[str, ...] = ()  # only these; none: all
    workers: int = 1
    is_sliced: bool = True
    audit: int | None = None  # iterations to execute in full and compare; None: where that is cheap


def request(
    names: str | Sequence[str],
    where: str | None = None,
    *,
    runs: Sequence[str] = (),
    workers: int | None = None,
    is_sliced: bool = True,
    audit: int | None = None,
) -> Request:
    """The request for these names, one by one or with commas. Workers: by default as many as fit."""
    listed = names.split(",") if isinstance(names, str) else names
    count = workers or capacity.workers(capacity.machine(), int(os.environ.get("OMP_NUM_THREADS") or 1))
    found = tuple(dict.fromkeys(name.strip() for name in listed if name.strip()))
    return Request(found, where, tuple(runs), count, is_sliced, audit)


@dataclass(frozen=True, slots=True)
class Asked:
    """The runs that are to be asked, and those that are not, with the reason."""

    works: tuple[Work, ...]
    others: tuple[RunReport, ...]
    patches: tuple[tuple[str, str], ...]  # version, and the difference that the probes make in it
    workers: int = 1
    audit: int | None = None  # see `Request`
    audited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # see audited.py

    @property
    def plans(self) -> tuple[Plan, ...]:
        """What is to be executed."""
        return tuple(work.plan for work in self.works)

    @property
    def elapsed_s(self) -> float:
        """How long it will take, as far as is known."""
        every = [segment.estimated_s for work in self.works for segment in work.segments]
        return max(max(every, default=0.0), sum(every) / self.workers)


def ask(project: Project, catalog: Catalog, request: Request) -> Asked:
    """Plan a replay; nothing is executed.

    Raises:
        FlorError: a name is logged nowhere today, or a run is not there.
        QueryError: the predicate cannot be understood.
    """
    if request.where is not None:
        from flor.replay.planning import narrowing

        narrowing.check(catalog, request.where, request.names)
    now = versions.today(project)
    wanted = versions.find_probes(now, request.names)
    runs = _chosen(catalog, request)
    texts = versions.texts_of(_repository(project), runs)
    planning = _Planning(project, catalog, request, wanted, now)
    found = [planning.one(run, texts.get(run.run)) for run in runs]
    known = audited.read(Layout(project.home))
    planned = [one for one in found if isinstance(one, Work)]
    works, unprovable = _provable(auditing.with_audits(planned, request.audit, known))
    return Asked(
        works,
        (*(one for one in found if isinstance(one, RunReport)), *unprovable),
        tuple(planning.patches.items()),
        request.workers,
        request.audit,
        known,
    )


def _provable(works: Sequence[Work]) -> tuple[tuple[Work, ...], list[RunReport]]:
    """The works without those that would only prove what was answered before, and cannot."""
    idle = [work for work in works if work.is_proof and work.unaudited]
    reports = [_unasked(work.run, f"{_ANSWERED}, and {work.unaudited}", is_missing=False) for work in idle]
    return tuple(work for work in works if not (work.is_proof and work.unaudited)), reports


@dataclass(frozen=True)
class _Planning:
    """Plans runs one by one; versions with the probes in them are made once."""

    project: Project
    catalog: Catalog
    request: Request
    probes: Sequence[Probe]
    now: Mapping[str, str]
    versions: dict[tuple[str, str], ProbedVersion] = field(default_factory=dict)
    patches: dict[str, str] = field(default_factory=dict)

    def one(self, run: Run, texts: Mapping[str, str] | None) -> Work | RunReport:
        """What to execute for a run, or why nothing."""
        if texts is None:
            reason = "its code is no longer in the repository" if run.version else "it has no code version"
            return _unasked(run, reason, is_missing=True)
        version = self._version(run, texts)
        carried = version.propagated
        if not carried.patches:
            return _refused(run, version)
        return self._work(run, version, texts)

    def _narrowed(self, run: Run, loops: Sequence[LoopFacts]) -> Narrowed | None:
        if self.request.where is None:
            return Narrowed.not_at_all(run.run, loops)
        from flor.replay.planning import narrowing  # needs DuckDB and pandas, which take half a second

        found = narrowing.narrow(self.catalog, {run.run: loops}, self.request.where, self.request.names)
        return found[0] if found else None

    def _version(self, run: Run, texts: Mapping[str, str]) -> ProbedVersion:
        key = (run.tree or run.run, run.filename)
        if key not in self.versions:
            made = versions.probed(
                self.probes, self.now, texts, run.filename, is_sliced=self.request.is_sliced
            )
            self.versions[key] = made
            if made.propagated.files:
                self.patches[(run.version or "")[:12]] = made.propagated.diff()
        return self.versions[key]

    def _work(self, run: Run, version: ProbedVersion, texts: Mapping[str, str]) -> Work | RunReport:
        store = CheckpointStore(Layout(self.project.home).checkpoints)
        own = [path for path, one in files.of(run).outputs.items() if one.is_read]
        facts = gathering.run_facts(self.catalog, store, run, version.changed, version.new_line, own)
        narrowed = self._narrowed(run, facts.loops)
        if narrowed is None:
            return _unasked(run, "nothing of it satisfies the predicate", is_missing=False)
        question = self._question(run, version, narrowed)
        is_answered = question is None
        if self.request.audit:
            question = self._question(run, version, narrowed, is_unverified_known=False)
        if question is None:
            return _unasked(run, _ANSWERED, is_missing=False)
        lacking = [one for one in self._input_changes(run) if not one.is_kept]
        if lacking:
            reason = f"an input is no longer what it read: {lacking[0]}"
            return _unasked(run, reason, is_missing=not is_answered)
        reason = elsewhere.unknown(run, own, reads=version.changed.may_ask_files)
        if reason:
            return _unasked(run, reason, is_missing=not is_answered)
        planned = partial(planner.plan, facts, version.changed, question, self._correction(run))
        return Work(
            run=run,
            plan=planned(),
            files=version.files,
            edits=version.edits,
            names=self.request.names,
            hashes=_hashes(version.propagated),
            recorded=_recorded(self.catalog, store, run),
            loops=self.catalog.entry(run.run).metadata.loops,
            version=f"{run.tree} {run.environment.get('python', '')}",
            lengths={(loop.block, loop.loop): loop.begun for loop in facts.loops},
            loop_names={(loop.block, loop.loop): loop.name for loop in facts.loops},
            kept=frozenset(state.entry for state in facts.kept),
            replan=planned,
            texts={**texts, **version.files},
            patches=version.propagated.patches,
            is_proof=is_answered,
            is_part=self.request.where is not None or run.status is not Status.FINISHED,
        )

    def _input_changes(self, run: Run) -> list[InputChange]:
        return inputs.check(files.of(run), self.project.root, Layout(self.project.home))

    def _correction(self, run: Run) -> Correction:
        """What former replays of the script teach of its times."""
        return costs.correction(self._outcomes, run.filename)

    @cached_property
    def _outcomes(self) -> list[Outcome]:
        return outcomes.read(Layout(self.project.home))

    def _question(
        self, run: Run, version: ProbedVersion, narrowed: Narrowed, is_unverified_known: bool = True
    ) -> Question | None:
        """What is still to be asked of a run; None where all of it was answered before."""
        answered = self.catalog.entry(run.run).metadata.answered
        # What diverged may come out rightly today.
        counting = [one for one in answered if not one.diverged]
        known = [_answer(one) for one in counting if is_unverified_known or not one.unverified]
        is_partly_known = any(one.iterations for one in known) and bool(narrowed.iterations)
        wanted = narrowed.iterations if self.request.where is not None or is_partly_known else None
        left = unanswered.left(wanted, _hashes(version.propagated).values(), known)
        # What is outside of iterations was recorded with any of them; a run that goes on may have more of it.
        is_known = is_partly_known and run.status is not Status.FINISHED and left.has_no_iterations
        if left.is_nothing or is_known:
            return None
        workers, is_sliced = self.request.workers, self.request.is_sliced
        return Question(left.iterations, left.is_outside_wanted, workers, is_sliced)


def _answer(one: Answered) -> Answer:
    iterations = None if one.iterations is None else [at for _, _, at in one.iterations]
    return Answer(one.probe, iterations)


def _recorded(catalog: Catalog, store: CheckpointStore, run: Run) -> list[Recorded]:
    """What the main process of each rank recorded itself."""
    sources = (Source.LOG, Source.ARG, Source.LOOP)
    tables = [chunk.table.select(RECORDS.names) for chunk in catalog.chunks(None, [run.run], sources)]
    table = pa.concat_tables(tables).unify_dictionaries() if tables else RECORDS.empty_table()
    rank, is_main = numbers(table["rank"]), numbers(table["process"]) == 0
    own = (table.filter(mask((rank == each) & is_main)).combine_chunks() for each in range(run.rank_count))
    seqs = _seqs(store, run.run)
    return [Recorded(part, seqs.get(rank, {})) for rank, part in enumerate(own)]


def _seqs(store: CheckpointStore, run: RunId) -> dict[int, dict[str, int]]:
    """Of each rank, of each kept entry point of its main process, the last record before it."""
    found: dict[int, dict[str, int]] = {}
    for one in (kept.manifest for kept in store.kept(run)):
        if one.process == 0:
            found.setdefault(one.rank, {})[one.entry] = one.seq
    return found


def _hashes(carried: Propagated) -> dict[str, str]:
    """Of the probes of each name one hash."""
    found: dict[str, list[str]] = {}
    for patch in carried.patches:
        found.setdefault(patch.probe.name, []).append(patch.hash)
    return {name: "+".join(hashes) for name, hashes in found.items()}


def _refused(run: Run, version: ProbedVersion) -> RunReport:
    """Why a run is not asked: it has the statement already, cannot have it, or its place is not certain."""
    carried = version.propagated
    if carried.present and not carried.refusals:
        return _unasked(run, "its version has the statement itself", is_missing=False)
    is_missing = any(not one.is_absent for one in carried.refusals)
    reasons = dict.fromkeys(one.reason for one in carried.refusals)
    return _unasked(run, "; ".join(reasons), is_missing=is_missing)


def _unasked(run: Run, reason: str, *, is_missing: bool) -> RunReport:
    return RunReport(run.run, run.tstamp, "none", reason=reason, is_missing=is_missing)


def _chosen(catalog: Catalog, request: Request) -> list[Run]:
    """The runs that are asked, oldest first."""
    if request.runs:
        return [catalog.find(text) for text in request.runs]
    return [catalog.detailed(run) for run in catalog.runs]


def _repository(project: Project) -> Repository:
    if project.repository is None:
        raise NotInRepository(f"{project.root} is in no git repository.", "Change to a clone of the project.")
    return project.repository
