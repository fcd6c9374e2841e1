"""What the probes and the statements executed with them can observe of a restored state. Pure.

Names: what the changed code can read behind an entry point, against what was kept there. What the unchanged
code could not read was not kept; it is still right if no loop touches it, because then its value is that of
the prefix, which is always executed.
"""

import ast
import dis
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any

from flor.checkpoints.frame_cells import nested_code
from flor.checkpoints.liveness import is_module, live_names
from flor.checkpoints.mentions import mentioned_by
from flor.replay import sites
from flor.replay.planning.following import loop_of
from flor.replay.planning.identifiers import (
    bound_by,
    declared,
    identifiers,
    walk,
    without,
    without_loops,
)
from flor.replay.planning.places import Loop
from flor.replay.planning.program import MODULE, Function, Path, Program, Step, own_nodes
from flor.replay.planning.reading import expressions

UNKNOWN = "?"
"""Stands for the names where it is not known which are read."""


@dataclass(frozen=True)
class Observer:
    """Answers for one changed program.

    Args:
        texts: the files as they are compiled.
        probes: file and line of each probe's statement. Lines that came along with a probe are none: they may
            change what later ones read.
    """

    program: Program
    texts: Mapping[str, str]
    probes: frozenset[tuple[str, int]]
    _risky: dict[tuple[int, ...], frozenset[str]] = field(default_factory=dict)

    def missing_at_header(self, loop: Loop, kept: Collection[str]) -> tuple[str, ...]:
        """The names that may be read from the header of a loop on, and may have another value by then."""
        site = self._sites.get(loop)
        return self._missing(site, [site.header], kept) if site else (UNKNOWN,)

    def missing_behind(self, loop: Loop, kept: Collection[str], how: str = "") -> tuple[str, ...]:
        """The same behind the end of a loop.

        Args:
            how: it ended, "exhausted" or "break"; "" where that is not known.
        """
        site = self._sites.get(loop)
        return self._missing(site, site.behind(how), kept) if site else (UNKNOWN,)

    def missing_after_block(
        self,
        filename: str,
        qualname: str,
        kept: Collection[str],
        *,
        is_left: bool = False,
        around: Collection[Loop] = (),
    ) -> tuple[str, ...]:
        """The same behind the blocks of a function.

        Args:
            is_left: the block was left by one of its `return`, `break` or `continue`.
            around: of several blocks only those that these loops stand in, if they do in any.
        """
        blocks = [each for each in self._blocks if each.is_of(filename, qualname)]
        blocks = [each for each in blocks if any(each.holds(loop) for loop in around)] or blocks
        if not blocks:
            return (UNKNOWN,)
        if is_left and not any(each.is_left_for_loop for each in blocks):
            return ()  # nothing of the function is executed behind a return
        found = {name for each in blocks for name in self._missing(each, each.after, kept, [each.node])}
        return tuple(sorted(found))

    def lines_of(self, loop: Loop) -> list[int]:
        """The lines of the statements in the body of a loop."""
        return [statement.lineno for statement in self._sites[loop].node.body] if loop in self._sites else []

    def mentioned_until(self, loop: Loop, line: int) -> frozenset[str]:
        """What an iteration mentions until its statement at this line, nested loops left out."""
        site = self._sites[loop]
        head = [statement for statement in site.node.body if statement.lineno <= line]
        parts: list[ast.AST] = [site.node.target]
        for statement in head:
            parts += without_loops(statement, site.function)
        return self._closed(parts)

    def mentioned_in(self, loop: Loop) -> frozenset[str]:
        """What whole iterations mention."""
        return self._closed(list(ast.walk(self._sites[loop].node)))

    def mentioned_outside(self) -> frozenset[str]:
        """What is mentioned outside of main loops by the functions that a block is opened by."""
        parts: list[ast.AST] = []
        for function in {id(site.function): site.function for site in self._sites.values()}.values():
            loops = [site.node for site in self._sites.values() if site.function is function]
            parts += without(function.node, loops)
        parts += [
            part for one in self.program.modules.values() for part in without(one.node, self._all_loops)
        ]
        return self._closed(parts)

    @cached_property
    def _all_loops(self) -> list[ast.AST]:
        return [site.node for site in self._sites.values()]

    @cached_property
    def _sites(self) -> dict[Loop, "_Site"]:
        """Every `for` over a `flor.loop`."""
        found = {}
        for function in self.program.functions:
            for path in function.statements:
                node = path[-1].node
                code = self._code(function) if sites.is_loop(node, function.names) else None
                if code is not None:
                    found[loop_of(function, node)] = _Site(function, path, code)
        return found

    @cached_property
    def _blocks(self) -> list["_Site"]:
        """Every `with` that opens a block."""
        return [
            _Site(function, path, code)
            for function in self.program.functions
            for path in function.statements
            if sites.is_block(path[-1].node, function.names) and (code := self._code(function)) is not None
        ]

    def _code(self, function: Function) -> CodeType | None:
        """The compiled function."""
        body = self._bodies.get(function.filename)
        if body is None or function.qualname == MODULE:
            return body
        node = function.node
        lines = (
            [node.lineno, *(each.lineno for each in node.decorator_list)]
            if not isinstance(node, ast.Module)
            else []
        )
        for code in nested_code(body):
            if code.co_qualname == function.qualname and code.co_firstlineno in lines:
                return code
        return None

    @cached_property
    def _bodies(self) -> dict[str, CodeType]:
        found = {}
        for filename in self.program.modules:
            found[filename] = compile(self.texts[filename], filename, "exec", dont_inherit=True)
        return found

    def _missing(
        self,
        site: "_Site",
        offsets: Sequence[int] | None,
        kept: Collection[str],
        jumped: Sequence[ast.AST] = (),
    ) -> tuple[str, ...]:
        if offsets is None:
            return (UNKNOWN,)
        key = (id(site), *offsets)
        if key not in self._risky:
            mentioned = self._mentioned_elsewhere(site.function) if is_module(site.code) else ()
            live = frozenset[str]().union(*(live_names(site.code, offset, mentioned) for offset in offsets))
            self._risky[key] = live & self._touched(site.function, jumped)
        return tuple(sorted(self._risky[key].difference(kept)))

    def _mentioned_elsewhere(self, function: Function) -> frozenset[str]:
        """The names that code outside of a module's own body mentions."""
        body = self._bodies[function.filename]
        others = [one for name, one in self._bodies.items() if name != function.filename]
        codes = [*nested_code(body), *others, *(inner for one in others for inner in nested_code(one))]
        return frozenset[str]().union(*(mentioned_by(code) for code in codes))

    def _touched(self, function: Function, jumped: Sequence[ast.AST]) -> frozenset[str]:
        """The names of a function whose value may not be that of the prefix: a loop mentions them.

        What it mentions it may change, also without assigning it. A probe itself only reads. Other functions
        that mention a global may be called in the loop. Imported modules and functions stay what they are.
        """
        nodes = [*jumped, *(site.node for site in self._sites.values() if site.function is function)]
        inner = f"{function.qualname}.<locals>."
        for other in self.program.functions:
            is_inside = other.filename == function.filename and other.qualname.startswith(inner)
            if other is not function and (function.qualname == MODULE or is_inside):
                nodes.append(other.node)
        probes = {id(part) for probe in self._probe_parts for part in ast.walk(probe)}
        found = {name for node in nodes for part in walk(node, probes) for name in identifiers(part)}
        return frozenset(found - self._constant(function))

    def _constant(self, function: Function) -> set[str]:
        """The names of a function that are bound by nothing but `import` and `def`."""
        found: set[str] = set()
        assigned = {name for other in self.program.functions for name in declared(other.node)}
        for node in own_nodes(function.node):
            bound = bound_by(node)
            if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef)):
                found.update(bound)
            else:
                assigned.update(bound)
        return found - assigned

    @cached_property
    def _probe_parts(self) -> list[ast.AST]:
        found: list[ast.AST] = []
        for filename, line in self.probes:
            function = self.program.function_at(filename, line)
            path = function.statement_at(line) if function else None
            found += expressions(path[-1].node) if path else []
        return found

    def _closed(self, parts: Iterable[ast.AST]) -> frozenset[str]:
        """The names that these parts mention, and the functions that they may call, by name."""
        found = {name for part in parts for name in identifiers(part)}
        done: set[int] = set()
        waiting = [one for one in self.program.functions if one.is_elsewhere or one.is_suspended]
        waiting += [one for name in found for one in self.program.by_name.get(name, ())]
        while waiting:
            function = waiting.pop()
            if id(function) in done:
                continue
            done.add(id(function))
            more = {name for part in ast.walk(function.node) for name in identifiers(part)} - found
            found |= more
            waiting += [one for name in more for one in self.program.by_name.get(name, ())]
        return frozenset(found)


