"""Rewrite a module so that a past moment of it can be entered. Pure: syntax trees in and out.

Every `for` over a `flor.loop` becomes

    if _flor_.replace(LINE):            # the loop is over already: its effect was restored
        NAMES
        if _flor_.ended_normally(): ELSE
    else:
        for _flor_item in ITER:
            if _flor_.is_skipping(LINE): continue
            NAMES                       # only after a restore
            T = _flor_item; _flor_item = None
            BODY
        else:
            ELSE

and every `with flor.checkpointing(...)` is wrapped so that the whole block can be jumped over.
NAMES binds the names of the frame anew: writing `f_locals` has no effect before Python 3.13.
The target is assigned after the skip test, because a skipped item cannot be unpacked. Line
numbers stay those of the user's statements.
"""

import ast
import copy
import symtable
from collections.abc import Sequence
from typing import TypeVar

from flor.replay import sites
from flor.replay.sites import Names

RUNTIME = "_flor_"
CELLS = "_flor_cells"
ITEM = "_flor_item"
PREFIX = "_flor_"
_MODULE = "flor.replay.runtime"

N = TypeVar("N", bound=ast.AST)


def rewrite(source: str, filename: str) -> ast.Module:
    """The rewritten module, ready to be compiled.

    Raises:
        SyntaxError: the source is no Python.
    """
    tree = ast.parse(source, filename)
    table = symtable.symtable(source, filename, "exec")
    rewriter = _Rewriter(sites.names_of(tree), table)
    rewritten: ast.Module = rewriter.visit(tree)
    _insert_first(rewritten.body, _import_runtime(), after_future=True)
    return ast.fix_missing_locations(rewritten)


class _Rewriter(ast.NodeTransformer):
    """Walks the tree with the symbol table of the scope it is in."""

    def __init__(self, names: Names, table: symtable.SymbolTable) -> None:
        self._names = names
        self._scopes = [table]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._in_scope(node, node.name)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return node  # an expression holds no statement

    def visit_For(self, node: ast.For) -> ast.AST | list[ast.stmt]:
        is_loop = sites.is_loop(node, self._names)
        self.generic_visit(node)
        return _loop(node, self._name_statements(node)) if is_loop else node

    def visit_With(self, node: ast.With) -> ast.AST:
        is_block = sites.is_block(node, self._names)
        leaves = _leaves(node.body) if is_block else []
        self.generic_visit(node)
        return _block(node, self._name_statements(node), leaves) if is_block else node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        cells = _cell_names(self._child(node.name, node.lineno))
        self._in_scope(node, node.name)
        if cells:
            _insert_first(node.body, _at(_cells_statement(cells), node))
        return node

    def _in_scope(self, node: N, name: str) -> N:
        line = getattr(node, "lineno", 0)
        self._scopes.append(self._child(name, line))
        self.generic_visit(node)
        self._scopes.pop()
        return node

    def _child(self, name: str, line: int) -> symtable.SymbolTable:
        """The scope of a function or class: the symbol table knows it by name and first line."""
        found = [
            child
            for child in self._scopes[-1].get_children()
            if child.get_name() == name
            and child.get_type() != "annotation"
            and child.get_lineno() in (line, 0)
        ]
        return found[0] if found else self._by_decorated_line(name, line)

    def _by_decorated_line(self, name: str, line: int) -> symtable.SymbolTable:
        """The scope of a decorated definition, whose table may give the decorator's line."""
        children = [child for child in self._scopes[-1].get_children() if child.get_name() == name]
        before = [child for child in children if child.get_lineno() <= line]
        return max(before or children, key=lambda child: child.get_lineno())

    def _name_statements(self, node: ast.stmt) -> list[ast.stmt]:
        scope = self._scopes[-1]
        if isinstance(scope, symtable.Function):
            statements = _bind_locals(_local_names(scope))
        else:
            statements = _parsed(f"{RUNTIME}.assign_module(__name__)")
        return [_at(statement, node) for statement in statements]


def _local_names(scope: symtable.SymbolTable) -> list[str]:
    """Parameters, assigned names and cells of a function: what belongs to its frame."""
    return sorted(
        symbol.get_name()
        for symbol in scope.get_symbols()
        if (symbol.is_local() or symbol.is_parameter()) and not symbol.get_name().startswith((".", PREFIX))
    )


def _cell_names(scope: symtable.SymbolTable) -> list[str]:
    """Names that the function shares with functions inside it, or around it."""
    inner = {name for child in scope.get_children() for name in _free_names(child)}
    shared = {s.get_name() for s in scope.get_symbols() if s.is_free() or s.get_name() in inner}
    own = {s.get_name() for s in scope.get_symbols() if s.is_local() or s.is_parameter() or s.is_free()}
    return sorted((shared & own) - {"__class__", "__classdict__"})


def _free_names(scope: symtable.SymbolTable) -> set[str]:
    """Names that a scope, or one inside it, takes from around it."""
    found = {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_free()}
    return found.union(*(_free_names(child) for child in scope.get_children()))


def _bind_locals(names: Sequence[str]) -> list[ast.stmt]:
    lines = [f"if {RUNTIME}.has_names():"]
    for name in names:
        lines += [
            f"    if {RUNTIME}.is_bound({name!r}):",
            f"        {name} = {RUNTIME}.take({name!r})",
            "    else:",
            "        try:",
            f"            del {name}",
            "        except NameError:",
            "            pass",
        ]
    lines.append(f"    {RUNTIME}.names_are_done()")
    return _parsed("\n".join(lines))


