"""What a piece of code needs from outside, and which statements give it that. Pure."""

import ast
from collections.abc import Collection, Iterator

from flor.replay.propagation import names, scopes
from flor.replay.propagation.statements import Block, Module, Statement

# Functions and methods that give the same when they are called once more.
_SIMPLE_CALLS = """
abs all allclose any append argmax argmin argsort bincount bool buffers ceil children clamp
clip clone copy cos cosine_similarity count count_nonzero cpu cumprod cumsum deepcopy detach
diagonal dict dim dot double element_size endswith enumerate equal exp extend find flatten
float floor frozenset get getattr hasattr index int isclose isfinite isinf isinstance isnan
item items join keys len list log log_softmax long lower lstrip matmul max mean median min
modules most_common named_buffers named_children named_modules named_parameters nbytes nelement
norm numel numpy parameters permute quantile range relu replace repr reshape reversed round
rsplit rstrip set sigmoid sin size softmax sorted split sqrt square squeeze startswith
state_dict std str strip sum tanh title to tobytes tolist topk trace transpose tuple type
unique unsqueeze upper values var view zip
"""
_SIMPLE = frozenset(_SIMPLE_CALLS.split())
_PLAIN = (
    "assign",
    "import",
    "def",
    "ClassDef",
    "Pass",
    "Assert",
    "Expr",
    "with",
    "If",
    "loop",
    "try",
    "ExceptHandler",
    "TypeAlias",
)


def from_outside(statement: Statement) -> set[str]:
    """The dotted names that a statement and those below it read before binding them."""
    found: set[str] = set()
    bound: set[str] = set()
    skip_to = -1
    for each in (statement, *statement.below()):
        if each.index <= skip_to:
            continue
        if each.kind in ("def", "ClassDef"):
            skip_to = each.last
            reads = names.chains(each.node)
        else:
            reads = {chain for part in names.header_parts(each.node) for chain in names.chains(part)}
            reads = (reads - names.type_parameters(each.node)) | _augmented(each.node)
        found.update(chain for chain in reads if chain.partition(".")[0] not in bound)
        bound |= names.bound(each.node)
    return found


def _augmented(node: ast.AST) -> set[str]:
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    return set()


def is_update(statement: Statement, name: str) -> bool:
    """Whether it makes a new value of a name out of the old one: `x = f(x)`, `x += 1`."""
    return name in names.read_by_header(statement.node) | _augmented(statement.node)


def reaching(name: str, place: Statement, ours: Collection[Statement]) -> list[Statement]:
    """The statements of the scope that may have given a name its value, in the order of the text.

    Args:
        ours: statements that do not count, such as probes.
    """
    found, scope = scopes.home(name, place.block)
    if not found:
        return []
    every = [each for each in scopes.binders(place.module, scope)[name] if each not in ours]
    if scope is not scopes.scope_of(place.block):
        return every
    first = _dominating(name, place, scope, ours)
    loops = [
        each for each in place.ancestors() if each.kind == "loop" and (scope is None or scope.holds(each))
    ]
    # What an iteration binds after the place reaches it in the next one, unless it is bound anew before.
    around = [loop for loop in loops if first is None or not loop.holds(first)]
    last = max((loop.last for loop in around), default=place.index)
    start = first.index if first is not None else -1
    return [each for each in every if start <= each.index <= last and not place.holds(each)]


def _dominating(
    name: str, place: Statement, scope: Statement | None, ours: Collection[Statement]
) -> Statement | None:
    """The last statement on every way to a place that gives a name a value that is new."""
    here: Statement | None = place
    while here is not None and here is not scope:
        for each in reversed(here.block.children[: here.position]):
            if each not in ours and name in names.bound(each.node) and not is_update(each, name):
                return each
        here = here.parent
        if here is not None and here is not scope and name in names.bound(here.node):
            return here
    if scope is not None and name in names.parameters(scope.node):
        return scope
    return None


