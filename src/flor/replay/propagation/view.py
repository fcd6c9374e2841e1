"""One file of today beside an old version: trees, matches and the statements that are new."""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

from flor.replay import probes
from flor.replay.probes import Probe
from flor.replay.propagation.matching import match
from flor.replay.propagation.names import header_parts
from flor.replay.propagation.pairs import Matching, Today
from flor.replay.propagation.places import Places
from flor.replay.propagation.statements import Module, Statement, read

_OTHERS = 3  # old files beside the one of the same name in which moved code is looked for
_SHORT = 8  # characters; a line that says nothing
_LEAST_SHARED = 3  # lines that such a file must share
_ATTRIBUTE = re.compile(r"\bself\s*\.\s*(\w+)\s*(?::[^=\n]+)?=[^=]|\bdef\s+(\w+)|\bclass\s+(\w+)")


class View:
    """A file of today that has probes, and the old files that it may have come from."""

    def __init__(
        self,
        filename: str,
        today: Mapping[str, str],
        before: Mapping[str, str],
        asked: Collection[str],
        lines: Collection[int] = (),
    ) -> None:
        """Args:
        asked: the names of the probes.
        lines: where those of this file stand.
        """
        self.today = today
        self.before = before
        self.asked = asked
        self._lines = frozenset(lines)
        self._views: dict[str, View] = {filename: self}
        self.now = read(filename, today[filename])
        self.probes = frozenset(each for each in self.now.statements if self.is_bare(each))
        self.unreadable: dict[str, str] = {}
        self.primary = self.old_module(filename)
        self.others = self._others()
        self.matching = self._matched()
        old = [module for module in (self.primary, *self.others) if module is not None]
        self.old: Sequence[Module] = old
        self.places = Places(self.matching, [self.now], old, self.probes)

    def _matched(self) -> Matching:
        today = Today(self.now, self.probes, self._mere_shells(), self._relevant())
        return match(today, self.primary, self.others)

    def _relevant(self) -> frozenset[Statement]:
        """The statements of the module that hold probes, and those that call functions in them."""
        holding = [each for each in self.now.body.children if self._lines & set(each.lines)]
        inside = (below for each in holding for below in (each, *each.below()))
        called = [f"{each.name}(" for each in inside if each.kind == "def"]
        return frozenset((*holding, *(each for each in self.now.body.children if _mentions(each, called))))

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
        """The statement that a probe is in, and its call: at its column, else the first on its line."""
        found = [
            (statement, call)
            for statement in self._on_line(probe.line)
            for call in calls(statement)
            if call.lineno == probe.line and self.name_of(call) == probe.name
        ]
        exact = (each for each in found if each[1].col_offset == probe.column)
        return next(exact, min(found, key=lambda each: each[1].col_offset, default=None))

    def _on_line(self, line: int) -> Iterator[Statement]:
        text = self.now.text
        if line <= len(text.lines):
            start, end = text.starts[line - 1], text.starts[line]
            yield from (each for each in self.now.statements if each.start < end and each.end > start)

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
        mine = {line for line in _lines(self.today[self.now.filename]) if len(line) > _SHORT}
        if self.primary is not None:
            mine -= _lines(self.before[self.now.filename])
        if len(mine) < _LEAST_SHARED:
            return []
        counts = {
            name: len(mine & _lines(text))
            for name, text in self.before.items()
            if name.endswith(".py") and name != self.now.filename
        }
        ranked = sorted(counts, key=lambda name: (-counts[name], name))[:_OTHERS]
        good = [name for name in ranked if counts[name] >= _LEAST_SHARED]
        return [module for name in good if (module := self.old_module(name)) is not None]

    @cached_property
    def attributes(self) -> frozenset[str]:
        """Attributes, functions and classes that today's project defines itself."""
        return frozenset[str]().union(*map(_defined, self.today.values()))

    def was_known(self, word: str) -> bool:
        """Whether a word stands anywhere in the old version."""
        pattern = re.compile(rf"\b{re.escape(word)}\b")
        return any(word in text and pattern.search(text) for text in self.before.values())


def _mentions(statement: Statement, texts: Iterable[str]) -> bool:
    own = statement.module.text.content[statement.start : statement.end]
    return any(text in own for text in texts)


@lru_cache(2048)
def _defined(text: str) -> frozenset[str]:
    return frozenset(name for names in _ATTRIBUTE.findall(text) for name in names if name)


@lru_cache(2048)
def _lines(text: str) -> frozenset[str]:
    return frozenset(line.strip() for line in text.splitlines())


def calls(statement: Statement) -> list[ast.Call]:
    """The calls in a statement's own expressions."""
    return [
        node for part in header_parts(statement.node) for node in ast.walk(part) if isinstance(node, ast.Call)
    ]
