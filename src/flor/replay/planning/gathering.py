"""Gathers what planning needs to know of a run from its records and checkpoints."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.files import HELD_BACK
from flor.checkpoints.graph import Graph
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.store import CheckpointStore
from flor.checkpoints.temporary import TEMPORARY
from flor.entities import Run, Status
from flor.errors import StoreError
from flor.query.paths import shape_of
from flor.replay.planning.facts import KeptState, LoopFacts, Mark, RunFacts, kept_state
from flor.replay.planning.standing import Changed
from flor.runs import files
from flor.runs.catalog import Catalog
from flor.runs.tables import codes, mask, numbers

NewLine = Callable[[str, int], int]
_COLUMNS = ("seq", "ts", "rank", "process", "path", "it")


@dataclass(frozen=True, slots=True)
class Begun:
    """A main loop as its first kept states tell of it."""

    block: int
    loop: int
    name: str
    around: tuple[tuple[str, int], ...]
    seq: int  # of the last record before it
    reached: int  # the last header that is known
    iterations: int | None  # once it is over


def run_facts(
    catalog: Catalog,
    store: CheckpointStore,
    run: Run,
    changed: Changed,
    new_line: NewLine = lambda filename, line: line,
    reads_back: Sequence[str] | None = None,
) -> RunFacts:
    """The facts of a run whose version is `changed` by probes.

    Args:
        new_line: where a line of a file of the version stands once the probes are in it.
        reads_back: files that the run wrote before it read them; None: as it was recorded.
    """
    run = catalog.detailed(run)
    if reads_back is None:
        outputs = files.of(run).outputs
        reads_back = [path for path, output in outputs.items() if output.is_read]
    manifests = _manifests(store, run)
    loops, marks = _loops(catalog, run, manifests)
    return RunFacts(
        run=run.run,
        tstamp=run.tstamp,
        filename=run.filename,
        status=run.status.value,
        duration_s=run.duration_s,
        loops=loops,
        kept=tuple(_states(manifests, store, changed, new_line)),
        columns={**run.args, **run.values},
        projid=run.projid,
        reads_back=tuple(reads_back),
        elsewhere=tuple(path for path in files.of(run).outputs if path.startswith("/")),
        held_back=tuple(dict.fromkeys(name for one in manifests for name in one.facts.get(HELD_BACK, ()))),
        temporary=tuple(dict.fromkeys(path for one in manifests for _, path in one.facts.get(TEMPORARY, ()))),
        marks=tuple(marks),
        startup_s=float(run.environment.get("startup_s") or 0.0),
    )


def main_loops(catalog: Catalog, store: CheckpointStore, run: Run) -> tuple[LoopFacts, ...]:
    """The main loops that a run executed."""
    return _loops(catalog, run, _manifests(store, run))[0]


def _manifests(store: CheckpointStore, run: Run) -> list[Manifest]:
    """What the run's main process kept."""
    kept = (one.manifest for one in store.kept(run.run, whole=True))
    return [one for one in kept if not one.rank and not one.process]


def _loops(
    catalog: Catalog, run: Run, manifests: Sequence[Manifest]
) -> tuple[tuple[LoopFacts, ...], list[Mark]]:
    begun = begun_loops(manifests)
    found = marks_of(_records(catalog, run), begun)
    loops = loops_of(begun, found.marks, run.status)
    named = [replace(loop, path=found.paths.get((loop.block, loop.loop), "")) for loop in loops]
    return tuple(named), found.marks


def _states(
    manifests: Iterable[Manifest], store: CheckpointStore, changed: Changed, new_line: NewLine
) -> Iterator[KeptState]:
    """Each kept state; one whose graph cannot be read is as good as none."""
    for manifest in manifests:
        try:
            graph = Graph.from_bytes(store.content(manifest.graph))
        except StoreError:
            continue
        yield kept_state(manifest, graph, changed.mentioned, changed.program.plain, new_line)


def begun_loops(manifests: Sequence[Manifest]) -> list[Begun]:
    """The main loops of a process that kept a state, in the order executed."""
    found: dict[tuple[int, int], list[tuple[EntryPoint, Manifest]]] = {}
    for manifest in manifests:
        at = parse(manifest.entry)
        if at.kind in ("top", "done"):
            found.setdefault((at.block, at.loop), []).append((at, manifest))
    return [_begun(key, states) for key, states in sorted(found.items())]


