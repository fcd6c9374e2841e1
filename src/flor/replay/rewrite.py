"""Rewrite a module so that a past moment of it can be entered. Pure: syntax trees in and out.

Every `for` over a `flor.loop` becomes

    if _flor_.replace(LINE):            # the loop is over already: its effect was restored
        NAMES
        if _flor_.ended_normally(): ELSE
    else:
        for _flor_item in ITER:
            if _flor_.is_skipping(LINE): continue
            NAMES                       # only after a restore
            if _flor_.is_over(LINE):    # its end was restored: it ends as it was recorded to end
                if _flor_.ended_normally(): continue
                break
            T = _flor_item; _flor_item = None
            BODY
        else:
            NAMES                       # where no item was left
            ELSE

and every `with flor.checkpointing(...)`

    try:
        _flor_.expect_block()
        with ...: BODY
    except _flor_.BlockIsOver:          # its end was kept
        _flor_.land()                   # restores it: every `finally` in BODY has been executed
        NAMES
        if _flor_.was_left_by(0): return RESULT     # as the block was left, for each way out

Where ITER gives the `flor.loop` to a function, `zip(flor.loop(...), X)`, it becomes
`_flor_.through(zip)(flor.loop(...), _flor_.beside(X))`.
NAMES binds the names of the frame anew: writing `f_locals` has no effect before Python 3.13.
The target is assigned after the skip test, because a skipped item cannot be unpacked. Line
numbers stay those of the user's statements. Expressions are never looked into: no statement is
in them, and they may be nested deeper than Python recurses.
"""

import ast
import dis
import symtable
from collections.abc import Callable, Sequence
from typing import TypeVar

from flor.checkpoints import leaving
from flor.checkpoints.frames import CELLS, OURS
from flor.replay import sites
from flor.replay.sites import Names

RUNTIME = OURS
ITEM = f"{OURS}item"
_PACKAGE, _MODULE = "flor.replay", "runtime"
_IMPLICIT = ("__class__", "__classdict__")  # cells that Python makes for its own use

Body = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef

_FIRST_LINE = ast.Pass(lineno=1, end_lineno=1, col_offset=0, end_col_offset=0)

S = TypeVar("S", bound=ast.stmt)

Edit = Callable[[ast.Module, str], None]
"""Changes the syntax tree of the file of this name, in place."""


def rewrite(source: str, filename: str, prologue: str = "", edit: Edit | None = None) -> ast.Module:
    """The rewritten module, ready to be compiled.

    Args:
        prologue: statements to execute before any of the module's own.
        edit: changes the tree first; it may neither make nor remove a scope.

    Raises:
        SyntaxError: the source is no Python.
    """
    tree = ast.parse(source, filename)
    if edit:
        edit(tree, filename)
    names = sites.names_of(tree)
    table = symtable.symtable(source, filename, "exec")
    _Rewriter(names, table).visit(tree)
    _insert_first(tree, [prologue, f"from {_PACKAGE} import {_MODULE} as {RUNTIME}"])
    return tree


class _Rewriter(ast.NodeTransformer):
    """Walks the statements with the symbol table of the scope they are in."""

    def __init__(self, names: Names, table: symtable.SymbolTable) -> None:
        self._names = names
        self._scope = table
        self._inner = _inner_scopes(table)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Visit the statements below: all of them stand in blocks."""
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if block:
                block[:] = self._block(block)
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            part.body[:] = self._block(part.body)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._visit_inside(node)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        if not sites.is_loop(node, self._names):
            return node
        for call in sites.wrappers(node.iter, self._names):
            _wrap(call, self._names)
        return _loop(node, self._name_lines())

    def visit_With(self, node: ast.With) -> ast.AST:
        is_block = sites.is_block(node, self._names)
        leaves = leaving.leaves(node.body) if is_block else []
        self.generic_visit(node)
        return _block(node, self._name_lines(), leaves) if is_block else node

    def _block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        return [self.visit(statement) for statement in statements]

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        cells = _cell_names(self._visit_inside(node))
        if cells:
            _insert_first(node, [_cells_line(cells)])
        return node

    def _visit_inside(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> symtable.SymbolTable:
        """Visit the body of a function or class; the scope that it is."""
        around = self._scope, self._inner
        scope = self._inner[node.name, node.lineno]
        self._scope, self._inner = scope, _inner_scopes(scope)
        self.generic_visit(node)
        self._scope, self._inner = around
        return scope

    def _name_lines(self) -> list[str]:
        if isinstance(self._scope, symtable.Function):
            return _bind_locals(_local_names(self._scope))
        return [f"{RUNTIME}.assign_names()"]


def _inner_scopes(scope: symtable.SymbolTable) -> dict[tuple[str, int], symtable.SymbolTable]:
    """The functions and classes defined in a scope, by name and line.

    Those with type parameters stand in a scope of these. Of a name and line the last is meant: before a
    function called `genexpr` may stand the generator expressions of its defaults.
    """
    found: dict[tuple[str, int], symtable.SymbolTable] = {}
    for child in scope.get_children():
        if isinstance(child, (symtable.Function, symtable.Class)):
            found[child.get_name(), child.get_lineno()] = child
        else:
            found |= _inner_scopes(child)
    return found


def _local_names(scope: symtable.Function) -> list[str]:
    """Parameters, assigned names and cells of a function: what belongs to its frame."""
    return sorted(name for name in scope.get_locals() if name.isidentifier() and not name.startswith(OURS))


def _cell_names(scope: symtable.SymbolTable) -> list[str]:
    """Names that the function shares with functions inside it, or around it."""
    if not isinstance(scope, symtable.Function):
        return []
    children = scope.get_children()
    free = scope.get_frees()
    if not children and not free:
        return []
    inner = {name for child in children for name in _free_names(child)}
    shared = inner.intersection(scope.get_locals()).union(free)
    return sorted(name for name in shared if name.isidentifier() and name not in _IMPLICIT)


def _free_names(scope: symtable.SymbolTable) -> set[str]:
    """Names that a scope, or one inside it, takes from around it."""
    found = {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_free()}
    return found.union(*(_free_names(child) for child in scope.get_children()))


def _bind_locals(names: Sequence[str]) -> list[str]:
    targets = f"{', '.join(names)}, = " if names else ""
    return [
        f"if {RUNTIME}.has_names():",
        f"    {targets}{RUNTIME}.take({tuple(names)!r})",
        *(f"    if {name} is {RUNTIME}.UNBOUND: del {name}" for name in names),
        f"    {RUNTIME}.check_names()",
    ]


def _loop(node: ast.For, names: list[str]) -> ast.stmt:
    """The loop as the module's docstring shows it."""
    line = node.lineno
    head = [
        f"if {RUNTIME}.is_skipping({line}): continue",
        *names,
        f"if {RUNTIME}.is_over({line}):",
        f"    if {RUNTIME}.ended_normally(): continue",
        "    break",
    ]
    inner = _one(ast.For, [f"for {ITEM} in ():", *_indented(head)], node)
    inner.iter = node.iter
    inner.body += [*_assign_target(node), *node.body]
    inner.orelse = [*_made(names, node), *node.orelse]
    ended = [f"if {RUNTIME}.ended_normally(): pass"]
    whole = _one(ast.If, [f"if {RUNTIME}.replace({line}):", *_indented([*names, *ended])], node)
    whole.orelse = [inner]
    # The same statements in both places: nobody changes them any more.
    _last(ast.If, whole.body).body = node.orelse or [ast.copy_location(ast.Pass(), node)]
    return whole


