"""Where a statement can be put into the files of a script: places of every kind. Pure: texts in, texts out.

The places of a file are those around and in its `flor.loop`s, below `if`, `with` and `try` in them, and in
functions. Whoever asks a run of the past puts a statement into one of them.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

Block = Sequence[ast.stmt]
_JUMPS = (ast.Return, ast.Break, ast.Continue, ast.Raise)
_UNDER = {ast.If: "if", ast.With: "with", ast.Try: "try"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
MOST_OF_A_KIND = 2


@dataclass(frozen=True)
class Place:
    """A line of a file, and what has a name there."""

    kind: str
    filename: str
    line: int  # a statement goes before this line
    indent: int
    names: tuple[str, ...]  # bound there in the same scope, the newest last
    later: tuple[str, ...] = ()  # those of them that the program itself may read from there on
    number: int = 1  # among those of its kind

    def __str__(self) -> str:
        return self.kind if self.number == 1 else f"{self.kind} {self.number}"


@dataclass(frozen=True)
class Around:
    """What a block of statements stands in."""

    block: bool = False  # flor.checkpointing
    main: bool = False  # one of the main loops
    loop: bool = False  # any flor.loop


def places(files: Mapping[str, str]) -> list[Place]:
    """The places of a script's files, in the order of their lines; of each kind the first few."""
    found: list[Place] = []
    for filename in sorted(files):
        file = _File(filename, tuple(_main_functions(ast.parse(files[filename]))))
        file.scope(ast.parse(files[filename]).body, [])
        found += sorted(file.found, key=lambda place: place.line)
    return list(_numbered(found))


def put_in(text: str, statements: Iterable[tuple[Place, str]], imports: Sequence[str] = ()) -> str:
    """The file with statements put into places, and imports below those that it has."""
    lines = text.splitlines()
    missing = [one for one in imports if one not in lines]
    additions = [(_end_of_imports(text) + 1, 0, one) for one in missing]
    additions += [(place.line, -place.indent, statement) for place, statement in statements]
    # Where two blocks end at one line, that of the inner one comes first.
    for line, indent, addition in sorted(additions, key=lambda each: each[:2], reverse=True):
        lines.insert(line - 1, " " * -indent + addition)
    return "\n".join(lines) + "\n"


@dataclass
class _File:
    filename: str
    mains: tuple[str, ...]  # functions that hold a main loop
    found: list[Place] = field(default_factory=list)
    _mentions: list[tuple[int, str]] = field(default_factory=list)  # by the scope that is looked at
    _body: int = 0  # the first line of its last main loop's body
    _nested: set[str] = field(default_factory=set)  # names that nested loops bind

    def scope(self, body: Block, bound: list[str]) -> None:
        """The places of one function, or of the module; of functions in it too."""
        self._mentions = [
            (part.lineno, part.id) for node in body for part in ast.walk(node) if isinstance(part, ast.Name)
        ]
        self._body, self._nested = 1 << 30, set()
        self._block(body, bound, Around())
        for statement in body:
            self._definitions(statement)

    def _definitions(self, node: ast.stmt) -> None:
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                self._definitions(each)
        elif isinstance(node, _FUNCTIONS) and not node.name.startswith("__"):
            self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        given = node.args
        arguments = [*given.posonlyargs, *given.args, *filter(None, [given.vararg]), *given.kwonlyargs]
        self.scope(node.body, [each.arg for each in arguments])
        if node.name not in self.mains and node.body[0].lineno > node.lineno:
            bound = [each.arg for each in arguments]
            before = node.body[:-1] if isinstance(node.body[-1], _JUMPS) else node.body
            self._last("function", node.body, _grown(bound, before))

    def _block(self, body: Block, bound: list[str], around: Around) -> None:
        for i, node in enumerate(body):
            if _is_checkpointing(node) and not around.main:
                self._add("prefix", node.lineno, node.col_offset, bound)
            self._statement(node, list(bound), around)
            bound[:] = _grown(bound, [node])
            if _is_loop(node) and around.main:
                self._nested.update(_bound(node))
            if _is_checkpointing(node) and not around.main:
                self._add("suffix", _after(node), node.col_offset, bound)
            if _is_loop(node) and (around.main or around.block) and i + 1 < len(body):
                kind = "between" if any(map(_holds_loop, body[i + 1 :])) else "behind"
                self._add(kind, _after(node), node.col_offset, bound)

    def _statement(self, node: ast.stmt, bound: list[str], around: Around) -> None:
        if _is_loop(node):
            self._loop(node, bound, around)
        elif _is_checkpointing(node):
            self._block(node.body, bound, Around(block=True))
        elif isinstance(node, tuple(_UNDER)) and node.body[0].lineno > node.lineno:
            self._block(node.body, list(bound), around)
            if around.main:
                self._last(_UNDER[type(node)], node.body, _grown(bound, node.body))
        elif isinstance(node, ast.While):
            self._block(node.body, bound, around)

    def _loop(self, node: ast.For, bound: list[str], around: Around) -> None:
        is_main = around.block and not around.main
        kind = "nested" if around.main else "end" if is_main else _kind_of_loop(node)
        bound = [*bound, *_targets(node.target)]
        if is_main:
            self._body = node.body[0].lineno
            self._add("top", node.body[0].lineno, node.body[0].col_offset, bound)
        self._block(node.body, list(bound), Around(around.block, around.main or is_main, True))
        self._last(kind, node.body, _grown(bound, node.body))

    def _last(self, kind: str, body: Block, bound: Sequence[str]) -> None:
        """The end of a block: before the statement that leaves it, if one does."""
        last = body[-1]
        self._add(kind, last.lineno if isinstance(last, _JUMPS) else _after(last), last.col_offset, bound)

    def _add(self, kind: str, line: int, indent: int, bound: Sequence[str]) -> None:
        names = tuple(name for name in reversed(dict.fromkeys(reversed(bound))) if name != "_")
        if names:
            self.found.append(Place(kind, self.filename, line, indent, names, self._later(kind, line, names)))

    def _later(self, kind: str, line: int, names: Sequence[str]) -> tuple[str, ...]:
        """Of these names those that are mentioned from the place on, or from the top of a loop around it."""
        first = line if kind in ("suffix", "prefix") else min(line, self._body)
        mentioned = {name for at, name in self._mentions if at >= first}
        gone = set() if kind == "nested" else self._nested
        return tuple(name for name in names if name in mentioned - gone)


