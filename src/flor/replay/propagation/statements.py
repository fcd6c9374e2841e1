"""The tree of a file's statements: what they say, without how it is laid out."""

import ast
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import pairwise

from flor.replay import sites
from flor.replay.propagation import lexing
from flor.replay.propagation.text import Text
from flor.replay.sites import Names
from flor.replay.trees import parsed, uncollected

Node = ast.stmt | ast.ExceptHandler | ast.match_case

_FIELDS = ("body", "handlers", "cases", "orelse", "finalbody")
_TRANSPARENT = ("log", "loop", "arg")
_KINDS: dict[type[ast.AST], str] = {
    ast.Assign: "assign",
    ast.AnnAssign: "assign",
    ast.AugAssign: "assign",
    ast.For: "loop",
    ast.AsyncFor: "loop",
    ast.While: "loop",
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "def",
    ast.With: "with",
    ast.AsyncWith: "with",
    ast.Try: "try",
    ast.TryStar: "try",
    ast.Import: "import",
    ast.ImportFrom: "import",
}


class Block:
    """A sequence of statements: the body of a module or statement, an `else`, …"""

    __slots__ = ("children", "field", "module", "owner")

    def __init__(self, module: "Module", owner: "Statement | None", field: str) -> None:
        self.module = module
        self.owner = owner
        self.field = field
        self.children: list[Statement] = []

    @property
    def is_elif(self) -> bool:
        """Whether it is an `elif`, which has no line of its own to stand in."""
        if self.field != "orelse" or len(self.children) != 1:
            return False
        only = self.children[0]
        return isinstance(only.node, ast.If) and self.module.text.content.startswith("elif", only.start)


class Statement:
    """One statement, handler or case, with the blocks below it."""

    def __init__(self, node: Node, block: Block, index: int, start: int, end: int) -> None:
        self.node = node
        self.block = block
        self.position = len(block.children)
        self.index = index  # in the order of the text
        self.last = index  # of the last statement below
        self.start = start  # offsets in the text
        self.end = end
        self.blocks: tuple[Block, ...] = ()
        self.kind = _KINDS.get(type(node), type(node).__name__)

    @property
    def module(self) -> "Module":
        return self.block.module

    @property
    def parent(self) -> "Statement | None":
        return self.block.owner

    @property
    def line(self) -> int:
        return self.module.line_at(self.start)

    @property
    def lines(self) -> range:
        """The numbers of the lines that it covers."""
        return range(self.line, self.module.line_at(max(self.start, self.end - 1)) + 1)

    def ancestors(self) -> "Iterator[Statement]":
        """What it stands in, innermost first."""
        owner = self.parent
        while owner is not None:
            yield owner
            owner = owner.parent

    def below(self) -> "list[Statement]":
        """All statements below it, in the order of the text."""
        return self.module.statements[self.index + 1 : self.last + 1]

    def holds(self, other: "Statement") -> bool:
        """Whether `other` is it, or below it."""
        return self.module is other.module and self.index <= other.index <= self.last

    @cached_property
    def header(self) -> str:
        """Its text up to the first statement below."""
        firsts = [block.children[0].start for block in self.blocks if block.children]
        return self.module.text.content[self.start : min(firsts, default=self.end)]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of the header, without FlorDB's functions around expressions: they came with FlorDB."""
        found = lexing.words(self.header)
        ours = self.module.callees
        if ours.keys().isdisjoint(found):
            return tuple(found)
        if ours.get(found[0]) == "log":
            return ("flor.log", *found[1:])
        kept: list[str] = []
        for word in found:
            if kept and kept[-1] in ours and lexing.is_string(word):
                kept.pop()
            elif word != "default=":
                kept.append(word)
        return tuple(word for word in kept if word not in ours)

    @cached_property
    def loop_name(self) -> str | None:
        """What FlorDB calls a loop, as it is written."""
        found = lexing.words(self.header) if self.kind == "loop" else []
        for word, name in pairwise(found):
            if self.module.callees.get(word) == "loop" and lexing.is_string(name):
                return name
        return None

    @cached_property
    def blank(self) -> tuple[str, ...]:
        """The words with names left out."""
        return tuple(map(lexing.blank, self.words))

    @cached_property
    def inner(self) -> Counter[tuple[str, ...]]:
        """How often each header stands below it."""
        return Counter(each.words for each in self.below())

    @cached_property
    def inner_blank(self) -> Counter[tuple[str, ...]]:
        """The same without names."""
        return Counter(each.blank for each in self.below())

    @cached_property
    def name(self) -> str:
        """What a definition defines."""
        return getattr(self.node, "name", "") or ""


