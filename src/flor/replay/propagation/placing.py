"""The place of a statement in an old version: beside what its neighbours were, never out of its loop."""

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from flor.replay.propagation import agreement, names
from flor.replay.propagation.edges import first_index
from flor.replay.propagation.neighbours import Anchor
from flor.replay.propagation.neighbours import anchors as anchors_of
from flor.replay.propagation.pairs import Matching
from flor.replay.propagation.places import Places, title
from flor.replay.propagation.refusing import Refused
from flor.replay.propagation.statements import Block, Module, Statement

ENOUGH = 0.5  # a lower score is refused
_FADE = 0.6  # how much less the next neighbour counts
_EQUAL = 1e-6
_FAR = 1000  # statements, where there is no neighbour on a side
_LOST = 0.93  # for each statement between that this version lacks
_GAP = 0.9  # old statements between both neighbours, which new ones of today explain
_HARMLESS_GAP = 0.97
_DOUBT = 0.75  # calls between them that might change something
_BRANCHES = {"orelse": "else", "finalbody": "finally"}
_HARMLESS = ("print", "tqdm.write", "logging.", "logger.", "log.", "writer.", "wandb.", "flor.", "flordb.")


@dataclass(frozen=True, slots=True)
class Place:
    """Before statement `index` of an old block."""

    block: Block
    index: int
    score: float

    @property
    def reached(self) -> int:
        """How many statements of the old file stand before it."""
        children = self.block.children
        if self.index < len(children):
            return children[self.index].index
        return children[-1].last + 1 if children else 0


@dataclass(frozen=True, slots=True)
class _Sides:
    """The new statements of today up to the neighbour before, and up to the one after."""

    before: list[Statement]
    after: list[Statement]


