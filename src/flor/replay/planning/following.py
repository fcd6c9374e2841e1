"""Follows the calls of a program, by name, from its script's first line. Pure.

A function runs wherever a function of its name may be called, and one that may be called by a library, as a
value, or by text may run anywhere. If in doubt, more is executed.
"""

import ast
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from flor.replay import sites
from flor.replay.planning.imports import packages_around
from flor.replay.planning.places import ANYWHERE, Loop, Region, Way
from flor.replay.planning.program import MODULE, Function, Path, Program, Reference, Step
from flor.replay.sites import Names, calls_in

_IsSite = Callable[[ast.AST, Names], bool]
_IsSiteOf = Callable[[Function, Path], bool]

_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def loop_of(function: Function, node: ast.stmt) -> Loop:
    """The loop that a `for` statement is."""
    calls = list(calls_in(node.iter, function.names, "loop")) if isinstance(node, ast.For) else []
    argument = calls[0].args[0] if len(calls) == 1 and calls[0].args else None
    name = argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None
    return Loop(function.filename, function.qualname, node.lineno, node.end_lineno or node.lineno, name)


class Walker:
    """Says what becomes of a way along the statements of a function."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._block_carriers: dict[int, list[_Carrier]] = {}
        self._loop_carriers: dict[int, list[_Carrier]] = {}

    @cached_property
    def _with_block(self) -> frozenset[int]:
        return self._reaching(lambda function, path: sites.is_block(path[-1].node, function.names))

    @cached_property
    def _with_loop(self) -> frozenset[int]:
        return self._reaching(lambda function, path: sites.is_loop(path[-1].node, function.names))

    def spread(self) -> dict[int, frozenset[Way]]:
        """Of each function the ways in which its body is reached, by id."""
        found: dict[int, set[Way]] = {id(one): set() for one in self._program.functions}
        waiting: list[tuple[Function, Way]] = []

        def add(function: Function, way: Way) -> None:
            if way not in found[id(function)]:
                found[id(function)].add(way)
                waiting.append((function, way))

        for function in self._program.functions:
            first = self._begins(function)
            if first is not None:
                add(function, first)
        while waiting:
            function, way = waiting.pop()
            for reference in function.references:
                for called in self._program.called_by(reference):
                    for inside in self._into(called, function, reference, way):
                        add(called, inside)
        return {key: frozenset(ways) for key, ways in found.items()}

    def _begins(self, function: Function) -> Way | None:
        """How a function is reached without being named."""
        if function.qualname == MODULE:
            begins = (self._program.script, *packages_around(self._program.script, self._program.modules))
            return Way(Region.PREFIX) if function.filename in begins else None
        if self._is_elsewhere(function):
            return ANYWHERE
        if id(function) in self._with_block and not self._program.is_mentioned(function.name):
            # Something must call it, once or more often, or there were no main loop.
            return Way(Region.SUFFIX)
        return None

    def _is_elsewhere(self, function: Function) -> bool:
        """Whether a function may be called from places that name it nowhere."""
        if function.is_suspended or id(function) in self._with_block:
            return function.is_suspended
        is_reached = function.name in self._program.texts or self._program.is_dynamic
        return function.is_elsewhere or is_reached

    def _into(self, called: Function, function: Function, reference: Reference, way: Way) -> Iterator[Way]:
        """The ways into what a reference calls."""
        is_called = bool(reference.call or reference.files) or called.is_called_by_name
        if called.is_suspended:
            yield ANYWHERE
            return
        if not is_called or reference.is_deferred:
            # What holds a main loop is called outside of main loops; how often is not known.
            holds_block = id(called) in self._with_block
            yield Way(Region.SUFFIX) if holds_block else ANYWHERE
            return
        yield self.along(function, reference.path, way, reference)

    def along(self, function: Function, path: Path, way: Way, reference: Reference | None = None) -> Way:
        """The way to a statement of a function, or to what a reference in it calls."""
        if way.region is Region.ANYWHERE:
            return way
        way = self._ordered(function, path, way, reference)
        for position, step in enumerate(path[:-1]):
            inside = self._inside(function, path, position, step, way)
            is_entry = inside.in_block and not way.in_block
            way = self._ordered(function, path, inside, reference) if is_entry else inside
        return way

    def _inside(self, function: Function, path: Path, position: int, step: Step, way: Way) -> Way:
        """What entering the body of a statement makes of a way."""
        if step.part != "body":
            return way
        if sites.is_block(step.node, function.names):
            return replace(way, in_block=True)
        if not way.in_block or not sites.is_loop(step.node, function.names):
            return way
        if way.loop is None:
            statement = path[position + 1].node.lineno
            return replace(way, region=Region.BODY, loop=loop_of(function, step.node), statement=statement)
        if way.region is Region.BODY:
            return replace(way, region=Region.NESTED, nested=loop_of(function, step.node))
        return way

    def _ordered(self, function: Function, path: Path, way: Way, reference: Reference | None) -> Way:
        """Outside of main loops: the region, by what has certainly not been executed before."""
        if way.loop is not None:
            return way
        carriers = self.loop_carriers(function) if way.in_block else self.block_carriers(function)
        if all(_is_before(path, carrier, reference) for carrier in carriers):
            return way
        return replace(way, region=Region.BETWEEN if way.in_block else Region.SUFFIX)

    def block_carriers(self, function: Function) -> list["_Carrier"]:
        """What of a function opens blocks."""
        if id(function) not in self._block_carriers:
            found = list(self._carriers(function, self._with_block, sites.is_block))
            self._block_carriers[id(function)] = found
        return self._block_carriers[id(function)]

    def loop_carriers(self, function: Function) -> list["_Carrier"]:
        """What of a function runs loops."""
        if id(function) not in self._loop_carriers:
            found = list(self._carriers(function, self._with_loop, sites.is_loop))
            self._loop_carriers[id(function)] = found
        return self._loop_carriers[id(function)]

    def _carriers(
        self, function: Function, reaching: Collection[int], is_site: _IsSite
    ) -> Iterator["_Carrier"]:
        for path in function.statements:
            if is_site(path[-1].node, function.names):
                yield _Carrier(path, None)
        for reference in function.references:
            if any(id(called) in reaching for called in self._program.called_by(reference)):
                yield _Carrier(reference.path, reference)

    def _reaching(self, is_site: _IsSiteOf) -> frozenset[int]:
        """The functions that hold such a statement, or call one that does."""
        found = {id(one) for one in self._program.functions if any(is_site(one, p) for p in one.statements)}
        is_growing = True
        while is_growing:
            more = {
                id(one) for one in self._program.functions if id(one) not in found and self._calls(one, found)
            }
            found |= more
            is_growing = bool(more)
        return frozenset(found)

    def _calls(self, function: Function, found: Collection[int]) -> bool:
        return any(
            id(called) in found
            for reference in function.references
            for called in self._program.called_by(reference)
        )

    def hides_loop(self, function: Function, ways: Collection[Way]) -> bool:
        """Whether a main loop of the function may be one that no `for` statement iterates over."""
        headers = {
            id(call)
            for path in function.statements
            if sites.is_loop(path[-1].node, function.names)
            for call in calls_in(path[-1].node.iter, function.names, "loop")  # type: ignore[attr-defined]
        }
        for reference in function.references:
            call = reference.call
            if call is not None and function.names.is_call(call, "loop") and id(call) not in headers:
                around = [self.along(function, reference.path, way) for way in ways]
                if any((way.in_block and way.loop is None) or way == ANYWHERE for way in around):
                    return True
        return False


@dataclass(frozen=True, slots=True, eq=False)
class _Carrier:
    """A statement that holds a block or loop, or a reference to a function that does."""

    path: Path
    reference: Reference | None


def _is_before(path: Path, carrier: _Carrier, reference: Reference | None) -> bool:
    """Whether a place is certainly not executed after a carrier."""
    if reference is not None and carrier.reference is reference:
        # What is called here is the carrier itself: nothing of it has run before, unless it is repeated.
        return not any(isinstance(step.node, _LOOPS) and step.part for step in path)
    for position, (mine, other) in enumerate(zip(path, carrier.path, strict=False)):
        if mine.node is not other.node:
            return mine.node.lineno < other.node.lineno
        if mine.part != other.part:
            return _is_earlier_part(mine, other, is_site=carrier.reference is None)
        if isinstance(mine.node, _LOOPS) and position < len(path) - 1:
            return False
    return _is_before_within(carrier, reference)


def _is_earlier_part(mine: Step, other: Step, *, is_site: bool) -> bool:
    """Of two parts of one statement, whether one is executed only before the other."""
    if not other.part:
        # The carrier is in the statement's own expressions, or it is the block or loop itself.
        return is_site and mine.part == "body"
    if not mine.part:
        return not isinstance(mine.node, ast.While)
    return isinstance(mine.node, ast.Try) and mine.part == "body"


def _is_before_within(carrier: _Carrier, reference: Reference | None) -> bool:
    """Of a place in the carrier's own statement: arguments are evaluated before the call."""
    if carrier.reference is None:
        return True  # the header of the block or loop
    call = carrier.reference.call
    if reference is None or call is None:
        return False
    return any(node is reference.node for node in ast.walk(call))