Binders = Mapping[str, list[Statement]]


class Module:
    """A file as a tree of statements."""

    def __init__(self, filename: str, whole: str) -> None:
        self.filename = filename
        self.text = Text(whole)
        self.tree = parsed(self.text.content)
        self.statements: list[Statement] = []
        self.binders: dict[Statement | None, Binders] = {}  # what `scopes` found out
        self.body = Block(self, None, "body")
        self._fill(self.body, self.tree.body)

    def _fill(
        self, block: Block, nodes: list[ast.stmt] | list[ast.ExceptHandler] | list[ast.match_case]
    ) -> None:
        for node in nodes:
            start, end = self._extent(node)
            made = Statement(node, block, len(self.statements), start, end)
            self.statements.append(made)
            block.children.append(made)
            made.blocks = tuple(self._blocks(made))
            made.last = len(self.statements) - 1

    def _blocks(self, owner: Statement) -> Iterator[Block]:
        if not hasattr(owner.node, "body") and not hasattr(owner.node, "cases"):
            return
        for field in _FIELDS:
            nodes = getattr(owner.node, field, None)
            if nodes:
                block = Block(self, owner, field)
                self._fill(block, nodes)
                yield block

    def _extent(self, node: Node) -> tuple[int, int]:
        """Offsets of its beginning, decorators included, and of its end."""
        if isinstance(node, ast.match_case):
            last = node.body[-1]
            start = self.text.offset(node.pattern.lineno, node.pattern.col_offset)
            end = self.text.offset(last.end_lineno or 0, last.end_col_offset or 0)
            return self.text.content.rfind("case", 0, start), end
        end = self.text.offset(node.end_lineno or 0, node.end_col_offset or 0)
        decorators = getattr(node, "decorator_list", None)
        if decorators:
            start = self.text.offset(decorators[0].lineno, decorators[0].col_offset)
            return self.text.content.rfind("@", 0, start), end
        return self.text.offset(node.lineno, node.col_offset), end

    def line_at(self, offset: int) -> int:
        """The line of an offset, from 1."""
        return bisect_right(self.text.starts, offset)

    @cached_property
    def imports(self) -> list[Statement]:
        """Its import statements, anywhere."""
        return [each for each in self.statements if each.kind == "import"]

    @cached_property
    def names(self) -> Names:
        """Under which names it reaches FlorDB."""
        return sites.names_of(ast.Module([each.node for each in self.imports], []))  # type: ignore[misc]

    @cached_property
    def callees(self) -> dict[str, str]:
        """What it calls those functions of FlorDB's that give back a value."""
        found = {local: what for local, what in self.names.functions if what in _TRANSPARENT}
        return found | {f"{module}.{what}": what for module in self.names.modules for what in _TRANSPARENT}


@lru_cache(16)  # a large file takes megabytes
def read(filename: str, whole: str) -> Module:
    """The tree of a file; the same file is read once for all versions.

    Raises:
        SyntaxError: it is no Python.
    """
    try:
        with uncollected():
            return Module(filename, whole)
    except RecursionError as error:
        raise SyntaxError("it is nested deeper than Python reads") from error