class Placer:
    """Finds places for new statements of one file of today in old files."""

    def __init__(
        self, matching: Matching, places: Places, new: Collection[Statement], modules: Sequence[Module]
    ) -> None:
        """Args:
        new: statements that come along, or are probes; they are no neighbours.
        """
        self._matching = matching
        self._places = places
        self._new = new
        self._modules = modules

    def place(self, now: Statement, reads: Collection[str]) -> Place:
        """Where a statement belongs.

        Args:
            reads: the old names that it reads.

        Raises:
            Refused: no place, or no certain one.
        """
        refusal: Refused | None = None
        for block in self._blocks(now):
            try:
                return self._in_block(now, block, reads)
            except Refused as refused:
                refusal = refusal or refused
        raise refusal or self._nowhere(now)

    def _nowhere(self, now: Statement) -> Refused:
        owner = now.parent
        while owner is not None and self._matching.old(owner) is not None:
            owner = owner.parent
        if owner is None and now.parent is not None and now.block.field != "body":
            branch = _BRANCHES.get(now.block.field, now.block.field)
            return Refused(f"in this version `{title(now.parent)}` has no `{branch}`", is_absent=True)
        if owner is None:
            return Refused("nothing around it is in this version")
        what = "the function" if owner.kind == "def" else "the loop" if owner.kind == "loop" else ""
        return Refused(
            f"this version has nothing like {what} `{title(owner)}`".replace("  ", " "), is_absent=True
        )

    def _blocks(self, now: Statement) -> Iterator[Block]:
        """Old blocks that it may belong to, the most likely first."""
        near = [old.block for each in self._nearest(now) if (old := self._matching.old(each)) is not None]
        same = self._same_block(now)
        if same is not None and (not near or same in near):
            near = [same, *near]
        elif same is not None:
            near = [*near[:1], same, *near[1:]] if len(set(near)) == 1 else [same, *near]
        yield from dict.fromkeys(near)

    def _same_block(self, now: Statement) -> Block | None:
        """The block of the same name in the match of its parent."""
        owner = now.parent
        if owner is None:
            return self._modules[0].body if self._modules else None
        old = self._matching.old(owner)
        if old is None:
            return None
        return next((block for block in old.blocks if block.field == now.block.field), None)

    def _nearest(self, now: Statement) -> list[Statement]:
        children, here = now.block.children, now.position
        before = next((each for each in reversed(children[:here]) if self._is_known(each)), None)
        after = next((each for each in children[here + 1 :] if self._is_known(each)), None)
        return [each for each in (before, after) if each is not None]

    def _is_known(self, now: Statement) -> bool:
        return now not in self._new and self._matching.old(now) is not None

    # ---- in one block

    def _in_block(self, now: Statement, block: Block, reads: Collection[str]) -> Place:
        anchors = list(anchors_of(now, block, self._matching, self._new))
        direct = sum(anchor.is_direct for anchor in anchors)
        few = len([each for each in now.block.children if each not in self._new]) <= 2
        has_moved = direct >= 2 or (direct == 1 and few)
        self._places.check(now.block, block, has_moved)
        index = self._best_index(now, block, anchors, reads)
        score = self._score(now, block, index, anchors, reads)
        if agreement.agrees(now, block, index):
            score = 1 - (1 - score) * 0.5
        return Place(block, index, round(score * self._certainty(now), 4))

    def _best_index(
        self, now: Statement, block: Block, anchors: Sequence[Anchor], reads: Collection[str]
    ) -> int:
        """The index that keeps most neighbours on their side, those first that the statement depends on."""
        if not anchors:
            return self._edge(now, block)
        weights = [self._weight(anchor, reads) for anchor in anchors]
        costs = {
            index: sum(
                weight for anchor, weight in zip(anchors, weights, strict=True) if not anchor.is_kept(index)
            )
            for index in range(first_index(block), len(block.children) + 1)
        }
        least = min(costs.values())
        good = [index for index, cost in costs.items() if cost <= least + _EQUAL]
        return good[0] if self._is_nearer_before(now, block, anchors) else good[-1]

    def _is_nearer_before(self, now: Statement, block: Block, anchors: Sequence[Anchor]) -> bool:
        """Whether fewer new statements stand between a statement and what is before it than what is after."""
        rooms = []
        for is_before in (True, False):
            nearest = next((each for each in anchors if each.is_before == is_before), None)
            is_close = nearest is not None or self._is_at_edge(now, block, is_before)
            rooms.append(nearest.skipped if nearest is not None else 0 if is_close else _FAR)
        return rooms[0] <= rooms[1]

    def _weight(self, anchor: Anchor, reads: Collection[str]) -> float:
        depends = not _touched(anchor.now).isdisjoint(reads)
        return (3.0 if depends else 1.0) * _FADE**anchor.distance * max(anchor.score, 0.2)

    def _edge(self, now: Statement, block: Block) -> int:
        """The beginning or end of a block in which nothing is matched."""
        others = [each for each in now.block.children if each not in self._new]
        if not others or all(each.position > now.position for each in others):
            return first_index(block)
        if all(each.position < now.position for each in others):
            return len(block.children)
        raise Refused("nothing beside it is in this version")

    # ---- how certain it is

    def _score(
        self, now: Statement, block: Block, index: int, anchors: Sequence[Anchor], reads: Collection[str]
    ) -> float:
        before = next((each for each in anchors if each.is_before), None)
        after = next((each for each in anchors if not each.is_before), None)
        self._check_order(now, anchors, index, reads)
        sides = [
            _side(
                each,
                self._is_at_edge(now, block, is_before) or self._is_at_seam(now, block, index, is_before),
            )
            for each, is_before in ((before, True), (after, False))
        ]
        score = 0.65 * max(sides) + 0.35 * min(sides)
        if not anchors and now.parent is not None:  # the block alone says where
            score *= min(1.0, 0.3 + self._matching.score(now.parent))
        low = before.spot + 1 if before is not None and before.spot < index else first_index(block)
        high = after.spot if after is not None and after.spot >= index else len(block.children)
        around = self._sides(now, before, after)
        for each in (*block.children[low:index], *block.children[index:high]):
            if self._matching.now(each) is None:
                score *= self._doubt(now, each, each.position < index, around, reads)
        return score

    def _sides(self, now: Statement, before: Anchor | None, after: Anchor | None) -> "_Sides":
        """The new statements of today between a statement and its neighbours."""
        children, here = now.block.children, now.position
        start = before.now.position + 1 if before is not None else 0
        stop = after.now.position if after is not None else len(children)
        return _Sides(
            [each for each in children[start:here] if each not in self._new],
            [each for each in children[here + 1 : stop] if each not in self._new],
        )

    def _check_order(
        self, now: Statement, anchors: Sequence[Anchor], index: int, reads: Collection[str]
    ) -> None:
        for anchor in anchors:
            if not anchor.is_kept(index) and not _touched(anchor.now).isdisjoint(reads):
                side = "before" if anchor.is_before else "after"
                raise Refused(f"the order differs: it belongs {side} `{title(anchor.now)}`")

    def _doubt(
        self, now: Statement, old: Statement, is_before: bool, sides: "_Sides", reads: Collection[str]
    ) -> float:
        """What an old statement between both neighbours, gone today, takes from the score.

        Raises:
            Refused: it changes what the probe reads, and nothing says whether before or after.
        """
        beside, other = (sides.before, sides.after) if is_before else (sides.after, sides.before)
        changed = {name for each in (old, *old.below()) for name in _changed(each)}
        if not changed.isdisjoint(reads):
            if any(not _changed(each).isdisjoint(changed) for each in beside):
                return _GAP
            raise Refused(f"its place relative to `{title(old)}` is uncertain: that is not in today's code")
        if not _may_change(old, reads):
            return _HARMLESS_GAP
        return _GAP if beside and not other else _DOUBT

    def _is_at_edge(self, now: Statement, block: Block, is_before: bool) -> bool:
        """Whether a statement begins, or ends, what the old block begins or ends."""
        if not self._is_outermost(now, is_before):
            return False
        if self._same_block(now) is block:
            return True
        if not _are_wholes(now.block, block):
            return False
        order = block.children if is_before else reversed(block.children)
        known = (self._matching.now(each) for old in order for each in (old, *old.below()))
        first = next((each for each in known if each is not None), None)
        return first is None or _is_within(first, now.block)

    def _is_at_seam(self, now: Statement, block: Block, index: int, is_before: bool) -> bool:
        """Whether it begins, or ends, a function, where the old block goes on with what is in another one."""
        place = index - 1 if is_before else index
        if not _are_wholes(now.block, block) or not 0 <= place < len(block.children):
            return False
        beside = self._matching.now(block.children[place])
        return beside is not None and self._is_outermost(now, is_before) and not _is_within(beside, now.block)

    def _is_outermost(self, now: Statement, is_before: bool) -> bool:
        here = now.position
        rest = now.block.children[:here] if is_before else now.block.children[here + 1 :]
        return all(each in self._new for each in rest)

    def _certainty(self, now: Statement) -> float:
        """How certain the match of the function and loops around is."""
        around = [each for each in now.ancestors() if each.kind in ("def", "loop")]
        scores = [self._matching.score(each) for each in around if self._matching.old(each) is not None]
        inner = next((each for each in around if each.kind == "loop"), None)
        old = self._matching.old(inner) if inner is not None else None
        share = self._places.share(inner, old) if inner is not None and old is not None else 1.0
        return (0.7 + 0.3 * min(scores, default=1.0)) * (0.8 + 0.2 * share)


