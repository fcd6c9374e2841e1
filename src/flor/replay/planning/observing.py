"""What the probes and the statements executed with them can observe of a restored state. Pure.

Names: what the changed code can read behind an entry point, against what was kept there. What the unchanged
code could not read was not kept; it is still right if no loop touches it, because then its value is that of
the prefix, which is always executed.
"""

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import CodeType

from flor.checkpoints.frame_cells import nested_code
from flor.checkpoints.liveness import is_module, live_names
from flor.checkpoints.mentions import mentioned_by
from flor.replay import sites
from flor.replay.planning.exits import Site
from flor.replay.planning.following import loop_of
from flor.replay.planning.identifiers import (
    bound_by,
    bound_to,
    declared,
    identifiers,
    is_plain,
    is_range,
    walk,
    without,
    without_loops,
)
from flor.replay.planning.places import Loop
from flor.replay.planning.program import MODULE, Function, Program, own_nodes
from flor.replay.planning.reading import expressions
from flor.replay.trees import MARK

_STREAMS = ("StringIO", "BytesIO")
_HANDLERS = ("Handler",)
"""What libraries write into though nothing in a loop mentions it: a logger knows them by itself."""
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

    def mentioned_at(self, lines: Collection[tuple[str, int]]) -> frozenset[str]:
        """What the statements on these lines, by file, mention."""
        parts: list[ast.AST] = []
        for filename, module in self.program.modules.items():
            for node in ast.walk(module.node):
                if isinstance(node, ast.stmt) and (filename, node.lineno) in lines:
                    parts += ast.walk(node)
        return self._closed(parts)

    @cached_property
    def _all_loops(self) -> list[ast.AST]:
        return [site.node for site in self._sites.values()]

    @cached_property
    def _sites(self) -> dict[Loop, Site]:
        """Every `for` over a `flor.loop`."""
        found = {}
        for function in self.program.functions:
            for path in function.statements:
                node = path[-1].node
                code = self._code(function) if sites.is_loop(node, function.names) else None
                if code is not None:
                    found[loop_of(function, node)] = Site(function, path, code)
        return found

    @cached_property
    def _blocks(self) -> list[Site]:
        """Every `with` that opens a block."""
        return [
            Site(function, path, code)
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
        return {filename: _compiled(self.texts[filename], filename) for filename in self.program.modules}

    def _missing(
        self,
        site: Site,
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
            found = self._touched(site.function, jumped) | bound_to(site.function, _STREAMS)
            self._risky[key] = live & (found | bound_to(site.function, _HANDLERS))
        # What a handler of `logging` holds is never kept.
        looked_at = bound_to(site.function, _HANDLERS) & self._probed
        return tuple(sorted(self._risky[key] - (frozenset(kept) - looked_at)))

    def _mentioned_elsewhere(self, function: Function) -> frozenset[str]:
        """The names that code outside of a module's own body mentions."""
        body = self._bodies[function.filename]
        others = [one for name, one in self._bodies.items() if name != function.filename]
        codes = [*nested_code(body), *others, *(inner for one in others for inner in nested_code(one))]
        return frozenset[str]().union(*(mentioned_by(code) for code in codes))

    def _touched(self, function: Function, jumped: Sequence[ast.AST]) -> frozenset[str]:
        """The names of a function whose value may not be that of the prefix: a loop mentions them.

        What it mentions it may change, also without assigning it. A probe itself only reads, and so does the
        `range` of the only main loop, which is made in a replay too. Other functions that mention a global
        may be called in the loop. Imported modules and functions stay what they are.
        """
        nodes = [*jumped, *(site.node for site in self._sites.values() if site.function is function)]
        inner = f"{function.qualname}.<locals>."
        for other in self.program.functions:
            is_inside = other.filename == function.filename and other.qualname.startswith(inner)
            if other is not function and (function.qualname == MODULE or is_inside):
                nodes.append(other.node)
        only_read = [*self._probe_parts, *self._range_of(function)]
        skipped = {id(part) for each in only_read for part in ast.walk(each)}
        found = {name for node in nodes for part in walk(node, skipped) for name in identifiers(part)}
        return frozenset(found - self._constant(function))

    def _range_of(self, function: Function) -> list[ast.expr]:
        """What `range` is given in the header of the only main loop of a function; [] if it may be more."""
        loops = [site.node for site in self._sites.values() if site.function is function]
        inner = {id(part) for loop in loops for part in ast.walk(loop) if part is not loop}
        mains = [loop for loop in loops if id(loop) not in inner]
        calls = [part for part in ast.walk(mains[0].iter) if is_range(part)] if len(mains) == 1 else []
        given = [each for call in calls for each in call.args]
        return given if not self._has_own_range and all(map(self._only_reads, given)) else []

    def _only_reads(self, node: ast.expr) -> bool:
        attributes = (part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute))
        called = [one for name in attributes for one in self.program.by_name.get(name, ())]
        return is_plain(node) and not any(one.is_called_by_name for one in called)

    @cached_property
    def _has_own_range(self) -> bool:
        trees = (module.node for module in self.program.modules.values())
        return any("range" in bound_by(part) for tree in trees for part in ast.walk(tree))

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
    def _probed(self) -> frozenset[str]:
        """What the probes themselves mention."""
        return frozenset(
            name for each in self._probe_parts for part in ast.walk(each) for name in identifiers(part)
        )

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


@lru_cache(maxsize=512)  # most files are the same in most versions
def _compiled(text: str, filename: str) -> CodeType:
    code: CodeType = compile(text.removeprefix(MARK), filename, "exec", dont_inherit=True)
    return code
