"""After which statement of a main loop's body the rest of an iteration is not needed. Pure.

    for epoch in flor.loop("epoch", range(9)):
        flor.log("norm", norm(model))        # the probe
        if _flor_.rest_is_skipped(LINE): continue
        ...

Whether it is skipped is decided when the iteration is executed: only where the next one has a state of
its own to be restored, or nothing follows. The test stands directly in the loop's body, behind the whole
statement that executes the probe: where that is a `with`, `try` or `if`, or a call of the function with
the probe, it ends first. No statement of the prefix is ever left out: whether one has effects cannot be
seen in its text.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from flor.checkpoints.frames import OURS
from flor.replay.planning.places import Loop, Place, Region


@dataclass(frozen=True, slots=True)
class Cuts:
    """For each file and line of a main loop, the line of the statement behind which an iteration may end."""

    after: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    def of(self, filename: str) -> Mapping[int, int]:
        """Those of one file."""
        return self.after.get(filename, {})


def cuts(places: Iterable[Place]) -> Cuts:
    """The cuts behind the last statement that one of these places is executed by, in each main loop.

    Where some place may be executed anywhere there are none.
    """
    found: dict[str, dict[int, int]] = {}
    for loop, line in last_statements(places).items():
        found.setdefault(loop.filename, {})[loop.line] = line
    return Cuts(found)


def last_statements(places: Iterable[Place]) -> dict[Loop, int]:
    """Of each main loop the line of the last statement of its body that executes one of the places."""
    ways = [way for place in places for way in place.ways]
    if any(way.region is Region.ANYWHERE for way in ways):
        return {}
    found: dict[Loop, int] = {}
    for way in ways:
        if way.loop is not None:
            found[way.loop] = max(found.get(way.loop, 0), way.statement)
    return found


def insert(tree: ast.Module, after: Mapping[int, int]) -> None:
    """Put the test into these `for` statements, by their lines, behind the statement at the other line.

    The tree is changed in place, line numbers of the program's statements stay.
    """
    for loop in list(_loops(tree)):
        line = after.get(loop.lineno)
        behind = [at for at, statement in enumerate(loop.body) if statement.lineno == line]
        # Behind the last statement there is no rest; of several on one line the last one counts.
        if behind and behind[-1] + 1 < len(loop.body):
            loop.body.insert(behind[-1] + 1, _test(loop.body[behind[-1]]))


def _loops(tree: ast.Module) -> Iterator[ast.For]:
    """The `for` statements of a module. Expressions, which may be nested deeply, hold none."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.For):
            yield node
        waiting += [part for part in ast.iter_child_nodes(node) if not isinstance(part, ast.expr)]


def _test(behind: ast.stmt) -> ast.stmt:
    """`if _flor_.rest_is_skipped(LINE): continue`, in the place of the statement it stands behind."""
    module = ast.parse(f"if {OURS}.rest_is_skipped({behind.lineno}): continue")
    # A compound statement begins at its first line, and errors in the test should point to where it ends.
    line = behind.end_lineno or behind.lineno
    for node in ast.walk(module.body[0]):
        if isinstance(node, (ast.stmt, ast.expr)):
            node.lineno = node.end_lineno = line
            node.col_offset = node.end_col_offset = behind.col_offset
    return module.body[0]