@dataclass(frozen=True)
class _Site:
    """A loop or block, with the code that it is compiled to."""

    function: Function
    path: Path
    code: CodeType

    @property
    def node(self) -> Any:
        """Its statement."""
        return self.path[-1].node

    def is_of(self, filename: str, qualname: str) -> bool:
        """Whether it stands in this function."""
        return (self.function.filename, self.function.qualname) == (filename, qualname)

    def holds(self, loop: Loop) -> bool:
        """Whether a loop stands in it."""
        is_here = self.is_of(loop.filename, loop.qualname)
        return is_here and bool(self.node.lineno <= loop.line <= (self.node.end_lineno or 0))

    @property
    def is_left_for_loop(self) -> bool:
        """Whether a `break` or `continue` may leave the block."""
        return any(isinstance(step.node, (ast.For, ast.AsyncFor, ast.While)) for step in self.path)

    @cached_property
    def header(self) -> int:
        """Where a loop draws its next item."""
        return self._header_of(self.node)

    def _header_of(self, node: ast.For) -> int:
        # Up to Python 3.12 the instruction stands at the whole statement, later at what is iterated over.
        wanted = ((node.lineno, node.col_offset), (node.iter.lineno, node.iter.col_offset))
        for each in dis.get_instructions(self.code):
            at = each.positions
            if each.opname == "FOR_ITER" and at and (at.lineno, at.col_offset) in wanted:
                return each.offset
        return 0  # where every name of the function may still be read

    @cached_property
    def after(self) -> list[int] | None:
        """Where the program goes on behind the statement; None where that is not known."""
        return self._following(len(self.path) - 1)

    def behind(self, how: str) -> list[int] | None:
        """Where the program goes on when the loop is over: its `else` first, if it was not left."""
        if not self.node.orelse or how == "break":
            return self.after
        first = self._otherwise
        if first is None or how == "exhausted":
            return None if first is None else [first]
        return None if self.after is None else [*self.after, first]

    @cached_property
    def _otherwise(self) -> int | None:
        return self._first_of(self.node.orelse[0])

    def _following(self, position: int) -> list[int] | None:
        """Where the program goes on behind a statement around the loop; None where that is not known."""
        statement = self.path[position].node
        if not position:
            return self._next_in(self.function.node.body, statement)
        around = self.path[position - 1]
        if around.part in ("handlers", "cases"):
            return None
        found = self._next_in(getattr(around.node, around.part), statement)
        if found:
            return found
        then = _then(around)
        if then is not None:
            first = self._first_of(then)
            return None if first is None else [first]
        outer = self._following(position - 1)
        again = self._again(around)
        return None if outer is None or again is None else [*outer, *again]

    def _again(self, around: Step) -> list[int] | None:
        """Where a loop around goes on when its body ends."""
        if around.part != "body" or not isinstance(around.node, (ast.For, ast.AsyncFor, ast.While)):
            return []
        if isinstance(around.node, ast.For):
            return [self._header_of(around.node)]
        first = self._first_of(around.node.test) if isinstance(around.node, ast.While) else None
        return None if first is None else [first]

    def _next_in(self, body: Sequence[ast.stmt], statement: ast.stmt) -> list[int]:
        """The first instruction behind a statement in its block; none: the block ends."""
        place = next(at for at, each in enumerate(body) if each is statement)
        # Some statements, such as `pass`, have no instruction.
        firsts = (self._first_of(each) for each in body[place + 1 :])
        return [first for first in firsts if first is not None][:1]

    def _first_of(self, node: ast.stmt | ast.expr) -> int | None:
        """The first instruction of a statement or expression; None where it has none."""
        start = (node.lineno, node.col_offset)
        end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
        offsets = (each.offset for each in dis.get_instructions(self.code) if _is_within(each, start, end))
        return min(offsets, default=None)


def _is_within(each: dis.Instruction, start: tuple[int, int], end: tuple[int, int]) -> bool:
    at = each.positions
    if at is None or at.lineno is None or each.opname in ("NOP", "RESUME"):
        return False
    return start <= (at.lineno, at.col_offset or 0) < end


def _then(around: Step) -> ast.stmt | None:
    """What of a `try` follows the end of one of its parts."""
    node = around.node
    if not isinstance(node, (ast.Try, ast.TryStar)):
        return None
    following = {"body": [*node.orelse, *node.finalbody], "orelse": node.finalbody}.get(around.part, [])
    return following[0] if following else None
