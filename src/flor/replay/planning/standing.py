"""What each kept state is good for, given what the probes and the statements with them observe. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flor.checkpoints.entry import EntryPoint
from flor.replay.planning import facts
from flor.replay.planning.callers import Callers, unkept
from flor.replay.planning.facts import ITERATION, NEEDED, OUTSIDE, KeptState, LoopFacts, RunFacts, Seen
from flor.replay.planning.observing import UNKNOWN, Observer
from flor.replay.planning.places import ANYWHERE, Loop, Nested, Place, Region
from flor.replay.planning.places_of_probes import Structure
from flor.replay.planning.program import Program
from flor.replay.planning.routes import CUT, ITERATIONS, NOTHING, REST
from flor.replay.planning.slicing import last_statements

_READING = (
    "open",
    "load",
    "read",
    "restore",
    "fromfile",
    "genfromtxt",
    "memmap",
    "imread",
    "from_pretrained",
)
_NO_READING = frozenset({"load_state_dict"})
_ASKING = frozenset(
    {"getsize", "stat", "lstat", "exists", "is_file", "is_dir", "isfile", "isdir", "listdir", "iterdir"}
    | {"scandir", "glob", "rglob", "walk", "run", "check_output", "popen", "Popen", "system"}
)
"""Others by which a statement may learn what files there are: a program that it starts may read them."""


@dataclass(frozen=True)
class Changed:
    """A version with the probes in it.

    Args:
        texts: the files of the version as they will be executed.
        places: where the probes, and the lines that came along with them, can be executed.
    """

    structure: Structure
    observer: Observer
    places: tuple[Place, ...]
    asking: frozenset[str] = frozenset()  # what the probes, and the lines that came along, mention

    @property
    def program(self) -> Program:
        """The code."""
        return self.structure.program

    @cached_property
    def may_read_files(self) -> bool:
        """Whether whole iterations may read files, by the names that they mention."""
        names = self.mentioned[ITERATION]
        return names is None or any(map(_reads, names))

    @cached_property
    def may_ask_files(self) -> bool:
        """Whether the probes may read files, or ask which there are."""
        return any(name in _ASKING or _reads(name) for name in self.asking)

    @cached_property
    def is_anywhere(self) -> bool:
        """Whether some place may be executed anywhere."""
        return any(ANYWHERE in place.ways for place in self.places)

    @cached_property
    def last(self) -> Mapping[Loop, int]:
        """Of each main loop with probes the line of the last statement of its body that is needed."""
        return last_statements(self.places)

    @cached_property
    def probed(self) -> frozenset[Loop]:
        """The loops inside main loops that have probes."""
        return frozenset(way.nested for place in self.places for way in place.ways if way.nested)

    def lines(self, loop: Loop) -> Sequence[int]:
        """The lines of the statements in the body of a loop."""
        return self.observer.lines_of(loop)

    def unkept(self, callers: Callers, innermost: tuple[str, str], names: Collection[str]) -> set[str]:
        """What lines behind the calls of running functions read, and was not kept of those."""
        behind = [
            (place.filename, place.line)
            for place in self.places
            if any(way.region in (Region.SUFFIX, Region.ANYWHERE) for way in place.ways)
        ]
        return unkept(self.program, behind, callers, innermost, names)

    def has(self, *regions: Region) -> bool:
        """Whether a probe may be executed in one of these regions."""
        return any(way.region in regions for place in self.places for way in place.ways)

    @cached_property
    def mentioned(self) -> Mapping[str, Collection[str] | None]:
        """What is mentioned by what may be executed behind a state; `facts.kept_state` asks for it."""
        observer, loops = self.observer, self.structure.mains
        iteration = frozenset[str]().union(*(observer.mentioned_in(loop) for loop in loops))
        needed = frozenset[str]().union(*(observer.mentioned_until(*each) for each in self.last.items()))
        outside = observer.mentioned_outside()
        return {
            NEEDED: iteration if self.is_anywhere else needed,
            ITERATION: iteration,
            OUTSIDE: outside,
            facts.REST: iteration | outside,
        }


def changed(
    program: Program, structure: Structure, texts: Mapping[str, str], probes: Sequence[tuple[str, int]],
    carried: Sequence[tuple[str, int]] = (),
) -> Changed:  # fmt: skip
    """The version with these probes, by file and line of their `flor.log`.

    Args:
        carried: lines that came along with the probes and must be executed too.

    Places in files that the script never imports are none of it: there a probe has no answer.
    """
    observer = Observer(program, texts, frozenset(probes))
    reached = [each for each in [*probes, *carried] if each[0] in program.reached]
    asking = observer.mentioned_at({*probes, *carried})
    return Changed(structure, observer, tuple(structure.place(*each) for each in reached), asking)


def _reads(name: str) -> bool:
    return name.startswith(_READING) and name not in _NO_READING


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a state is good for, and what stands in the way of more."""

    good: int
    missing: tuple[str, ...] = ()
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True)
class Standing:
    """The kept states of one run, judged.

    Args:
        refused: entry points that could not be restored when it was tried.
    """

    facts: RunFacts
    changed: Changed
    refused: frozenset[EntryPoint] = field(default_factory=frozenset)
    _nested: dict[tuple[str, str, str, int], tuple[Nested, ...]] = field(default_factory=dict)

    @cached_property
    def states(self) -> Mapping[EntryPoint, KeptState]:
        """The kept states by entry point."""
        return {state.entry: state for state in self.facts.kept if state.entry not in self.refused}

    @cached_property
    def verdicts(self) -> Mapping[EntryPoint, Verdict]:
        """What each of them is good for."""
        return {entry: self._verdict(state) for entry, state in self.states.items()}

    def good(self, entry: EntryPoint) -> int:
        """What the state at an entry point is good for."""
        verdict = self.verdicts.get(entry)
        return verdict.good if verdict else NOTHING

    def sites(self, loop: LoopFacts) -> tuple[Loop, ...]:
        """The loops of the code that this main loop may be."""
        tops = (s for s in self.states.values() if s.entry.kind == "top" and _is_of(s.entry, loop))
        state = next(tops, None)
        if state is not None:
            return tuple(self._mains_of(state))
        return tuple(each for each in self.changed.structure.mains if each.name in (None, loop.name))

    def nested_of(self, state: KeptState) -> tuple[Nested, ...]:
        """The nested loops that a state may stand behind."""
        key = (state.filename, state.qualname, state.name, state.line)
        if key not in self._nested:
            self._nested[key] = self._nested_of(state)
        return self._nested[key]

    def _nested_of(self, state: KeptState) -> tuple[Nested, ...]:
        alike = [
            each
            for each in self.changed.structure.nested
            if _is_called(each.loop, state) and each.loop.name in (None, state.name)
        ]
        here = [each for each in alike if each.loop.line <= state.line <= each.loop.end_line]
        if here:
            return tuple(here)
        # The line is that of foreign code where the loop is wrapped: then it must be the only one.
        return tuple(alike) if len({each.loop for each in alike}) == 1 else ()

    def afters(self, block: int, loop: int, iteration: int) -> list[KeptState]:
        """The states kept behind the nested loops of an iteration, in order."""
        return self._afters.get((block, loop, iteration), [])

    @cached_property
    def _afters(self) -> Mapping[tuple[int, int, int], list[KeptState]]:
        found: dict[tuple[int, int, int], list[KeptState]] = {}
        for state in sorted(self.states.values(), key=lambda state: state.entry.order):
            at = state.entry
            if at.kind == "after":
                found.setdefault((at.block, at.loop, at.iteration), []).append(state)
        return found

    def _verdict(self, state: KeptState) -> Verdict:
        kind = state.entry.kind
        if kind == "top":
            loops = list(self._mains_of(state))
            missing = [self.changed.observer.missing_at_header(loop, state.names) for loop in loops]
        elif kind == "after":
            nested = {each.loop for each in self.nested_of(state)}
            missing = [self.changed.observer.missing_behind(loop, state.names, state.how) for loop in nested]
        elif kind == "done":
            missing = [
                self.changed.observer.missing_behind(loop, state.names, state.how)
                for loop in self._mains_of(state)
            ]
        elif kind == "end":
            missing = [self._missing_at_end(state)]
        else:
            return Verdict(NOTHING)
        if not missing:
            return Verdict(NOTHING, (UNKNOWN,))
        behind = self.changed.unkept(state.callers, (state.filename, state.qualname), state.names)
        names = tuple(sorted(behind.union(*missing)))
        return Verdict(NOTHING, names) if names else self._by_opaque(state)

    def _missing_at_end(self, state: KeptState) -> tuple[str, ...]:
        loops = [loop for loop in self.facts.loops if loop.block == state.entry.block]
        return self.changed.observer.missing_after_block(
            state.filename,
            state.qualname,
            state.names,
            is_left=state.left_by >= 0,
            around=[site for loop in loops for site in self.sites(loop)],
        )

    def _by_opaque(self, state: KeptState) -> Verdict:
        if state.entry.kind in ("done", "end"):
            is_last = len(self.facts.loops) == 1
            seen = state.opaque.get(OUTSIDE if is_last else facts.REST, ())
            return Verdict(NOTHING if seen else REST, (), seen)
        for key, good in ((NEEDED, NOTHING), (ITERATION, CUT), (facts.REST, ITERATIONS)):
            if seen := state.opaque.get(key, ()):
                return Verdict(good, (), seen)
        return Verdict(REST)

    def _mains_of(self, state: KeptState) -> Iterator[Loop]:
        """The main loops that a state may stand in; not one that no `for` statement iterates over."""
        mains = [loop for loop in self.changed.structure.mains if _is_called(loop, state)]
        is_named = not self.changed.structure.has_hidden_loops
        known = (None, state.name) if is_named else (state.name,)
        yield from (loop for loop in mains if loop.name in known)


def _is_called(loop: Loop, state: KeptState) -> bool:
    return (loop.filename, loop.qualname) == (state.filename, state.qualname)


def _is_of(entry: EntryPoint, loop: LoopFacts) -> bool:
    return (entry.block, entry.loop) == (loop.block, loop.loop)


def told(verdicts: Iterable[tuple[str, Verdict]]) -> tuple[str, ...]:
    """Why states are not used, in words, each reason once, with what to change in the script."""
    found: dict[str, None] = {}
    for where, verdict in verdicts:
        for name in verdict.missing:
            found[_of_name(name, where)] = None
        for seen in verdict.seen:
            found[
                f"{seen.path} could not be kept ({seen.reason}), and what is executed may use it: "
                "make it anew in each iteration, or keep its content in plain objects"
            ] = None
    return tuple(found)


def _of_name(name: str, where: str) -> str:
    if name == UNKNOWN:
        return f"the code of {where} is not that of the states that were kept"
    return (
        f"`{name}` is read {where}, where the run had no more use for it and did not keep it: "
        "log it where it is computed, or read it later in the loop"
    )
