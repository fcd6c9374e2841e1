"""Which entry points a run can be resumed at, and whether it can be resumed at all. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from flor.checkpoints import naming, points
from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.files import HELD_BACK
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.temporary import TEMPORARY
from flor.entities import Run, Status
from flor.errors import CannotResume

NOTHING: Mapping[str, Any] = MappingProxyType({})
START = EntryPoint("start")
DAMAGED = "the store lacks a part of it; `python -m flor fsck` says more"
OF_TOO_FEW = "not every rank had kept its part of it"
_NOT_KEPT = "was not kept"
_ADVICE = "what is not kept would be no hindrance, were it made anew in each iteration before it is used"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A moment at which a run may be gone on with."""

    entry: EntryPoint
    words: str  # what users call it
    graph: str  # hash of the graph of its state; "" where it has none
    files: Mapping[str, Any] | None = None  # what the run had written by then; None where nobody knows
    writers: Mapping[str, int] = field(
        default_factory=dict
    )  # of files that ranks were seen to write, which one


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
        CannotResume: it is running or has finished, or has no code.
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
    return "", ""


def candidates(
    manifests: Sequence[Manifest], lacking: Mapping[str, Any] = NOTHING, others: Sequence[Manifest] = ()
) -> tuple[list[Candidate], list[PassedOver]]:
    """The moments to try, the latest first and the start last; and what was passed over.

    A state of which a part could not be kept is none to go on from: everything after it can observe the
    part. The first header of a loop is different: executing the way there makes it all again.

    Args:
        manifests: of the first rank.
        lacking: entry points of which something is not there, and what.
        others: the manifests of the other ranks.
    """
    newest = list({manifest.entry: manifest for manifest in manifests}.values())
    serving: list[Candidate] = []
    passed: list[PassedOver] = []
    for manifest, words in reversed(list(zip(newest, naming.in_words(newest), strict=True))):
        entry = parse(manifest.entry)
        parts = [manifest, *(one for one in others if one.entry == manifest.entry)]
        reason = lacking.get(manifest.entry) or next(filter(None, (_reason(one, entry) for one in parts)), "")
        if reason:
            passed.append(PassedOver(words, reason))
        elif entry.kind != "start":
            serving.append(_candidate(entry, words, parts))
    return [*serving, Candidate(START, "its start", "", {})], passed


def _candidate(entry: EntryPoint, words: str, parts: Sequence[Manifest]) -> Candidate:
    graph = "" if _is_made_by_the_prefix(entry) else parts[0].graph
    return Candidate(entry, words, graph, points.files_of(parts), points.writers_of(parts))


def _reason(manifest: Manifest, entry: EntryPoint) -> str:
    """Why a state is none to go on from; "" if it is."""
    is_made = _is_made_by_the_prefix(entry)
    return _held_back(manifest) or ("" if is_made else _lost(manifest) or _temporary(manifest))


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