def _loop(node: ast.For, names: list[ast.stmt]) -> list[ast.stmt]:
    line = node.lineno
    inner = ast.For(
        target=ast.Name(ITEM, ast.Store()),
        iter=node.iter,
        body=[*_skip_test(line), *_copied(names), *_assign_target(node.target), *node.body],
        orelse=node.orelse,
    )
    replaced = _copied(names)
    if node.orelse:
        replaced.append(ast.If(_expression(f"{RUNTIME}.ended_normally()"), _copied(node.orelse), []))
    return [_at(ast.If(_expression(f"{RUNTIME}.replace({line})"), replaced, [inner]), node)]


def _skip_test(line: int) -> list[ast.stmt]:
    # `continue` is an error outside a loop: it is put in by hand.
    return [ast.If(_expression(f"{RUNTIME}.is_skipping({line})"), [ast.Continue()], [])]


def _assign_target(target: ast.expr) -> list[ast.stmt]:
    """`T = _flor_item`; then the item is forgotten, so that no name of ours keeps it alive."""
    assign = ast.Assign([target], ast.Name(ITEM, ast.Load()))
    forget = ast.Assign([ast.Name(ITEM, ast.Store())], ast.Constant(None))
    return [assign, forget]


def _block(node: ast.With, names: list[ast.stmt], leaves: Sequence[ast.stmt]) -> ast.stmt:
    """The block, and behind it the ways in which it may have been left."""
    handler_body: list[ast.stmt] = [*names]
    for leave in leaves:
        test = _expression(f"{RUNTIME}.was_left_at({leave.lineno})")
        handler_body.append(ast.If(test, [copy.deepcopy(leave)], []))
    handler_body += _parsed(f"{RUNTIME}.jump_is_done()")
    handler = ast.ExceptHandler(_expression(f"{RUNTIME}.BlockIsOver"), None, handler_body)
    return _at(ast.Try([node], [handler], [], []), node)


def _leaves(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements that leave a block and can be executed again: names, attributes, constants."""
    found: list[ast.stmt] = []
    for statement in body:
        found += _leaves_of(statement, in_loop=False)
    return found


def _leaves_of(node: ast.stmt, in_loop: bool) -> list[ast.stmt]:
    if isinstance(node, ast.Return):
        return [node] if node.value is None or _is_plain(node.value) else []
    if isinstance(node, (ast.Break, ast.Continue)):
        return [] if in_loop else [node]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return []
    inside = in_loop or isinstance(node, (ast.For, ast.AsyncFor, ast.While))
    found: list[ast.stmt] = []
    for field, children in ast.iter_fields(node):
        # break and continue in the `else` of a loop belong to the loop around it
        is_inside = in_loop if field == "orelse" else inside
        for child in children if isinstance(children, list) else ():
            if isinstance(child, ast.stmt):
                found += _leaves_of(child, is_inside)
            elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
                found += [leave for inner in child.body for leave in _leaves_of(inner, is_inside)]
    return found


def _is_plain(expression: ast.expr) -> bool:
    plain = (ast.Name, ast.Attribute, ast.Constant, ast.Tuple, ast.Load)
    return all(isinstance(part, plain) for part in ast.walk(expression))


def _cells_statement(cells: Sequence[str]) -> ast.stmt:
    """Gives a local variable the real cells of the frame: a closure over the same names has them."""
    names = "".join(f"{name}, " for name in cells)
    return _parsed(f"{CELLS} = (lambda: ({names})).__closure__")[0]


def _import_runtime() -> ast.stmt:
    package, _, module = _MODULE.rpartition(".")
    return ast.ImportFrom(package, [ast.alias(module, RUNTIME)], 0)


def _insert_first(body: list[ast.stmt], statement: ast.stmt, after_future: bool = False) -> None:
    """Put a statement behind the docstring (and the `__future__` imports of a module)."""
    position = 0
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        position = int(isinstance(body[0].value.value, str))
    while after_future and position < len(body) and _is_future(body[position]):
        position += 1
    body.insert(position, _located_like(statement, body, position))


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _located_like(statement: ast.stmt, body: Sequence[ast.stmt], position: int) -> ast.stmt:
    if position < len(body):
        return _at(statement, body[position])
    statement.lineno = statement.end_lineno = 1
    statement.col_offset = statement.end_col_offset = 0
    return ast.fix_missing_locations(statement)


def _expression(text: str) -> ast.expr:
    (statement,) = _parsed(text)
    if not isinstance(statement, ast.Expr):
        raise TypeError(f"{text!r} is no expression")
    return statement.value


def _parsed(text: str) -> list[ast.stmt]:
    """Statements that have no place yet."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for attribute in ("lineno", "end_lineno", "col_offset", "end_col_offset"):
            if hasattr(node, attribute):
                delattr(node, attribute)
    return tree.body


def _copied(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    return [copy.deepcopy(statement) for statement in statements]


def _at(node: N, where: ast.AST) -> N:
    """Give what we made the place of the user's statement; what the user wrote keeps its own."""
    for part in ast.walk(node):
        if "lineno" in part._attributes and not hasattr(part, "lineno"):
            ast.copy_location(part, where)
    return node
