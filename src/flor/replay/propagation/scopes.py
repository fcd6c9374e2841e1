"""Where a name is bound: in which scope, and whether on the way to a place."""

import ast
import builtins
from collections.abc import Collection, Iterator, Mapping

from flor.replay.propagation import names
from flor.replay.propagation.statements import Binders, Block, Module, Statement

BUILTINS = frozenset((*dir(builtins), "__file__", "__name__", "__doc__", "__spec__", "__builtins__"))


def scope_of(block: Block) -> Statement | None:
    """The function or class that a block belongs to; None: the module."""
    owner = block.owner
    while owner is not None and owner.kind not in ("def", "ClassDef"):
        owner = owner.parent
    return owner


def function_of(block: Block) -> Statement | None:
    """The innermost function around a block."""
    owner = block.owner
    while owner is not None and owner.kind != "def":
        owner = owner.parent
    return owner


def loop_of(block: Block) -> Statement | None:
    """The innermost loop around a block in its function."""
    owner = block.owner
    while owner is not None and owner.kind != "def":
        # What stands in the `else` of a loop is not repeated.
        if owner.kind == "loop" and block.field == "body":
            return owner
        block = owner.block
        owner = owner.parent
    return None


def visible(block: Block) -> Iterator[Statement | None]:
    """The scopes in which names are looked up at a place, innermost first; the module (None) last."""
    scope, is_innermost = scope_of(block), True
    while scope is not None:
        if is_innermost or scope.kind == "def":
            yield scope
        scope, is_innermost = scope_of(scope.block), False
    yield None


def home(name: str, block: Block) -> tuple[bool, Statement | None]:
    """Whether a name is bound in a scope visible from here at all, and in which."""
    for scope in visible(block):
        if name in binders(block.module, scope):
            return True, scope
    return False, None


def is_imported(name: str, block: Block) -> bool:
    """Whether a name stands for what an `import` gives."""
    is_bound, scope = home(name, block)
    return is_bound and all(each.kind == "import" for each in binders(block.module, scope)[name])


def binders(module: Module, scope: Statement | None) -> Binders:
    """The statements of a scope that bind each of its names; a function itself binds its parameters."""
    if scope not in module.binders:
        module.binders[scope] = _binders(module, scope)
    return module.binders[scope]


def _binders(module: Module, scope: Statement | None) -> Binders:
    found: dict[str, list[Statement]] = {}
    elsewhere: set[str] = set()
    if scope is not None:
        for name in names.parameters(scope.node):
            found.setdefault(name, []).append(scope)
    for statement in members(module, scope):
        elsewhere |= names.globals_of(statement.node)
        for name in names.bound(statement.node):
            found.setdefault(name, []).append(statement)
    if scope is None:
        _add_declared(module, found)
    return {name: where for name, where in found.items() if scope is None or name not in elsewhere}


def _add_declared(module: Module, found: dict[str, list[Statement]]) -> None:
    """What functions bind that declare a name `global`."""
    for statement in module.statements:
        if isinstance(statement.node, ast.Global):
            function = function_of(statement.block)
            for each in members(module, function) if function else ():
                for name in names.bound(each.node).intersection(statement.node.names):
                    found.setdefault(name, []).append(each)


def members(module: Module, scope: Statement | None) -> Iterator[Statement]:
    """The statements of a scope, those in scopes of their own left out."""
    every = module.statements
    index, end = (0, len(every)) if scope is None else (scope.index + 1, scope.last + 1)
    while index < end:
        yield every[index]
        is_scope = every[index].kind in ("def", "ClassDef")
        index = every[index].last + 1 if is_scope else index + 1


def bound_at(
    block: Block, index: int, wanted: Collection[str], extra: Mapping[tuple[Block, int], Collection[str]]
) -> set[str]:
    """Those of the names that some path has bound before a place is reached.

    Args:
        block: the place is before its statement `index`.
        extra: names bound by what is spliced in elsewhere.
    """
    found: set[str] = set()
    innermost = scope_of(block)
    for scope in visible(block):
        own = {name for name in wanted if name in binders(block.module, scope)} - found
        own |= {name for (where, _), bring in extra.items() if scope_of(where) is scope for name in bring}
        if scope is innermost:
            start = names.parameters(scope.node) if scope is not None else set()
            body = block.module.body if scope is None else scope.blocks[0]
            found |= _Flow((block, index), own, extra).reach(body, start & own)
        else:
            found |= own  # by the time that the function runs
        wanted = set(wanted) - own
    return found | {name for name in wanted if name in BUILTINS}