def _numbered(found: Sequence[Place]) -> Iterator[Place]:
    counts: dict[str, int] = {}
    for place in found:
        counts[place.kind] = counts.get(place.kind, 0) + 1
        if counts[place.kind] <= MOST_OF_A_KIND:
            yield replace(place, number=counts[place.kind])


def _bound(node: ast.stmt) -> list[str]:
    """The names that a statement is sure to have bound, as far as it is executed at all."""
    if isinstance(node, ast.Assign):
        return [name for target in node.targets for name in _targets(target)]
    if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        return _targets(node.target)
    if isinstance(node, (ast.For, ast.While)):
        return _grown(_targets(node.target) if isinstance(node, ast.For) else [], node.body)
    if isinstance(node, ast.With):
        given = [item.optional_vars for item in node.items if item.optional_vars]
        return _grown([name for each in given for name in _targets(each)], node.body)
    return []


def _grown(bound: Sequence[str], body: Block) -> list[str]:
    """The names that are bound behind these statements."""
    for node in body:
        deleted = [part for part in ast.walk(node) if isinstance(part, ast.Delete)]
        gone = {target.id for part in deleted for target in part.targets if isinstance(target, ast.Name)}
        bound = [name for name in (*bound, *_bound(node)) if name not in gone]
    return list(bound)


def _targets(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name) and _is_stored(node)]


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _after(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) + 1


def _end_of_imports(text: str) -> int:
    """The last line of a file's first imports; of its docstring, where it has none."""
    tree = ast.parse(text)
    head = [node for node in tree.body if isinstance(node, _IMPORTS)]
    docstring = tree.body[:1] if ast.get_docstring(tree) else []
    return max((node.end_lineno or 0 for node in head or docstring), default=0)


def _main_functions(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and any(_is_checkpointing(inner) for inner in ast.walk(node)):
            yield node.name


def _is_loop(node: ast.AST) -> bool:
    """Whether it is a `for` over a `flor.loop`, however wrapped."""
    return isinstance(node, ast.For) and any(_calls(part, "loop") for part in ast.walk(node.iter))


def _kind_of_loop(node: ast.For) -> str:
    """Of a loop that stands in no block of its function."""
    return "outer" if any(_is_checkpointing(inner) for inner in ast.walk(node)) else "called loop"


def _holds_loop(node: ast.AST) -> bool:
    return any(_is_loop(part) for part in ast.walk(node))


def _is_checkpointing(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(
        _calls(item.context_expr, "checkpointing") for item in node.items
    )


def _calls(node: ast.AST, name: str) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    return (
        isinstance(function, ast.Attribute)
        and function.attr == name
        and isinstance(function.value, ast.Name)
        and function.value.id == "flor"
    )
