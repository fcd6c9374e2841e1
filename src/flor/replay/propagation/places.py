"""Whether two places correspond: in the same function and the same loop, or where the code moved."""

import re
from collections.abc import Collection, Iterator, Sequence

from flor.replay.propagation import scopes
from flor.replay.propagation.neighbours import body_of_called
from flor.replay.propagation.pairs import Matching
from flor.replay.propagation.refusing import Refused
from flor.replay.propagation.statements import Block, Module, Statement

_TELLING = 0.6  # share of two loops' bodies that is matched
_CALLS_UP = 3  # how many callers upwards a loop is looked for


class Places:
    """Compares places of today's code with old ones."""

    def __init__(
        self,
        matching: Matching,
        now: Sequence[Module],
        old: Sequence[Module],
        probes: Collection[Statement],
    ) -> None:
        self._matching = matching
        self._probes = probes
        self._now = now
        self._old = old

    def check(self, now: Block, old: Block, has_moved: bool) -> None:
        """Refuse an old block that is in another function or loop.

        Args:
            has_moved: what stands around the probe stands in this old block, whatever its function.

        Raises:
            Refused: why.
        """
        here, there = scopes.function_of(now), scopes.function_of(old)
        if here is not None and not has_moved and not self._are_same(here, there):
            raise Refused(f"this version has nothing like the function `{here.name}`", is_absent=True)
        if here is None and there is not None and not has_moved:
            raise Refused(f"in this version the place is in the function `{there.name}`", is_absent=True)
        self._check_class(now, old, has_moved)
        self._check_loop(now, old)

    def _are_same(self, now: Statement, old: Statement | None) -> bool:
        return self._matching.old(now) is old

    def _check_class(self, now: Block, old: Block, has_moved: bool) -> None:
        here, there = scopes.scope_of(now), scopes.scope_of(old)
        is_class = here is not None and here.kind == "ClassDef"
        if is_class != (there is not None and there.kind == "ClassDef"):
            raise Refused("in this version the place is not in the body of a class")

    def _check_loop(self, now: Block, old: Block) -> None:
        mine, theirs = scopes.loop_of(now), scopes.loop_of(old)
        if mine is not None:
            match = self._matching.old(mine)
            if match is None:
                raise Refused(f"this version has no loop like `{title(mine)}`", is_absent=True)
            self._check_rivals(mine, match)
            if theirs is None:
                if match not in set(_loops_of_callers(old, self._old, _CALLS_UP)):
                    raise Refused(f"in this version the place is outside the loop `{title(mine)}`")
            elif theirs is not match:
                raise Refused(f"in this version the place is in another loop than `{title(mine)}`")
        elif theirs is not None:
            callers = _loops_of_callers(now, self._now, _CALLS_UP)
            if theirs not in {self._matching.old(loop) for loop in callers}:
                raise Refused(f"in this version the place is in the loop `{title(theirs)}`")

    def _check_rivals(self, now: Statement, old: Statement) -> None:
        """Refuse where today more loops begin alike than did, unless the body tells which one it was."""
        words = self._matching.likeness.words(now)
        rivals = [each for each in now.block.children if self._matching.likeness.words(each) == words]
        there = [each for each in old.block.children if each.words == words]
        if len(rivals) > max(1, len(there)) and self.share(now, old) < _TELLING:
            raise Refused(f"this version has fewer loops like `{title(now)}`: it may be another one")

    def share(self, now: Statement, old: Statement) -> float:
        """How much of the bodies of two loops is matched with each other."""
        found = sum(self._is_inside(each, old) for each in now.blocks[0].children)
        size = sum(1 for each in now.blocks[0].children if each not in self._probes)
        return min(1.0, 2 * found / max(1, size + len(old.blocks[0].children)))

    def _is_inside(self, now: Statement, old: Statement) -> bool:
        """Whether a statement of today was in an old one, or the body of a function that it calls."""
        match = self._matching.old(now)
        if match is not None:
            return old.holds(match)
        return any(old.holds(each) for each in body_of_called(now, self._matching))

    def are_alike(self, now: Block, old: Block, has_moved: bool) -> bool:
        """Whether `check` would let it pass."""
        try:
            self.check(now, old, has_moved)
        except Refused:
            return False
        return True


def _loops_of_callers(block: Block, modules: Collection[Module], levels: int) -> Iterator[Statement]:
    """The loops in which the function around a block is called, through other functions or not."""
    function = scopes.function_of(block)
    if function is None or not levels:
        return
    for call in _calls(function, modules):
        loop = scopes.loop_of(call.block)
        if loop is None and call.kind == "loop" and re.search(rf"\bin\b.*\b{function.name}\b", call.header):
            loop = None  # evaluated once, before the loop
        if loop is not None:
            yield loop
        else:
            yield from _loops_of_callers(call.block, modules, levels - 1)


def _calls(function: Statement, modules: Collection[Module]) -> Iterator[Statement]:
    pattern = re.compile(rf"\b{re.escape(function.name)}\s*\(")
    for module in modules:
        if function.name in module.text.content:
            for statement in module.statements:
                if statement is not function and pattern.search(statement.header):
                    yield statement


def title(statement: Statement) -> str:
    """The first line of a statement, or the name of a function, for messages."""
    if statement.kind == "def":
        return statement.name
    first = statement.header.strip().splitlines()[0].rstrip(" :")
    return first if len(first) <= 60 else f"{first[:57]}..."
