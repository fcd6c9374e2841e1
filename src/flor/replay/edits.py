"""What a replay adds to the modules it executes: where iterations end early, and what is a probe. Pure."""

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flor.checkpoints.frames import OURS
from flor.checkpoints.scope import Scope
from flor.replay import sites
from flor.replay.job import Job
from flor.replay.planning import slicing
from flor.replay.rewrite import Edit
from flor.replay.sites import Names

_LEAVING = (
    ast.Return,
    ast.Break,
    ast.Continue,
    ast.Yield,
    ast.YieldFrom,
    ast.Await,
    ast.Global,
    ast.Nonlocal,
)


Brought = Mapping[tuple[str, str], Collection[str]]
"""Names by file and function."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Additions to modules, by their paths from the root."""

    cuts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)  # see slicing.insert
    probes: Mapping[str, Collection[int]] = field(default_factory=dict)  # lines that came with a probe
    brought: Brought = field(default_factory=dict)  # names that came with a probe

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Edits":
        """From its fields as JSON has them."""
        cuts = {
            name: {int(loop): line for loop, line in lines.items()} for name, lines in fields["cuts"].items()
        }
        probes = {name: frozenset(lines) for name, lines in fields["probes"].items()}
        return cls(cuts, probes, {(file, function): names for file, function, names in fields["brought"]})

    def to_json(self) -> dict[str, Any]:
        """The fields as simple values."""
        return {
            "cuts": {name: dict(lines) for name, lines in self.cuts.items()},
            "probes": {name: sorted(lines) for name, lines in self.probes.items()},
            "brought": [(*place, sorted(names)) for place, names in self.brought.items()],
        }

    def apply(self, tree: ast.Module, filename: str) -> None:
        """Change the syntax tree of the module of this name, in place."""
        slicing.insert(tree, self.cuts.get(filename, {}))
        lines = frozenset(self.probes.get(filename, ()))
        if lines:
            _Guarding(lines, sites.names_of(tree)).visit(tree)


def of_job(job: Job) -> Edit | None:
    """What a job adds to the modules that it executes."""
    if "edits" not in job.details:
        return None
    found, scope = Edits.of(job.details["edits"]), Scope(Path(job.root))
    return lambda tree, filename: found.apply(tree, scope.relative(filename))


class _Guarding(ast.NodeTransformer):
    """Puts each probe with the statements that came along before it into `with _flor_.probe(LINE):`."""

    def __init__(self, lines: frozenset[int], names: Names) -> None:
        self._lines = lines
        self._names = names

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                block[:] = self._block(block)
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            part.body[:] = self._block(part.body)
        return node

    def _block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        guarded: list[ast.stmt] = []
        for statement in statements:
            is_guarded = self._is_guarded(statement)
            if is_guarded:
                guarded.append(statement)
            if not is_guarded or self._logs(statement):
                found += _guard(guarded)
                guarded = []
            if not is_guarded:
                found.append(self.visit(statement))
        return found + _guard(guarded)

    def _logs(self, statement: ast.stmt) -> bool:
        return any(self._names.is_call(node, "log") for node in ast.walk(statement))

    def _is_guarded(self, statement: ast.stmt) -> bool:
        """Whether all of the statement came with a probe, and none of it leaves the block it stands in."""
        last = statement.end_lineno or statement.lineno
        if not self._lines.issuperset(range(statement.lineno, last + 1)):
            return False
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return False
        return not any(isinstance(each, _LEAVING) for each in ast.walk(statement))


def _guard(statements: list[ast.stmt]) -> list[ast.stmt]:
    if not statements:
        return []
    first = statements[0]
    [guard] = ast.parse(f"with {OURS}.probe({first.lineno}): pass").body
    for node in ast.walk(guard):
        if isinstance(node, (ast.stmt, ast.expr)):
            node.lineno = node.end_lineno = first.lineno
            node.col_offset = node.end_col_offset = first.col_offset
    if isinstance(guard, ast.With):
        guard.body[:] = statements
    return [guard]