def changes(name: str, first: Statement, place: Statement, ours: Collection[Statement]) -> list[Statement]:
    """The statements from the first binding of a name on that change its object, up to the place."""
    scope = scopes.scope_of(place.block)
    loops = [each for each in place.ancestors() if each.kind == "loop" and not each.holds(first)]
    last = max((each.last for each in loops), default=place.index)
    return [
        each
        for each in scopes.members(place.module, scope)
        if first.index < each.index <= last
        and each not in ours
        and not place.holds(each)
        and name in names.mutated(each.node) | _given_to_change(each)
    ]


def _given_to_change(statement: Statement) -> set[str]:
    """The names that a statement gives to a function of its file which changes what it is given."""
    call = statement.node.value if isinstance(statement.node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return set()
    found: set[str] = set()
    for each in scopes.binders(statement.module, None)[call.func.id]:
        if isinstance(each.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            changed = {name for inner in each.below() for name in names.mutated(inner.node)}
            given = _arguments(call, each.node.args)
            found.update(*(names.root(value) for parameter, value in given if parameter in changed))
    return found


def _arguments(call: ast.Call, parameters: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """The parameter and the value of each argument of a call, starred ones left out."""
    positions = [each.arg for each in (*parameters.posonlyargs, *parameters.args)]
    yield from zip(positions, call.args, strict=False)
    yield from ((each.arg, each.value) for each in call.keywords if each.arg)


def is_carriable(statement: Statement) -> bool:
    """Whether a statement can come along with a probe: it and those below only compute and bind names."""
    if statement.kind in ("def", "ClassDef", "import"):
        return True
    for each in (statement, *statement.below()):
        if each.kind not in _PLAIN and not (each.kind in ("Break", "Continue") and each is not statement):
            return False
        for node in _expressions(each):
            if isinstance(node, (ast.Yield, ast.YieldFrom)) or _calls_flor(each.module, node):
                return False
    return True


def _calls_flor(module: Module, node: ast.AST) -> bool:
    """Whether it calls FlorDB for something that the run must have recorded, such as an argument."""
    return any(module.names.is_call(node, name) for name in ("arg", "checkpointing", "commit", "iteration"))


def _expressions(statement: Statement) -> Iterator[ast.AST]:
    for part in names.header_parts(statement.node):
        yield from ast.walk(part)


def is_simple(statement: Statement) -> bool:
    """Whether evaluating it a second time changes nothing, as far as can be seen."""
    for each in (statement, *statement.below()):
        for node in _expressions(each):
            if isinstance(node, (ast.Await, ast.NamedExpr)):
                return False
            if isinstance(node, ast.Call) and not _is_simple_call(node, each.module):
                return False
    return True


def _is_simple_call(call: ast.Call, module: Module) -> bool:
    called = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    return called in _SIMPLE or any(module.names.is_call(call, name) for name in ("log", "loop"))


def is_read_after(name: str, index: int, statement: Statement, ours: Collection[Statement]) -> bool:
    """Whether the program reads what a name is after a place of the statement's scope.

    Args:
        ours: statements that do not count, with all below them.
    """
    for each in scopes.members(statement.module, scopes.scope_of(statement.block)):
        if each.index <= index or name not in each.header or any(other.holds(each) for other in ours):
            continue
        if name in names.read_by_header(each.node) or (each.kind == "def" and name in names.read(each.node)):
            return True
        if name in names.bound(each.node) and not is_update(each, name):
            return False
    return False


def mentions(name: str, block: Block) -> bool:
    """Whether a name stands anywhere in the scope of a block."""
    scope = scopes.scope_of(block)
    if scope is None:
        return _has_word(block.module.text.content, name)
    return _has_word(block.module.text.content[scope.start : scope.end], name)


def _has_word(text: str, name: str) -> bool:
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if not _is_part(text[at - 1 : at]) and not _is_part(text[end : end + 1]):
            return True
        at = text.find(name, at + 1)
    return False


def _is_part(char: str) -> bool:
    return char.isidentifier() or char.isdigit()
