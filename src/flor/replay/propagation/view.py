"""One file of today beside an old version: trees, matches and the statements that are new."""

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from flor.replay import probes
from flor.replay.probes import Probe
from flor.replay.propagation.matching import match
from flor.replay.propagation.names import header_parts
from flor.replay.propagation.pairs import Matching, Today
from flor.replay.propagation.places import Places
from flor.replay.propagation.statements import Module, Statement, read

_OTHERS = 3  # old files beside the one of the same name in which moved code is looked for
_LEAST_SHARED = 3  # lines that such a file must share
_ATTRIBUTE = re.compile(r"\bself\s*\.\s*(\w+)\s*(?::[^=\n]+)?=[^=]|\bdef\s+(\w+)|\bclass\s+(\w+)")


class View:
    """A file of today that has probes, and the old files that it may have come from."""

    def __init__(
        self, filename: str, today: Mapping[str, str], before: Mapping[str, str], asked: Collection[str]
    ) -> None:
        self.today = today
        self.before = before
        self.asked = asked
        self._views: dict[str, View] = {filename: self}
        self.now = read(filename, today[filename])
        self.probes = frozenset(each for each in self.now.statements if self.is_bare(each))
        self.unreadable: dict[str, str] = {}
        self.primary = self.old_module(filename)
        self.others = [] if self._is_unchanged() else self._others()
        self.matching = self._matched()
        old = [module for module in (self.primary, *self.others) if module is not None]
        self.old: Sequence[Module] = old
        self.places = Places(self.matching, [self.now], old, self.probes)

    def _is_unchanged(self) -> bool:
        """Whether no line of today's file could have come from another file."""
        if self.primary is None:
            return False
        return set(self.now.text.stripped) - self._probe_lines <= set(self.primary.text.stripped)

    @cached_property
    def _probe_lines(self) -> set[str]:
        lines = self.now.text.stripped
        return {
            lines[number - 1]
            for each in self.probes
            for number in range(each.line, self.now.line_at(each.end - 1) + 1)
        }

    def _matched(self) -> Matching:
        today = Today(self.now, self.probes, self._mere_shells())
        return match(today, self.primary, self.others)

    def _mere_shells(self) -> frozenset[Statement]:
        """Compound statements in which there is nothing but probes."""
        found: set[Statement] = set()
        for probe in self.probes:
            for around in probe.ancestors():
                if around.kind in ("def", "ClassDef") or not all(map(self._is_shell_part, around.below())):
                    break
                found.add(around)
        return frozenset(found)

    def _is_shell_part(self, statement: Statement) -> bool:
        return statement in self.probes or statement.kind == "Pass" or bool(statement.blocks)

    def is_bare(self, statement: Statement) -> bool:
        """Whether a statement of today is a probe by itself."""
        return isinstance(statement.node, ast.Expr) and self.name_of(statement.node.value) in self.asked

    def name_of(self, node: ast.AST) -> str | None:
        """The name that a node of today's file logs under."""
        return probes.literal_name(node, self.now.names)

    def find(self, probe: Probe) -> tuple[Statement, ast.Call] | None:
        """The statement that a probe is in, and its call."""
        if probe.line > len(self.now.text.lines):
            return None
        at = self.now.text.offset(probe.line, probe.column)
        for statement in reversed(self.now.statements):
            if statement.start <= at < statement.end:
                for call in calls(statement):
                    is_there = (call.lineno, call.col_offset) == (probe.line, probe.column)
                    if is_there and self.name_of(call) == probe.name:
                        return statement, call
        return None

    def of_file(self, filename: str) -> "View | None":
        """Another file of today beside the same version; None if it cannot be read."""
        if filename not in self._views:
            try:
                self._views[filename] = View(filename, self.today, self.before, self.asked)
            except SyntaxError:
                return None
        return self._views[filename]

    def old_module(self, filename: str) -> Module | None:
        """An old file; None if there is none, or none that can be read."""
        if filename not in self.before:
            return None
        try:
            return read(filename, self.before[filename])
        except SyntaxError as error:
            self.unreadable[filename] = f"{error.msg}, line {error.lineno}"
            return None

    def _others(self) -> list[Module]:
        """Old files that share lines with what is new in today's file, or in all of it."""
        known = set(self.primary.text.stripped) if self.primary is not None else set()
        mine = {line for line in self.now.text.stripped if len(line) > 8 and not line.startswith("import ")}
        mine -= known
        counts = {
            name: sum(1 for line in {each.strip() for each in text.splitlines()} if line in mine)
            for name, text in self.before.items()
            if name.endswith(".py") and name != self.now.filename
        }
        ranked = sorted(counts, key=lambda name: (-counts[name], name))[:_OTHERS]
        good = [name for name in ranked if counts[name] >= _LEAST_SHARED]
        return [module for name in good if (module := self.old_module(name)) is not None]

    @cached_property
    def attributes(self) -> frozenset[str]:
        """Attributes, functions and classes that today's project defines itself."""
        found: set[str] = set()
        for text in self.today.values():
            found.update(filter(None, (name for names in _ATTRIBUTE.findall(text) for name in names)))
        return frozenset(found)

    @cached_property
    def old_words(self) -> frozenset[str]:
        """Every word in the old version."""
        return frozenset(word for text in self.before.values() for word in re.findall(r"\w+", text))


def calls(statement: Statement) -> list[ast.Call]:
    """The calls in a statement's own expressions."""
    return [
        node for part in header_parts(statement.node) for node in ast.walk(part) if isinstance(node, ast.Call)
    ]
