"""The names of one probe in an old version, as they are found one by one."""

import ast
from collections.abc import Iterator

from flor.replay.propagation import lexing, names, needs, scopes
from flor.replay.propagation.refusing import Refused
from flor.replay.propagation.renaming import Renamed, Renaming
from flor.replay.propagation.statements import Block, Module, Statement
from flor.replay.propagation.view import View

DEFINITIONS = ("def", "ClassDef")


class Namer:
    """Knows what today's names were, scope by scope, for what is put into one old file."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.block: Block | None = None  # of the old file, once the place is known
        self._renames: dict[Statement | Module, dict[str, str]] = {}
        self._renamings: dict[Statement | Module, Renaming] = {}

    def settle(self, block: Block) -> None:
        """Take only names that this old block knows from now on, and forget those taken before."""
        self.block = block
        self._renames.clear()

    def view_of(self, statement: Statement) -> View:
        """The view of the file that a statement is in."""
        if statement.module is self.view.now:
            return self.view
        return self.view.of_file(statement.module.filename) or self.view

    def old(self, statement: Statement) -> Statement | None:
        """What a statement of today was."""
        return self.view_of(statement).matching.old(statement)

    def renames(self, statement: Statement) -> dict[str, str]:
        """Today's names to old ones, for one of the statements; not the names of a definition's own."""
        found = self.in_scope(statement)
        if statement.kind not in DEFINITIONS:
            return found
        own = names.parameters(statement.node) | names.hidden_inside(statement.node)
        own |= {name for each in statement.below() for name in names.bound(each.node)}
        return {mine: theirs for mine, theirs in found.items() if mine.partition(".")[0] not in own}

    def in_scope(self, statement: Statement) -> dict[str, str]:
        """The same for the scope that a statement is in; to be added to."""
        return self._renames.setdefault(scopes.scope_of(statement.block) or statement.module, {})

    def renamed(self, chain: str, statement: Statement) -> str:
        """A dotted name of a statement in the old version."""
        return lexing.renamed(chain, self.renames(statement))

    def rename(self, mine: str, theirs: str, statement: Statement) -> None:
        """Note what a name was.

        Raises:
            Refused: the probe uses the old name for something of its own.
        """
        found = self.in_scope(statement)
        found.pop(mine, None)
        if mine == theirs:
            return
        hidden = names.hidden_inside(statement.node)
        if theirs.partition(".")[0] in hidden or ("." in theirs and mine in hidden):
            raise Refused(f"`{mine}` is `{theirs}` in this version, a name that the probe uses itself")
        found[mine] = theirs

    def vote(self, chain: str, statement: Statement, is_near: bool = False) -> tuple[str, Renamed | None]:
        """What matched statements say of the longest beginning of a dotted name that they mention."""
        prefix = chain
        while prefix:
            vote = self.renaming(statement).of(prefix, is_near, self.block)
            if vote is not None:
                return prefix, vote
            prefix = prefix.rpartition(".")[0]
        return chain.partition(".")[0], None

    def renaming(self, statement: Statement) -> Renaming:
        """The votes as seen from a statement."""
        key = scopes.scope_of(statement.block) or statement.module
        if key not in self._renamings:
            view = self.view_of(statement)
            self._renamings[key] = Renaming(view.matching, statement.block)
        return self._renamings[key]

    def prepare(self, statement: Statement) -> None:
        """Take the names that votes alone say: they tell what the place depends on."""
        found = self.in_scope(statement)
        for chain in needs.from_outside(statement):
            if not _is_fixed(chain.partition(".")[0], statement):
                prefix, vote = self.vote(chain, statement)
                if vote is not None and vote.name != prefix:
                    found[prefix] = vote.name

    def reads(self, statement: Statement) -> set[str]:
        """The old variables that a statement reads; modules and functions left out."""
        return {
            self.renamed(chain, statement).partition(".")[0]
            for chain in needs.from_outside(statement)
            if not _is_fixed(chain.partition(".")[0], statement)
        }


def _is_fixed(name: str, statement: Statement) -> bool:
    """Whether a name is a module, function or class, or a builtin."""
    found, scope = scopes.home(name, statement.block)
    return not found or all(
        (isinstance(each.node, ast.Import) or each.kind in DEFINITIONS) and each is not scope
        for each in scopes.binders(statement.module, scope)[name]
    )


def prefixes(chain: str) -> Iterator[str]:
    """A dotted name and its beginnings, the longest first."""
    while chain:
        yield chain
        chain = chain.rpartition(".")[0]
