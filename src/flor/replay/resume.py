"""Goes on with a run that was killed, in place, as if it had never been."""

from collections.abc import Iterable
from dataclasses import dataclass

from flor.checkpoints.entry import parse
from flor.checkpoints.graph import GRAPH_TENSOR, Graph
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.paths import Paths
from flor.checkpoints.store import CheckpointStore
from flor.entities import Run
from flor.errors import CannotResume, Unreadable
from flor.project import Project
from flor.record import reopening
from flor.replay import preconditions
from flor.replay.attempt import Attempt, Resumed, Say
from flor.replay.resuming import Lost, Refused
from flor.replay.resumption import (
    DAMAGED,
    OF_TOO_FEW,
    Candidate,
    PassedOver,
    candidates,
    refuse_unless_stopped,
    told,
)
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout


def resume(project: Project, run: Run, say: Say) -> Resumed:
    """Go on with the run from the latest entry point that serves, and wait for its end.

    Args:
        say: is told a line before the script goes on.

    Raises:
        CannotResume: the run or its code does not allow it, or no entry point serves.
    """
    refuse_unless_stopped(run)
    preconditions.refuse_other_folder(project, run)
    preconditions.refuse_other_code(project, run)
    with reopening.claim(Layout(project.home), run.run):
        return _resume(project, run, say)


def _resume(project: Project, run: Run, say: Say) -> Resumed:
    store = CheckpointStore(Layout(project.home).checkpoints)
    every = [one.manifest for one in store.kept(run.run) if one.manifest.process == 0]
    first = [one for one in every if one.rank == 0]
    lacking = dict.fromkeys(_of_too_few(every, run.rank_count), OF_TOO_FEW)
    lacking |= {one.entry: DAMAGED for one in every if store.missing(one.hashes())}
    tries, passed = candidates(first, lacking, [one for one in every if one.rank])
    search = _Search(project, run, say, store, passed)
    for candidate in tries:
        resumed = search.at(candidate)
        if resumed:
            return resumed
    hint = "Run the script again; `flor.restore` puts back what was kept."
    raise CannotResume(run.run, "it can be entered nowhere exactly", "\n".join([*told(passed), hint]))


def _of_too_few(manifests: Iterable[Manifest], rank_count: int) -> set[str]:
    """The entry points that not every rank has kept."""
    ranks: dict[str, set[int]] = {}
    for one in manifests:
        ranks.setdefault(one.entry, set()).add(one.rank)
    return {entry for entry, found in ranks.items() if len(found) < rank_count}


@dataclass(slots=True)
class _Search:
    """Tries one entry point after the other, the latest first."""

    project: Project
    run: Run
    say: Say
    store: CheckpointStore
    passed: list[PassedOver]
    needs_graphs: bool = False  # of the tensors that have one
    hurdle: Refused | None = None  # the last one that stands in the way of others, too

    def at(self, candidate: Candidate) -> Resumed | None:
        """The run, if it could go on from there."""
        ended = self._known(candidate) or self._attempt(candidate).make()
        if isinstance(ended, Resumed):
            return ended
        reason = ended.reason
        if isinstance(ended, Lost):
            self._went_on(ended)
        elif ended.at:
            self.hurdle, reason = ended, _in_words(ended, candidate)
        self.passed.append(PassedOver(candidate.words, reason))
        return None

    def _known(self, candidate: Candidate) -> Refused | None:
        """Why not, where that is known beforehand: the way there leads through what was refused before."""
        if self.hurdle and parse(self.hurdle.at).order <= candidate.entry.order:
            return self.hurdle
        reason = _graph_of(self.store, candidate) if self.needs_graphs else ""
        return Refused(reason) if reason else None

    def _attempt(self, candidate: Candidate) -> Attempt:
        return Attempt(self.project, self.run, candidate, tuple(self.passed), self.say)

    def _went_on(self, ended: Lost) -> None:
        self.say(f"It cannot go on from there: {ended.reason}")
        self.needs_graphs = True
        self.run = Catalog.open(Layout(self.project.home)).find(self.run.run)


def _in_words(refused: Refused, candidate: Candidate) -> str:
    """The reason, as it concerns an entry point that users know by other words."""
    is_itself = refused.at == str(candidate.entry)
    return refused.reason.replace(refused.at, "it" if is_itself else "the way there", 1)


def _graph_of(store: CheckpointStore, candidate: Candidate) -> str:
    """A tensor whose graph would have to be there, in words; graphs are not kept."""
    if not candidate.graph:
        return ""
    try:
        graph = Graph.from_bytes(store.content(candidate.graph))
    except Unreadable as error:
        return error.message
    number = next((n for n, node in enumerate(graph.nodes) if node.kind == GRAPH_TENSOR), None)
    return "" if number is None else f"{Paths.readable(graph).text(number)} has a graph, which is not kept"
