"""What comes along with a probe: the lines that make its values, where a version lacks them."""

from collections.abc import Collection

from flor.replay.propagation import modes, names, needs, scopes, variables
from flor.replay.propagation.attributes import method
from flor.replay.propagation.edges import import_index
from flor.replay.propagation.importing import Import, Importer, is_flor
from flor.replay.propagation.naming import DEFINITIONS, Namer, prefixes
from flor.replay.propagation.places import title
from flor.replay.propagation.placing import Place, Placer
from flor.replay.propagation.refusing import Refused
from flor.replay.propagation.statements import Block, Module, Statement
from flor.replay.propagation.view import View

_UNSEEN = 0.85  # a name that no matched statement mentions, bound under the same name
_CARRIED = 0.97  # for each statement that comes along
_ENOUGH_VOTERS = 4  # so many uses tell what a variable is, whatever made it
_MIXED = 0.95  # some of the lines that make a value are new


class Carrier:
    """Resolves all that one probe needs in an old version."""

    def __init__(self, view: View, root: Statement) -> None:
        self.view = view
        self.root = root
        self.namer = Namer(view)
        self.carried: list[Statement] = []
        self.places: dict[Statement, Place] = {}
        self.certainty = 1.0
        self._importer: Importer | None = None
        self._earlier: list[Statement] = []  # old statements that must stand before the probe

    def resolve(self) -> None:
        """Find the place, old names for all that the probe reads, and what must come along.

        Raises:
            Refused: there is no place, or a name has no counterpart, or no certain one.
        """
        self.namer.prepare(self.root)
        place = self._placer().place(self.root, self.namer.reads(self.root))
        self._settle(place)
        self._resolve_all([self.root])
        found = modes.around(self.root, self.view.matching, self._ours())
        self.carried += found
        self._resolve_all(found)
        for statement in self.carried:
            self._place(statement)
        self._check_order()
        self._check_bound()

    def _resolve_all(self, left: list[Statement]) -> None:
        """What these statements read, and what the lines read that come along with them."""
        while left:
            statement = left.pop(0)
            known = len(self.carried)
            for chain in sorted(needs.from_outside(statement)):
                self._resolve(chain, statement)
            self._avoid_clashes(statement)
            left.extend(self.carried[known:])

    def resolve_within(self, place: Place) -> None:
        """Find what a probe inside a statement needs that the old version has."""
        self._settle(place)
        self.namer.prepare(self.root)
        for chain in sorted(needs.from_outside(self.root)):
            if is_flor(chain.partition(".")[0], self.root):
                self._imports.flor(chain, self.root)

    def _settle(self, place: Place) -> None:
        self.places[self.root] = place
        self.namer.settle(place.block)
        self._importer = Importer(self.namer, place)

    # ---- what came of it

    @property
    def target(self) -> Module:
        """The old file that the probe goes to."""
        return self.places[self.root].block.module

    @property
    def inserted(self) -> list[Statement]:
        """The statements to be put in, as they stand today; those of other files first."""
        return sorted(
            (*self.carried, self.root), key=lambda each: (each.module is self.root.module, each.index)
        )

    @property
    def imports(self) -> list[Import]:
        """The imports to be put in."""
        return self._imports.imports

    @property
    def import_place(self) -> Place:
        """Where they stand."""
        body, root = self.target.body, self.places[self.root]
        index = import_index(body)
        return Place(body, min(index, root.index) if root.block is body else index, 1.0)

    def brought(self) -> list[str]:
        """The names that what is put in binds."""
        return sorted({each.binds for each in self.imports}.union(*map(self._bound_by, self.inserted)))

    def _bound_by(self, statement: Statement) -> set[str]:
        renames = self.namer.renames(statement)
        return {renames.get(name, name) for name in names.bound_by_all(statement.node)}

    @property
    def _imports(self) -> Importer:
        if self._importer is None:
            raise Refused("it has no place")
        return self._importer

    def _ours(self) -> set[Statement]:
        return {*self.view.probes, *self.carried, self.root}

    # ---- one name after the other

    def _resolve(self, chain: str, statement: Statement) -> None:
        first = chain.partition(".")[0]
        if is_flor(first, statement):
            self._imports.flor(chain, statement)
            return
        found, scope = scopes.home(first, statement.block)
        if not found:
            self._check_builtin(first, statement)
            return
        reaching = needs.reaching(first, statement, self._ours())
        if reaching and all(each.kind == "import" for each in reaching):
            self._bring_definition(self._imports.imported(chain, statement, reaching[-1]))
        elif reaching and all(each.kind in DEFINITIONS and each is not scope for each in reaching):
            self._bring_definition(self._imports.definition(first, statement, reaching[-1]))
        else:
            self._resolve_variable(chain, statement, reaching, scope)
        self._check_attributes(chain, statement)

    def _resolve_variable(
        self, chain: str, statement: Statement, reaching: list[Statement], scope: Statement | None
    ) -> None:
        first = chain.partition(".")[0]
        known = [each for each in reaching if each is scope or self.namer.old(each) is not None]
        if reaching and not known:
            if not variables.plays_same_role(first, reaching, statement, self.namer, self._ours()):
                self._carry(first, statement, reaching)
                return
            self.certainty *= _MIXED
            self.namer.rename(first, first, statement)
            return
        prefix, vote = self.namer.vote(chain, statement)
        if vote is None:
            self.certainty *= _UNSEEN
            return
        if vote.rival is not None:
            raise Refused(f"`{prefix}` may be `{vote.name}` or `{vote.rival}` in this version")
        is_doubtful = vote.name != prefix and vote.voters < _ENOUGH_VOTERS
        if is_doubtful and any(variables.is_other_computation(each, self.namer) for each in known):
            raise Refused(f"`{prefix}` is computed in another way in this version, as `{vote.name}`")
        self.certainty *= (0.85 + 0.15 * vote.certainty) * (_MIXED if len(known) < len(reaching) else 1.0)
        self.namer.rename(prefix, vote.name, statement)
        if statement is self.root and scope is scopes.scope_of(statement.block):
            before = [each for each in known if each is not scope and each.index < statement.index]
            self._earlier.extend(old for each in before if (old := self.namer.old(each)) is not None)

    def _check_builtin(self, name: str, statement: Statement) -> None:
        is_shadowed = scopes.home(name, self.places[self.root].block)[0]
        if name in scopes.BUILTINS and is_shadowed:
            raise Refused(f"`{name}` is no builtin in this version")
        if name not in scopes.BUILTINS and names.ANYTHING not in scopes.binders(statement.module, None):
            raise Refused(f"`{name}` is bound nowhere in today's code")

    # ---- lines that come along

    def _carry(self, name: str, statement: Statement, binders: list[Statement]) -> None:
        """Let the statements come along that give a name its value: this version has none of them."""
        self._check_other_computation(name)
        makers = [*binders, *needs.changes(name, binders[0], statement, self._ours())]
        for each in makers:
            if self.namer.old(each) is not None:
                raise Refused(
                    f"`{name}` is made by a line that this version lacks, and used by `{title(each)}`"
                )
        together = [self._topmost(each, statement) for each in makers]
        for each in together:
            self._bring(each, name, together)

    def _topmost(self, binder: Statement, reader: Statement) -> Statement:
        """The outermost new statement that the binder is in, if it comes along whole."""
        top, parent = binder, binder.parent
        while parent is not None and parent.kind not in DEFINITIONS and not parent.holds(reader):
            if self.namer.old(parent) is not None:
                break
            top, parent = parent, parent.parent
        return top

    def _bring(self, statement: Statement, name: str, together: Collection[Statement]) -> None:
        if statement in self._ours():
            return
        if statement.holds(self.root):
            raise Refused(f"this version has nothing like `{title(statement)}`", is_absent=True)
        if not needs.is_carriable(statement):
            raise Refused(f"`{name}` comes from `{title(statement)}`, which this version lacks")
        if self._is_shared(statement, together) and not needs.is_simple(statement):
            line = title(statement)
            raise Refused(f"`{name}` is made by `{line}`, a line of the program that this version lacks")
        self.carried.append(statement)
        self.certainty *= _CARRIED

    def _is_shared(self, statement: Statement, together: Collection[Statement]) -> bool:
        """Whether the program itself reads what a statement makes, in a line that does not come along."""
        if statement.kind in (*DEFINITIONS, "import"):
            return False
        own = {*self._ours(), *together}
        made = names.bound_by_all(statement.node) | names.mutated(statement.node)
        made = {name for name in made if not scopes.is_imported(name, statement.block)}
        return any(needs.is_read_after(each, statement.index, statement, own) for each in made)

    def _check_other_computation(self, name: str) -> None:
        """Refuse where the old version has a variable of that name, made by other lines."""
        place = self.places[self.root]
        found, scope = scopes.home(name, place.block)
        if not found or not scopes.bound_at(place.block, place.index, [name], {}):
            return
        is_same_scope = scope is scopes.scope_of(place.block)
        for each in scopes.binders(place.block.module, scope)[name]:
            if is_same_scope and each.index >= place.reached:
                continue
            if each is scope or self.view.matching.now(each) is None:
                raise Refused(f"`{name}` is computed in another way in this version")

    def _avoid_clashes(self, statement: Statement) -> None:
        """Give what comes along names of its own, where this version uses the same for something else."""
        if statement.kind in DEFINITIONS:
            return
        place = self.places[self.root]
        for name in sorted(names.bound_by_all(statement.node)):
            if name not in self.namer.in_scope(statement) and needs.mentions(name, place.block):
                fresh = f"{name}_probed"
                while needs.mentions(fresh, place.block):
                    fresh += "_"
                self.namer.rename(name, fresh, statement)

    def _bring_definition(self, definition: Statement | None) -> None:
        if definition is not None and definition not in self.carried:
            self.carried.append(definition)
            self.certainty *= _CARRIED

    # ---- attributes

    def _check_attributes(self, chain: str, statement: Statement) -> None:
        """Attributes that the project defines must be there; some have another name."""
        parts = chain.split(".")
        known = self.namer.in_scope(statement)
        voted = next((prefix for prefix in prefixes(chain) if prefix in known), parts[0])
        for count in range(voted.count(".") + 1, len(parts)):
            attribute = parts[count]
            if attribute in self.view.attributes and not self.view.was_known(attribute):
                other = self.namer.renaming(statement).attribute(attribute)
                if other is None:
                    self._bring_definition(method(chain, attribute, statement))
                    continue
                owner = self.namer.renamed(".".join(parts[:count]), statement)
                self.namer.rename(".".join(parts[: count + 1]), f"{owner}.{other}", statement)

    # ---- placing and checking

    def _placer(self) -> Placer:
        new = {below for each in self._ours() for below in (each, *each.below())}
        new.update(modes.new_ones(self.root.block, self.view.matching))
        return Placer(self.view.matching, self.view.places, new, self.view.old)

    def _place(self, statement: Statement) -> None:
        root = self.places[self.root]
        if self._is_beside_root(statement):
            self.places[statement] = root
            return
        place = self._own_place(statement)
        self.places[statement] = place if place is not None else self._above(root)

    def _own_place(self, statement: Statement) -> Place | None:
        """Where its neighbours were; None: anywhere in the old file before it is called."""
        is_global = statement.parent is None and scopes.scope_of(self.root.block) is not None
        is_free = statement.kind in DEFINITIONS or is_global
        if statement.module is not self.view.now:
            return None
        try:
            place = self._placer().place(statement, self.namer.reads(statement))
        except Refused:
            if statement.parent is None and is_free:
                return None
            raise
        if place.block.module is self.target:
            return place
        if is_free and statement.parent is None:
            return None
        raise Refused(f"`{title(statement)}`, which the probe needs, belongs into another file")

    def _above(self, root: Place) -> Place:
        """Before the statement of the module that the probe is in."""
        body = root.block.module.body
        owner = root.block.owner
        if owner is None:
            return root
        return Place(body, next(i for i, each in enumerate(body.children) if each.holds(owner)), root.score)

    def _is_beside_root(self, statement: Statement) -> bool:
        """Whether nothing but what comes along stands between a statement and the probe."""
        if statement.block is not self.root.block:
            return False
        first, last = sorted((statement.position, self.root.position))
        new = self._ours()
        return all(each in new for each in self.root.block.children[first : last + 1])

    def _check_order(self) -> None:
        place = self.places[self.root]
        for old in self._earlier:
            if old.module is self.target and old.index >= place.reached:
                raise Refused(f"in this version `{title(old)}` comes only after the place")

    def _check_bound(self) -> None:
        """Every name must be bound where it is read.

        Raises:
            Refused: one is not.
        """
        imports = self.import_place
        extra: dict[tuple[Block, int], set[str]] = {}
        extra[imports.block, imports.index] = {each.binds for each in self.imports}
        for statement in self.inserted:
            place = self.places[statement]
            extra.setdefault((place.block, place.index), set()).update(self._bound_by(statement))
        for statement in self.inserted:
            missing = self._unbound(statement, extra)
            if missing:
                listed = ", ".join(f"`{name}`" for name in sorted(missing))
                raise Refused(f"{listed} would be unbound there in this version")

    def _unbound(self, statement: Statement, extra: dict[tuple[Block, int], set[str]]) -> set[str]:
        place = self.places[statement]
        wanted = {
            self.namer.renamed(chain, statement).partition(".")[0] for chain in needs.from_outside(statement)
        }
        if names.ANYTHING in scopes.binders(self.target, None):
            wanted = {name for name in wanted if scopes.home(name, statement.block)[0]}
        found = scopes.bound_at(place.block, place.index, wanted, extra)
        found |= extra[place.block, place.index]
        if statement.kind in DEFINITIONS:  # called later
            found.update(*extra.values())
        return wanted - found