def _assign_target(node: ast.For) -> list[ast.stmt]:
    """`T = _flor_item`; then the item is forgotten, so that no name of ours keeps it alive."""
    assign = _one(ast.Assign, [f"{ITEM} = {ITEM}"], node)
    assign.targets = [node.target]
    return [assign, _one(ast.Assign, [f"{ITEM} = None"], node)]


def _block(node: ast.With, names: list[str], leaves: Sequence[ast.stmt]) -> ast.stmt:
    """The block, and behind it the ways in which it may have been left."""
    handler = [f"{RUNTIME}.land()", *names]
    lines = ["try:", f"    {RUNTIME}.expect_block()", f"except {RUNTIME}.BlockIsOver:", *_indented(handler)]
    whole = _one(ast.Try, lines, node)
    whole.body.append(node)
    whole.handlers[0].body += [
        _leave_again(number, leave, node)
        for number, leave in enumerate(leaves)
        if leaving.can_be_repeated(leave)
    ]
    return whole


def _leave_again(number: int, leave: ast.stmt, node: ast.With) -> ast.stmt:
    test = _one(ast.If, [f"if {RUNTIME}.was_left_by({number}): pass"], node)
    test.body = [leave]
    return test


def _wrap(call: ast.Call, names: Names) -> None:
    """Let the runtime see what a `flor.loop` is given to, and what else that is given."""
    call.func = _given_to("through", call.func)
    for place, argument in enumerate(call.args):
        if isinstance(argument, ast.Starred):
            argument.value = _given_to("beside", argument.value)
        elif not any(sites.calls_in(argument, names, "loop")):
            call.args[place] = _given_to("beside", argument)


def _given_to(function: str, argument: ast.expr) -> ast.expr:
    made = _one(ast.Expr, [f"{RUNTIME}.{function}(None)"], argument).value
    if isinstance(made, ast.Call):
        made.args = [argument]
    return made


def _cells_line(cells: Sequence[str]) -> str:
    """Gives a local variable the real cells of the frame: a closure over the same names has them."""
    names = "".join(f"{name}, " for name in cells)
    return f"{CELLS} = (lambda: ({names})).__closure__"


def _insert_first(node: Body, lines: Sequence[str]) -> None:
    """Put statements behind the docstring and, in a module, the `__future__` imports."""
    body, position = node.body, 0
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        position = int(isinstance(body[0].value.value, str))
    while position < len(body) and _is_future(body[position]):
        position += 1
    nearest = body[position] if position < len(body) else body[-1] if body else _FIRST_LINE
    body[position:position] = _made(lines, nearest)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _made(lines: Sequence[str], where: ast.AST) -> list[ast.stmt]:
    """Statements of ours, in the place of the user's. Names that they bind have no width (`binds_anew`)."""
    tree = ast.parse("\n".join(lines))
    for node in ast.walk(tree):
        if node._attributes:
            ast.copy_location(node, where)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            node.end_lineno, node.end_col_offset = node.lineno, node.col_offset
    return tree.body


def binds_anew(instruction: dis.Instruction) -> bool:
    """Whether an instruction of a rewritten module binds a name for us, and not for the user."""
    at = instruction.positions
    if at is None or at.col_offset is None:
        return False
    return (at.lineno, at.col_offset) == (at.end_lineno, at.end_col_offset)


def _one(kind: type[S], lines: Sequence[str], where: ast.AST) -> S:
    return _last(kind, _made(lines, where))


def _last(kind: type[S], statements: Sequence[ast.stmt]) -> S:
    last = statements[-1]
    if not isinstance(last, kind):
        raise TypeError(f"{ast.unparse(last)!r} is no {kind.__name__}")
    return last
