"""Runs as planning sees them, written down by hand: two blocks of a script, and what was kept of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.liveness import assigned_names
from flor.replay.planning.facts import KeptState, LoopFacts, Mark, RunFacts, Seen
from flor.replay.planning.planner import Question, plan
from flor.replay.planning.plans import Plan
from flor.replay.planning.standing import Changed
from unit.replay.planning.recorded import with_probes
from unit.replay.rewriting import dedented

SCRIPT = dedented("""
    import flor
    flor.log("before", 1)
    model = []
    with flor.checkpointing(model=model):
        for epoch in flor.loop("epoch", range(9)):
            flor.log("top", 1)
            for step in flor.loop("step", range(5)):
                flor.log("loss", 1)
            flor.log("middle", 1)
            for test in flor.loop("test", range(5)):
                flor.log("hit", 1)
            flor.log("bottom", 1)
            print(epoch)
        flor.log("behind", 1)
    flor.log("after", 1)
""")
BEGAN = 1_767_000_000_000_000
PREFIX_S, TRAIN_S, TEST_S, REST_S, SUFFIX_S = 2.0, 8.0, 1.0, 0.5, 1.0
EPOCH_S = TRAIN_S + TEST_S + REST_S
EVERYTHING = ("before", "top", "loss", "middle", "hit", "bottom", "behind", "after")


@dataclass(frozen=True)
class Story:
    """One run of the script.

    Args:
        kept: entry points, all of them unless told otherwise.
        opaque: what each could not keep and who can see it: "needed", "iteration", "outside", "rest".
    """

    epochs: int = 4
    kept: Collection[str] | None = None
    status: str = "finished"
    opaque: Mapping[str, Collection[str]] = field(default_factory=dict)
    size_bytes: int = 1_000_000
    epoch_s: float = EPOCH_S
    reads_back: tuple[str, ...] = ()
    has_more: bool = False
    begun: int | None = None  # of a run that was killed

    @property
    def every(self) -> list[str]:
        """All entry points."""
        inside = [[f"0/0 top({i})", f"0/0 after({i}, 0)", f"0/0 after({i}, 1)"] for i in range(self.epochs)]
        ends = [f"0/0 top({self.epochs})", "0/0 done", "0 end"] if self.status == "finished" else []
        return [*(entry for entries in inside for entry in entries), *ends]

    @property
    def facts(self) -> RunFacts:
        begun = self.epochs if self.begun is None else self.begun
        loop = LoopFacts(0, 0, "epoch", begun, self.epochs, has_more=self.has_more, path="epoch")
        duration = PREFIX_S + begun * self.epoch_s + SUFFIX_S
        return RunFacts(
            run="abc",
            tstamp=datetime.fromtimestamp(BEGAN / 1e6, UTC).replace(tzinfo=None),
            filename="train.py",
            status=self.status,
            duration_s=duration,
            loops=(loop,),
            kept=tuple(self._state(entry) for entry in (self.every if self.kept is None else self.kept)),
            reads_back=self.reads_back,
            marks=tuple(self._marks(begun)),
        )

    def _marks(self, begun: int) -> Sequence[Mark]:
        starts = [BEGAN + round(1e6 * (PREFIX_S + i * self.epoch_s)) for i in range(begun)]
        return [Mark(0, 0, i, ts + 1000, is_inside=True) for i, ts in enumerate(starts)]

    def _state(self, text: str) -> KeptState:
        entry = parse(text)
        names = {"top": "epoch", "done": "epoch", "after": "step" if entry.nested == 0 else "test"}
        line = {0: 7, 1: 10}.get(entry.nested, 5)
        return KeptState(
            entry=entry,
            ts=BEGAN + round(1e6 * self._at_s(entry)),
            size_bytes=self.size_bytes,
            node_count=100,
            name=names.get(entry.kind, ""),
            how="exhausted",
            line=line,
            iterations=self.epochs if entry.kind == "done" else None,
            filename="train.py",
            qualname="<module>",
            names=_all_names(),
            opaque={key: (Seen("loader", "it is a generator"),) for key in self.opaque.get(text, ())},
        )

    def _at_s(self, entry: EntryPoint) -> float:
        scale = self.epoch_s / EPOCH_S
        inside = {0: TRAIN_S, 1: TRAIN_S + TEST_S}.get(entry.nested, 0.0) * scale
        over = {"done": self.epochs, "end": self.epochs}.get(entry.kind, entry.iteration)
        return PREFIX_S + over * self.epoch_s + inside

    def plan(self, *probes: str, **question: object) -> Plan:
        """The plan for probes that are called so."""
        return plan(self.facts, Changes.of(*probes), Question(**question))  # type: ignore[arg-type]


class Changes:
    """The script with some of its lines as probes; each worked out once."""

    known: dict[tuple[str, ...], Changed] = {}  # noqa: RUF012

    @classmethod
    def of(cls, *probes: str) -> Changed:
        if probes not in cls.known:
            cls.known[probes] = with_probes(SCRIPT, *(f'"{probe}"' for probe in probes))
        return cls.known[probes]


def _all_names() -> frozenset[str]:
    return assigned_names(compile(SCRIPT, "train.py", "exec"))


@dataclass(frozen=True)
class Followed:
    """What executing a plan does, step by step."""

    plan: Plan
    story: Story
    problems: list[str] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)

    @cached_property
    def _kept(self) -> set[EntryPoint]:
        return {state.entry for state in self.story.facts.kept}

    def follow(self) -> "Followed":
        """Go through all segments as a player would."""
        for segment in self.plan.segments:
            reached, is_true = 0, True
            for entry in segment.restored:
                if entry not in self._kept:
                    self.problems.append(f"{entry} is not kept")
            for visit in segment.visits:
                if (
                    visit.entry is None
                    and not segment.is_whole
                    and (visit.iteration != reached or not is_true)
                ):
                    self.problems.append(f"nothing leads to {visit.iteration}")
                if visit.entry and visit.entry.iteration != visit.iteration:
                    self.problems.append(f"{visit.entry} is not that of {visit.iteration}")
                reached, is_true = visit.iteration + 1, not visit.is_cut
                if visit.is_wanted:
                    self.wanted.append(visit.iteration)
            is_at_end = reached == self.story.epochs and is_true
            if segment.goes_to_end and not (segment.jumps or segment.is_whole or is_at_end):
                self.problems.append("the end is not reached")
        return self
