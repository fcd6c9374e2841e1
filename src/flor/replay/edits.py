"""What a replay adds to the modules it executes: where iterations end early, and what is a probe. Pure."""

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flor.checkpoints.frames import OURS
from flor.checkpoints.scope import Scope
from flor.replay.job import Job
from flor.replay.planning import slicing
from flor.replay.rewrite import Edit

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


@dataclass(frozen=True, slots=True)
class Edits:
    """Additions to modules, by their paths from the root."""

    cuts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)  # see slicing.insert
    probes: Mapping[str, Collection[int]] = field(default_factory=dict)  # lines that came with a probe

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Edits":
        """From its fields as JSON has them."""
        cuts = {
            name: {int(loop): line for loop, line in lines.items()} for name, lines in fields["cuts"].items()
        }
        return cls(cuts, {name: frozenset(lines) for name, lines in fields["probes"].items()})

    def to_json(self) -> dict[str, Any]:
        """The fields as simple values."""
        return {
            "cuts": {name: dict(lines) for name, lines in self.cuts.items()},
            "probes": {name: sorted(lines) for name, lines in self.probes.items()},
        }

    def apply(self, tree: ast.Module, filename: str) -> None:
        """Change the syntax tree of the module of this name, in place."""
        slicing.insert(tree, self.cuts.get(filename, {}))
        lines = frozenset(self.probes.get(filename, ()))
        if lines:
            _Guarding(lines).visit(tree)


def of_job(job: Job) -> Edit | None:
    """What a job adds to the modules that it executes."""
    if "edits" not in job.details:
        return None
    found, scope = Edits.of(job.details["edits"]), Scope(Path(job.root))
    return lambda tree, filename: found.apply(tree, scope.relative(filename))


class _Guarding(ast.NodeTransformer):
    """Puts runs of statements that came with a probe into `with _flor_.probe(LINE):`."""

    def __init__(self, lines: frozenset[int]) -> None:
        self._lines = lines

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
            if self._is_guarded(statement):
                guarded.append(statement)
                continue
            found += _guard(guarded)
            guarded = []
            found.append(self.visit(statement))
        return found + _guard(guarded)

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
