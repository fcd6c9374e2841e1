"""What planning needs to know of a run: what it executed, when, and which states are kept. Values only."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.graph import GRAPH_TENSOR, Graph
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.paths import Paths
from flor.entities import RunId

NEEDED, ITERATION, OUTSIDE, REST = "needed", "iteration", "outside", "rest"
"""What may be executed behind a state: the needed part of an iteration, whole ones, what is outside, all."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A part of the state that could not be kept, and that what is executed can observe."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeptState:
    """One kept entry point of a run's main process."""

    entry: EntryPoint
    ts: int = 0  # microseconds since the epoch
    size_bytes: int = 0
    node_count: int = 0
    name: str = ""  # of its loop
    how: str = ""  # how its loop was left
    line: int = 0  # of the statement that left it, in the text with the probes
    iterations: int | None = None  # of a loop that is over
    left_by: int = -1  # of a block: which of the statements that can leave it did
    filename: str = ""  # of the function that stood there
    qualname: str = ""
    names: frozenset[str] = frozenset()  # that were kept of that function
    callers: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)  # of those around it
    around: tuple[tuple[str, int], ...] = ()  # iterations of loops outside the block
    opaque: Mapping[str, tuple[Seen, ...]] = field(default_factory=dict)  # by what is executed behind it


@dataclass(frozen=True, slots=True)
class LoopFacts:
    """One main loop as it was executed."""

    block: int
    loop: int
    name: str
    begun: int  # iterations
    completed: int
    around: tuple[tuple[str, int], ...] = ()
    has_more: bool = False  # it was left in a way that is not recorded: perhaps in one more iteration
    is_open: bool = False  # nothing tells how many iterations it had
    path: str = ""  # of its records, if it has any: `fold/epoch#2`

    @property
    def length(self) -> int:
        """How many iterations can be executed."""
        return self.begun + self.has_more


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run."""

    run: str
    tstamp: datetime
    filename: str
    status: str
    duration_s: float | None
    loops: tuple[LoopFacts, ...]
    kept: tuple[KeptState, ...]
    columns: Mapping[str, Any] = field(default_factory=dict)  # arguments and last values, for the schedule
    projid: str = ""
    reads_back: tuple[str, ...] = ()  # files that the run itself wrote before it read them
    held_back: tuple[str, ...] = ()  # files of which the disk lacked something when a state was kept
    temporary: tuple[str, ...] = ()  # files and folders of which a state tells, but not what is in them
    elsewhere: tuple[str, ...] = ()  # files outside of the project that the run wrote
    marks: tuple["Mark", ...] = ()
    startup_s: float = 0.0  # from the start of the process to its first call of FlorDB; 0: unknown


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is asked of one run."""

    run: RunId
    iterations: Mapping[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    """Of each main loop, by block and loop, counting from 0."""

    @classmethod
    def not_at_all(cls, run: RunId, loops: Sequence[LoopFacts]) -> "Narrowed":
        """All of the run."""
        return cls(run, {(loop.block, loop.loop): tuple(range(loop.length)) for loop in loops})


@dataclass(frozen=True, slots=True)
class Mark:
    """When a record was made in an iteration of a main loop, counting from 0."""

    block: int
    loop: int
    iteration: int
    ts: int  # microseconds since the epoch
    is_inside: bool = False  # in a loop inside the iteration


def kept_state(
    manifest: Manifest,
    graph: Graph,
    mentioned: Mapping[str, Collection[str] | None],
    plain: Collection[str] = (),
    new_line: Callable[[str, int], int] = lambda filename, line: line,
) -> KeptState:
    """What a manifest and its graph say.

    Args:
        mentioned: names that are mentioned by what is executed behind the entry point, by what that is
            called; None: all.
        plain: names of the project's classes whose attributes only the project's code uses.
        new_line: where a line of a file of the version stands once the probes are in it.
    """
    *callers, (filename, qualname, names) = _functions(graph)
    facts = manifest.facts
    opaque: dict[str, tuple[Seen, ...]] = {}
    reasons = {one.path: one.reason for one in manifest.opaque}
    has_graphs = any(node.kind == GRAPH_TENSOR for node in graph.nodes)
    if reasons or has_graphs:
        opaque = {key: _seen(graph, reasons, found, plain, key) for key, found in mentioned.items()}
    return KeptState(
        entry=parse(manifest.entry),
        ts=manifest.ts,
        size_bytes=manifest.size_bytes,
        node_count=len(graph.nodes),
        name=str(facts.get("name", "")),
        how=str(facts.get("how", "")),
        line=new_line(filename, int(facts.get("line", 0))),
        iterations=facts.get("iterations"),
        left_by=int(facts.get("left_by", -1)),
        filename=filename,
        qualname=qualname,
        names=names,
        callers={(each, name): kept for each, name, kept in callers},
        around=tuple((name, number) for name, number in manifest.around),
        opaque=opaque,
    )


def _functions(graph: Graph) -> list[tuple[str, str, frozenset[str]]]:
    """File, qualified name and kept names of each running function, the innermost last."""
    found = []
    for label, ref in graph.edges(0).items():
        if str(label)[:1].isdigit():
            _, filename, qualname = str(label).split(":", 2)
            shape = graph.nodes[ref].shape if ref is not None and ref >= 0 else None
            found.append((filename, qualname, frozenset(graph.shapes[shape] if shape is not None else ())))
    return found or [("", "", frozenset())]


def _seen(
    graph: Graph,
    reasons: Mapping[str, str],
    mentioned: Collection[str] | None,
    plain: Collection[str],
    key: str,
) -> tuple[Seen, ...]:
    """Which opaque parts can be reached through names that are mentioned, by what `key` stands for."""
    paths = Paths(graph)
    numbers = range(len(graph.nodes)) if mentioned is None else sorted(_reached(graph, mentioned, plain))
    found = {paths.text(number) for number in numbers}
    # What was met on no path that the graph still has counts as reached.
    known = {paths.text(number) for number in range(len(graph.nodes))} if reasons else set()
    seen = [Seen(path, reason) for path, reason in reasons.items() if path in found or path not in known]
    if key != NEEDED or _goes_backward(mentioned):
        # A value that is only looked at is right; one that a backward pass reaches is not there.
        graphs = (paths.text(number) for number in numbers if graph.nodes[number].kind == GRAPH_TENSOR)
        seen += [Seen(path, "the graph that it was computed by is not kept") for path in graphs]
    return tuple(seen)


def _goes_backward(mentioned: Collection[str] | None) -> bool:
    """Whether what is executed may compute gradients."""
    return mentioned is None or any("backward" in name or name == "autograd" for name in mentioned)


def _reached(graph: Graph, mentioned: Collection[str], plain: Collection[str]) -> set[int]:
    """The nodes that code which mentions these names can reach.

    The attributes of a plain project object are reached by name; a library reaches all of its own.
    """
    waiting = [ref for label, ref in graph.edges(0).items() if ref is not None and _is_root(str(label))]
    by_name = set(waiting)
    found: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number < 0 or number in found:
            continue
        found.add(number)
        is_named = number in by_name or _is_plain(graph, number, plain)
        for label, ref in graph.edges(number).items():
            if ref is not None and (not is_named or _is_mentioned(label, mentioned)):
                waiting.append(ref)
    return found


def _is_root(label: str) -> bool:
    return label[:1].isdigit() or label.startswith("module ") or label == "library"


def _is_plain(graph: Graph, number: int, plain: Collection[str]) -> bool:
    node = graph.nodes[number]
    if node.kind != "instance" or node.type is None or node.type < 0:
        return False
    qualname = str(graph.nodes[node.type].meta).rpartition(":")[2]
    return qualname.rpartition(".")[2] in plain


def _is_mentioned(label: str | int | bytes, mentioned: Collection[str]) -> bool:
    if not isinstance(label, str) or label.startswith("__class__"):
        return True
    return label.removeprefix("__slots__.").rpartition(".")[2] in mentioned