State = frozenset[str] | None  # None: never reached


def _join(*states: State) -> State:
    reached = [state for state in states if state is not None]
    return frozenset().union(*reached) if reached else None


class _Flow:
    """Follows all paths of one scope, collecting what may be bound at one place."""

    def __init__(
        self,
        place: tuple[Block, int],
        wanted: Collection[str],
        extra: Mapping[tuple[Block, int], Collection[str]],
    ) -> None:
        self._place = place
        self._wanted = frozenset(wanted)
        self._extra = extra
        self._at_place: State = None
        self._breaks: list[list[State]] = []
        self._continues: list[list[State]] = []

    def reach(self, body: Block, start: Collection[str]) -> set[str]:
        self._block(body, frozenset(start))
        return set(self._at_place or ())

    def _block(self, block: Block | None, state: State) -> State:
        if block is None:
            return state
        for index, statement in enumerate(block.children):
            state = self._statement(statement, self._before(block, index, state))
        return self._before(block, len(block.children), state)

    def _before(self, block: Block, index: int, state: State) -> State:
        if (block, index) == self._place:
            self._at_place = _join(self._at_place, state)
        bring = self._extra.get((block, index))
        return state if state is None or not bring else state.union(self._wanted.intersection(bring))

    def _statement(self, statement: Statement, state: State) -> State:
        kind = statement.kind
        if kind in ("def", "ClassDef"):
            return self._bind(statement, state)
        if kind == "loop":
            return self._loop(statement, state)
        if kind == "try":
            return self._try(statement, state)
        if kind in ("Return", "Raise"):
            return None
        if kind in ("Break", "Continue"):
            targets = self._breaks if kind == "Break" else self._continues
            targets[-1].append(state)
            return None
        state = self._bind(statement, state)
        return self._branches(statement, state) if statement.blocks else state

    def _bind(self, statement: Statement, state: State) -> State:
        if state is None or not any(name in statement.header for name in self._wanted):
            return state
        made = self._wanted.intersection(names.bound(statement.node))
        return state.union(made) - names.deleted(statement.node)

    def _branches(self, statement: Statement, state: State) -> State:
        """`if`, `with` and `match`."""
        ends = [self._block(block, state) for block in statement.blocks]
        if statement.kind == "Match":
            ends = [
                self._block(each.blocks[0], self._bind(each, state)) for each in statement.blocks[0].children
            ]
            return _join(state, *ends)
        if statement.kind == "with" or len(ends) > 1:
            return _join(*ends)
        return _join(state, *ends)

    def _loop(self, statement: Statement, state: State) -> State:
        self._breaks.append([])
        self._continues.append([])
        blocks = {block.field: block for block in statement.blocks}
        entered = state
        for _ in range(2):  # what an iteration binds, the next one finds
            end = self._block(blocks["body"], self._bind(statement, entered))
            entered = _join(entered, end, *self._continues[-1])
        breaks = self._breaks.pop()
        self._continues.pop()
        return _join(self._block(blocks.get("orelse"), entered), *breaks)

    def _try(self, statement: Statement, state: State) -> State:
        blocks = {block.field: block for block in statement.blocks}
        end = self._block(blocks["body"], state)
        anywhere = state
        for each in statement.below():
            if not isinstance(each.node, ast.Delete):
                anywhere = self._bind(each, anywhere)
        handlers = blocks["handlers"].children if "handlers" in blocks else []
        ends = [self._block(each.blocks[0], self._bind(each, anywhere)) for each in handlers]
        ends.append(self._block(blocks.get("orelse"), end))
        if "finalbody" in blocks:
            self._block(blocks["finalbody"], anywhere)
            return None if _join(*ends) is None else self._block(blocks["finalbody"], _join(*ends))
        return _join(*ends)