def _side(anchor: Anchor | None, is_edge: bool) -> float:
    """What one side says: a neighbour, or the edge of the block."""
    if anchor is None:
        return 0.8 if is_edge else 0.3
    return float(anchor.score * _LOST ** (anchor.skipped + anchor.distance))


def _are_wholes(*blocks: Block) -> bool:
    """Whether these are functions or files."""
    return all(each.owner is None or each.owner.kind == "def" for each in blocks)


def _is_within(statement: Statement, block: Block) -> bool:
    return block.owner is None or block.owner.holds(statement)


def _touched(statement: Statement) -> set[str]:
    """The names that a statement binds, or whose objects it changes openly."""
    return names.bound(statement.node) | names.mutated(statement.node)


def _changed(statement: Statement) -> set[str]:
    """The names that it binds or assigns into, for certain."""
    return names.bound(statement.node) | names.stored(statement.node)


def _may_change(old: Statement, reads: Collection[str]) -> bool:
    """Whether a statement is there for an effect, perhaps on what the probe reads."""
    if old.kind in ("def", "ClassDef", "import"):
        return False
    for each in (old, *old.below()):
        node = each.node
        is_call = isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await))
        if is_call and not each.header.startswith(_HARMLESS):
            # A loop may do anything, through whatever it calls.
            is_near = old.kind == "loop" or not names.read_by_header(node).isdisjoint(reads)
            if is_near:
                return True
    return False
