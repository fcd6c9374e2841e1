"""Entry points of a job of several ranks: each keeps its own part, and only all of them are a state. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flor.checkpoints.manifest import Manifest, OpaqueRecord

JOB = "job"
"""The fact that says which rank of how many kept a manifest, as two numbers."""


@dataclass(frozen=True, slots=True)
class Point:
    """What the processes of a run kept at one entry point: of a job one for each rank, else one."""

    manifests: tuple[Manifest, ...]
    rank_count: int

    @property
    def first(self) -> Manifest:
        """That of the first rank that kept one."""
        return self.manifests[0]

    @property
    def size_bytes(self) -> int:
        """Everything that is kept of this state; what ranks have in common counts once."""
        kept = {leaf.hash: leaf.size_bytes for each in self.manifests for leaf in each.leaves if leaf.is_kept}
        graphs = {each.graph: each.graph_bytes for each in self.manifests}
        return sum(graphs.values()) + sum(kept.values())

    @property
    def new_bytes(self) -> int:
        """What of it was written for this point."""
        return sum(each.new_bytes for each in self.manifests)

    @property
    def opaque(self) -> list[OpaqueRecord]:
        """What could not be kept, of any rank."""
        return list(dict.fromkeys(part for each in self.manifests for part in each.opaque))

    @property
    def rank_text(self) -> str:
        """`1 of 2 ranks`; "" where it is complete."""
        return "" if self.is_complete else f"{len(self.manifests)} of {self.rank_count} ranks"

    @property
    def is_complete(self) -> bool:
        """Whether every rank has kept its part."""
        return len({_job(each)[0] for each in self.manifests}) == self.rank_count


def points(manifests: Iterable[Manifest]) -> list[Point]:
    """The points of some runs, in the order in which the first rank reached them."""
    found: defaultdict[tuple[object, ...], list[Manifest]] = defaultdict(list)
    for each in manifests:
        found[_place(each)].append(each)
    return [Point(tuple(sorted(own, key=_job)), _job(own[0])[1]) for own in found.values()]


def of_whole_points(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Those whose point is complete, in their order."""
    whole = {id(each) for point in points(manifests) if point.is_complete for each in point.manifests}
    return [each for each in manifests if id(each) in whole]


def files_of(parts: Sequence[Manifest]) -> Mapping[str, Any] | None:
    """What the parts of a point, the first rank's first, say of files: of each what its writer says.

    None where the first knows nothing; only it compares the whole tree.
    """
    first = parts[0].facts.get("files")
    if first is None:
        return None
    by_rank = {one.rank: one.facts.get("files") or {} for one in parts}
    return {**first, **{path: by_rank[rank][path] for path, rank in writers_of(parts).items()}}


def writers_of(parts: Sequence[Manifest]) -> dict[str, int]:
    """The rank that wrote each file which one of them was seen to write; of several the first."""
    return {
        path: one.rank
        for one in reversed(parts)
        for path, file in (one.facts.get("files") or {}).items()
        if file.get("is_seen")
    }


def is_leaders(manifest: Manifest) -> bool:
    """Whether rank 0 of a job kept it."""
    return JOB in manifest.facts and _job(manifest)[0] == 0


def of_rank(manifests: Sequence[Manifest], rank: int) -> list[Manifest]:
    """Those of one process: of the main one of a rank, else of the last that was this rank of a job."""
    main = [each for each in manifests if not each.process and each.rank == rank]
    if main:
        return main
    children = [each for each in manifests if JOB in each.facts and _job(each)[0] == rank]
    last = max(children, key=lambda each: each.ts, default=None)
    return [each for each in children if last is not None and each.process == last.process]


def _job(manifest: Manifest) -> tuple[int, int]:
    """Which rank of how many kept it."""
    rank, count = manifest.facts.get(JOB) or (0, 1)
    return int(rank), int(count)


def _place(manifest: Manifest) -> tuple[object, ...]:
    """The same for the ranks of a job; what is not of a job stands alone."""
    is_child = manifest.process != 0
    if JOB in manifest.facts:
        return manifest.run, manifest.entry, is_child, _job(manifest)[1]
    return manifest.run, manifest.entry, manifest.rank, manifest.process