def _begun(key: tuple[int, int], states: Sequence[tuple[EntryPoint, Manifest]]) -> Begun:
    states = sorted(states, key=lambda state: state[0].order)
    first = states[0][1]
    done = next((manifest for at, manifest in states if at.kind == "done"), None)
    return Begun(
        *key,
        name=str(first.facts.get("name", "")),
        around=tuple((name, number) for name, number in first.around),
        seq=first.seq if states[0][0].iteration == 0 else 0,
        reached=max((at.iteration for at, _ in states), default=0),
        iterations=int(done.facts["iterations"]) if done and "iterations" in done.facts else None,
    )


def loops_of(begun: Sequence[Begun], marks: Sequence[Mark], status: Status) -> tuple[LoopFacts, ...]:
    """How many iterations each main loop executed, as far as anything tells."""
    found = []
    for number, one in enumerate(begun):
        seen = {mark.iteration for mark in marks if (mark.block, mark.loop) == (one.block, one.loop)}
        is_over = status is Status.FINISHED or number + 1 < len(begun)
        found.append(_loop(one, seen, is_over=is_over, is_repeated=is_over or status is Status.FAILED))
    return tuple(found)


def _loop(one: Begun, seen: Collection[int], *, is_over: bool, is_repeated: bool) -> LoopFacts:
    """What is known of a loop in which these iterations recorded something."""
    if one.iterations is not None:
        return LoopFacts(one.block, one.loop, one.name, one.iterations, one.iterations, one.around)
    known = max([one.reached, *(at + 1 for at in seen)])
    completed = known if is_over else max(one.reached, known - 1)
    # Where each iteration records something, at most the last one, which was left early, did not.
    is_told = known > 0 and all(at in seen for at in range(known))
    is_open = is_over and not is_told
    has_more = is_repeated and not is_open
    return LoopFacts(one.block, one.loop, one.name, known, completed, one.around, has_more, is_open)


def _records(catalog: Catalog, run: Run) -> pa.Table | None:
    """All records of the run's main process."""
    for chunk in catalog.chunks(None, {run.run}, columns=_COLUMNS):
        mine = chunk.runs.index(next(one for one in chunk.runs if one.run == run.run))
        table = chunk.table
        wanted = numbers(table["rank"]) == 0
        wanted &= (numbers(table["process"]) == 0) & (numbers(table["run"]) == mine)
        return table.filter(mask(wanted)).combine_chunks()
    return None


@dataclass(frozen=True, slots=True)
class Marks:
    """What the records tell of main loops."""

    marks: list[Mark] = field(default_factory=list)
    paths: dict[tuple[int, int], str] = field(default_factory=dict)


def marks_of(records: pa.Table | None, begun: Sequence[Begun]) -> Marks:
    """Of each iteration of the main loops its first records: its own, and those of each loop inside."""
    found = Marks()
    if records is None or not records.num_rows or not begun:
        return found
    path, iterations = _array(records["path"]), _array(records["it"])
    columns = _Columns(
        numbers(records["seq"]),
        numbers(records["ts"]),
        numbers(iterations.offsets)[:-1],
        numbers(iterations.values),
    )
    place = codes(path)
    for code, text in enumerate(path.dictionary.to_pylist()):
        rows = np.flatnonzero(place == code)
        for mark in _marks_of_path(shape_of(text), rows, begun, columns):
            found.marks.append(mark)
            depth = len(next(b for b in begun if (b.block, b.loop) == (mark.block, mark.loop)).around)
            found.paths[mark.block, mark.loop] = "/".join(text.split("/")[: depth + 1])
    return found


def _array(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    array = combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
    return array.dictionary_encode() if pa.types.is_string(array.type) else array


@dataclass(frozen=True, slots=True)
class _Columns:
    seq: NDArray[np.int64]
    ts: NDArray[np.int64]
    start: NDArray[np.int64]  # of each record's iterations in `values`
    values: NDArray[np.int64]


def _marks_of_path(
    shape: tuple[str, ...], rows: NDArray[np.intp], begun: Sequence[Begun], columns: _Columns
) -> Iterator[Mark]:
    ends: Mapping[int, int] = {number: one.seq for number, one in enumerate(begun[1:])}
    for number, loop in enumerate(begun):
        depth = len(loop.around)
        if shape[: depth + 1] != (*(name for name, _ in loop.around), loop.name):
            continue
        seqs = columns.seq[rows]
        here = rows[(seqs > loop.seq) & (seqs <= ends.get(number, np.iinfo(np.int64).max))]
        iterations = columns.values[columns.start[here] + depth] - 1
        first = np.unique(iterations, return_index=True)
        for iteration, place in zip(*(part.tolist() for part in first), strict=True):
            ts = int(columns.ts[here[place]])
            yield Mark(loop.block, loop.loop, iteration, ts, len(shape) > depth + 1)
