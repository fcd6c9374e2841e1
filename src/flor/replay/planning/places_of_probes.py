"""Where in a run a line of its code can be executed: before, in, between or after its main loops. Pure."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from flor.replay import sites
from flor.replay.planning.following import Walker, loop_of
from flor.replay.planning.places import ANYWHERE, Loop, Nested, Place, Region, Way
from flor.replay.planning.program import MODULE, Function, Path, Program
from flor.replay.planning.reading import expressions


@dataclass(frozen=True)
class Structure:
    """The main loops of a program, and what runs where."""

    program: Program
    mains: tuple[Loop, ...]
    nested: tuple[Nested, ...]
    has_hidden_loops: bool  # a `flor.loop` in a block that no `for` statement iterates over
    contexts: Mapping[int, frozenset[Way]]  # by id of a function

    def place(self, filename: str, line: int) -> Place:
        """Where this line can be executed."""
        function = self.program.function_at(filename, line)
        path = function.statement_at(line) if function else None
        if function is None or path is None:
            return Place(filename, line, frozenset({ANYWHERE}), f"{filename} cannot be read")
        if not self.mains:
            return Place(filename, line, frozenset({ANYWHERE}), "the script has no main loop that is kept")
        ways = self.contexts.get(id(function), frozenset())
        found = frozenset(Walker(self.program).along(function, path, way) for way in ways) or {ANYWHERE}
        if _is_deferred(function, path):
            found = {*found, ANYWHERE}
        reason = self._doubt(function) if ANYWHERE in found else ""
        return Place(filename, line, frozenset(found), reason)

    def _doubt(self, function: Function) -> str:
        name = function.qualname
        if function.is_suspended:
            return f"{name} is a generator or coroutine: its lines run when it is resumed"
        if function.qualname == MODULE:
            return f"it is not known when {function.filename} is imported"
        if not self.contexts.get(id(function)):
            return f"nothing calls {name} by name"
        return f"{name} may be called by a library, as a value, or by text"


def structure(program: Program) -> Structure:
    """Follow the program from its script's first line."""
    walker = Walker(program)
    contexts = walker.spread()
    mains: dict[Loop, None] = {}
    nested: dict[Nested, None] = {}
    for function in program.functions:
        for way in contexts.get(id(function), ()):
            _loops_of(walker, function, way, mains, nested)
    return Structure(
        program,
        tuple(mains),
        tuple(nested),
        any(walker.hides_loop(function, contexts.get(id(function), ())) for function in program.functions),
        contexts,
    )


def _loops_of(
    walker: Walker, function: Function, way: Way, mains: dict[Loop, None], nested: dict[Nested, None]
) -> None:
    for path in function.statements:
        node = path[-1].node
        if not sites.is_loop(node, function.names):
            continue
        around = walker.along(function, path, way)
        loop = loop_of(function, node)
        if around.in_block and around.region in (Region.PREFIX, Region.SUFFIX, Region.BETWEEN):
            mains[loop] = None
        elif around.region is Region.BODY and around.loop:
            nested[Nested(around.loop, loop, around.statement)] = None


def _is_deferred(function: Function, path: Path) -> bool:
    """Whether a lambda or generator expression of the statement logs."""
    later = (ast.Lambda, ast.GeneratorExp)
    return any(
        function.names.is_call(inner, "log")
        for part in expressions(path[-1].node)
        for node in ast.walk(part)
        if isinstance(node, later)
        for inner in ast.walk(node)
    )
