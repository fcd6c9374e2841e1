"""Which names a statement binds and which it reads."""

import ast
from collections.abc import Iterator

_BLOCKS = frozenset({"body", "orelse", "finalbody", "handlers", "cases"})
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CHANGING_CALLS = """
all_gather all_gather_into_tensor all_gather_object all_reduce all_to_all all_to_all_single broadcast
broadcast_object_list copyto delattr fill_diagonal gather heapify heappop heappush heappushpop heapreplace
insort insort_left insort_right place put putmask recv reduce reduce_scatter reduce_scatter_tensor scatter
setattr shuffle
"""
_CHANGING = frozenset(_CHANGING_CALLS.split())
"""Functions of Python, numpy and `torch.distributed` that are called for what they do to an argument."""
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
ANYTHING = "*"  # what `from module import *` binds


def header_parts(node: ast.AST) -> list[ast.AST]:
    """The expressions of a statement that are not in statements below it."""
    parts: list[ast.AST] = []
    for field, value in ast.iter_fields(node):
        if field in _BLOCKS and not isinstance(node, ast.Lambda | ast.IfExp):
            continue
        if isinstance(value, ast.AST):
            parts.append(value)
        elif isinstance(value, list):
            parts.extend(each for each in value if isinstance(each, ast.AST))
    return parts


def bound(node: ast.AST) -> set[str]:
    """The names that a statement binds itself, in its own scope; not those bound by statements below."""
    if isinstance(node, _DEFINITIONS):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {_imported(alias, node) for alias in node.names}
    found = {node.name} if isinstance(node, ast.ExceptHandler) and node.name else set()
    for part in header_parts(node):
        found.update(_stored(part))
    if isinstance(node, ast.AnnAssign) and node.value is None and isinstance(node.target, ast.Name):
        found.discard(node.target.id)
    return found


def _imported(alias: ast.alias, node: ast.Import | ast.ImportFrom) -> str:
    if alias.asname:
        return alias.asname
    return alias.name if isinstance(node, ast.ImportFrom) else alias.name.partition(".")[0]


def _stored(part: ast.AST) -> Iterator[str]:
    """Names bound in an expression, those of comprehensions and lambdas left out."""
    left: list[tuple[ast.AST, bool]] = [(part, False)]
    while left:
        node, is_inner = left.pop()
        if isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name):
            yield node.target.id  # also out of a comprehension
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and not is_inner:
            yield node.id
        if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name
        if isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        if not isinstance(node, ast.Lambda):
            inner = is_inner or isinstance(node, _SCOPES)
            left.extend((child, inner) for child in ast.iter_child_nodes(node))


def deleted(node: ast.AST) -> set[str]:
    """The names that a `del` statement unbinds."""
    if not isinstance(node, ast.Delete):
        return set()
    return {target.id for target in node.targets if isinstance(target, ast.Name)}


def parameters(node: ast.AST) -> set[str]:
    """The parameters of a function."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return set()
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return {each.arg for each in every if each is not None}


def type_parameters(node: ast.AST) -> set[str]:
    """The type parameters of a definition or an alias."""
    return {given.name for given in getattr(node, "type_params", ())}


def globals_of(node: ast.AST) -> set[str]:
    """The names that a `global` or `nonlocal` statement declares."""
    return set(node.names) if isinstance(node, (ast.Global, ast.Nonlocal)) else set()


def stored(node: ast.AST) -> set[str]:
    """The names whose objects a statement assigns into: `x[0] = …`, `x.y = …`, in-place functions too."""
    found: set[str] = set()
    for part in header_parts(node):
        for each in ast.walk(part):
            if isinstance(each, (ast.Attribute, ast.Subscript)) and isinstance(each.ctx, ast.Store | ast.Del):
                found |= root(each)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = dotted(node.value.func) or str(getattr(node.value.func, "attr", ""))
        # PyTorch's convention: `zero_`, `clip_grad_norm_`
        if called.endswith("_") and not called.endswith("__"):
            found |= read_by_header(node)
        if called.rpartition(".")[2] in _CHANGING:
            found.update(*(root(each) for each in node.value.args))
    return found


def mutated(node: ast.AST) -> set[str]:
    """The names whose objects a statement may change openly: those it assigns to, and `x.append(…)`."""
    found = stored(node)
    called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return found | root(called) if isinstance(called, ast.Attribute) else found


def root(node: ast.AST) -> set[str]:
    """The name that a chain of attributes, subscripts and calls begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Starred)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def read(node: ast.AST) -> set[str]:
    """The free names of a statement with all that is below it; for a definition, those of its body too."""
    return {chain.partition(".")[0] for chain in chains(node)}


