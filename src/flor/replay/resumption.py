"""Which entry points a run can be resumed at, and whether it can be resumed at all. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flor.checkpoints import naming
from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.files import HELD_BACK
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.temporary import TEMPORARY
from flor.entities import Run, Status
from flor.errors import CannotResume

START = EntryPoint("start")
_INCOMPLETE = "the store lacks a part of it; `python -m flor fsck` says more"
_NOT_KEPT = "was not kept"
_ADVICE = "what is not kept would be no hindrance, were it made anew in each iteration before it is used"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A moment at which a run may be gone on with."""

    entry: EntryPoint
    words: str  # what users call it
    seq: int  # of the last record before it
    position: int  # among the checkpoints of the process
    ts: int  # microseconds since the epoch
    graph: str  # hash of the graph of its state; "" where it has none
    files: Mapping[str, Any] | None = None  # what the run had written by then; None where nobody knows


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A kept entry point that does not serve, and why."""

    entry: str
    reason: str

    def __str__(self) -> str:
        return f"{self.entry}: {self.reason}"


def refuse_unless_stopped(run: Run) -> None:
    """Let pass a run that did not come to its end.

    Raises:
        CannotResume: it is running or has finished, has no code, or had several processes.
    """
    reason, hint = _objection(run)
    if reason:
        raise CannotResume(run.run, reason, hint)


def _objection(run: Run) -> tuple[str, str]:
    if run.status is Status.RUNNING:
        return f"it is still running on {run.host} as process {run.pid}", "Stop it first."
    if run.status is Status.FINISHED:
        return "it has finished", "`python -m flor runs` says which runs were interrupted or failed."
    if run.version is None:
        return "it has no code version", "Run scripts inside a git repository."
    if run.rank_count > 1:
        hint = "Start the job anew, and let each rank begin with a state that `flor.restore` puts back."
        return f"it had {run.rank_count} ranks, and only a run of one process can be gone on with", hint
    return "", ""


def candidates(
    manifests: Sequence[Manifest], incomplete: Collection[str] = ()
) -> tuple[list[Candidate], list[PassedOver]]:
    """The moments to try, the latest first and the start last; and what was passed over.

    A state of which a part could not be kept is none to go on from: everything after it can observe the
    part. The first header of a loop is different: executing the way there makes it all again.

    Args:
        incomplete: entry points of which the store lacks something.
    """
    newest = list({manifest.entry: manifest for manifest in manifests}.values())
    serving: list[Candidate] = []
    passed: list[PassedOver] = []
    for manifest, words in reversed(list(zip(newest, naming.in_words(newest), strict=True))):
        entry = parse(manifest.entry)
        reason = _INCOMPLETE if manifest.entry in incomplete else ""
        reason = reason or _held_back(manifest)
        reason = reason or ("" if _is_made_by_the_prefix(entry) else _lost(manifest) or _temporary(manifest))
        if reason:
            passed.append(PassedOver(words, reason))
        elif entry.kind != "start":
            serving.append(_candidate(entry, words, manifest))
    return [*serving, Candidate(START, "its start", 0, -1, 0, "", {})], passed


def _candidate(entry: EntryPoint, words: str, manifest: Manifest) -> Candidate:
    graph = "" if _is_made_by_the_prefix(entry) else manifest.graph
    files = manifest.facts.get("files")
    return Candidate(entry, words, manifest.seq, manifest.position, manifest.ts, graph, files)


def _is_made_by_the_prefix(entry: EntryPoint) -> bool:
    """Whether no loop comes before it whose effects would have to be restored."""
    return entry.kind == "start" or (
        entry.kind == "top" and entry.block == 0 == entry.loop and entry.iteration == 0
    )


def _held_back(manifest: Manifest) -> str:
    names = ", ".join(manifest.facts.get(HELD_BACK, ())[:3])
    return names and f"not all that was written to {names} stood on the disk: the script had not flushed it"


def _temporary(manifest: Manifest) -> str:
    names = ", ".join(path for _, path in manifest.facts.get(TEMPORARY, ())[:3])
    return names and f"what stands in temporary files is not kept: {names}"


def _lost(manifest: Manifest) -> str:
    if not manifest.opaque:
        return ""
    first = manifest.opaque[0]
    more = f" (and {len(manifest.opaque) - 1} more)" if len(manifest.opaque) > 1 else ""
    return f"{first.path} {_NOT_KEPT}: {first.reason}{more}"


def told(passed: Sequence[PassedOver], limit: int = 3) -> Iterator[str]:
    """Lines about what was passed over, the latest first; and what would help later runs."""
    for one in passed[:limit]:
        yield f"passed over: {one}"
    if len(passed) > limit:
        yield f"passed over: {len(passed) - limit} earlier ones"
    if any(_NOT_KEPT in one.reason for one in passed):
        yield _ADVICE