def read_by_header(node: ast.AST) -> set[str]:
    """The free names of the statement's own expressions."""
    found: set[str] = set()
    for part in header_parts(node):
        found.update(chain.partition(".")[0] for chain in chains(part))
    return found


def chains(node: ast.AST) -> set[str]:
    """The free dotted names of a statement or expression: `a.b.c`, as long as it is only attributes."""
    found: set[str] = set()
    _collect(node, frozenset(), found)
    return found


def _collect(node: ast.AST, hidden: frozenset[str], found: set[str]) -> None:
    if isinstance(node, (ast.Attribute, ast.Name)):
        _collect_name(node, hidden, found)
    elif isinstance(node, (*_DEFINITIONS, ast.Lambda)):
        _collect_definition(node, hidden, found)
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        _collect_comprehension(node, hidden, found)
    else:
        for child in ast.iter_child_nodes(node):
            _collect(child, hidden, found)


def _collect_name(node: ast.Attribute | ast.Name, hidden: frozenset[str], found: set[str]) -> None:
    chain = dotted(node)
    if chain is None:
        for child in ast.iter_child_nodes(node):
            _collect(child, hidden, found)
    elif chain.partition(".")[0] not in hidden and ("." in chain or not isinstance(node.ctx, ast.Store)):
        found.add(chain)


def _collect_definition(node: ast.AST, hidden: frozenset[str], found: set[str]) -> None:
    """What is evaluated where it is defined, and what its body reads from outside."""
    own = parameters(node)
    inside: list[ast.AST] = []
    hidden = hidden | type_parameters(node)
    if isinstance(node, _DEFINITIONS):
        for part in header_parts(node):
            _collect(part, hidden, found)
        inside = [*node.body]
        own |= {name for each in inside for name in _bound_below(each)}
    elif isinstance(node, ast.Lambda):
        _collect(node.args, hidden, found)
        inside = [node.body]
    below = hidden | own
    for each in inside:
        _collect(each, below, found)


def _bound_below(node: ast.AST) -> set[str]:
    """The names that a statement and those below it bind in one scope."""
    found = bound(node) - globals_of(node)
    if not isinstance(node, _DEFINITIONS):
        for field in _BLOCKS:
            for each in getattr(node, field, None) or []:
                found |= _bound_below(each)
    return found


def bound_by_all(node: ast.AST) -> set[str]:
    """The names that a statement and those below it bind in its scope."""
    return _bound_below(node)


def _collect_comprehension(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
    hidden: frozenset[str],
    found: set[str],
) -> None:
    inner = hidden
    for generator in node.generators:
        _collect(generator.iter, inner, found)
        inner = inner | {name.id for name in ast.walk(generator.target) if isinstance(name, ast.Name)}
        for condition in generator.ifs:
            _collect(condition, inner, found)
    results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    for result in results:
        _collect(result, inner, found)


def dotted(node: ast.AST) -> str | None:
    """`a.b.c` as written, where it is only attributes of a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else None


def hidden_inside(node: ast.AST) -> set[str]:
    """The names that comprehensions, lambdas and definitions inside bind for themselves."""
    found: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.comprehension):
            found.update(name.id for name in ast.walk(each.target) if isinstance(name, ast.Name))
        found |= parameters(each)
    return found
