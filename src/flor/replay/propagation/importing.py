"""Imports and functions that a probe needs: under their old names, imported, or carried along."""

from collections.abc import Iterator
from dataclasses import dataclass

from flor.replay.propagation import imported, scopes
from flor.replay.propagation.imported import Imported
from flor.replay.propagation.naming import DEFINITIONS, Namer
from flor.replay.propagation.placing import Place
from flor.replay.propagation.refusing import Refused
from flor.replay.propagation.renaming import Renamed
from flor.replay.propagation.statements import Module, Statement


@dataclass(frozen=True, slots=True)
class Import:
    """An import that the old file lacks."""

    line: str
    binds: str

    @property
    def is_flor(self) -> bool:
        return self.line.startswith("import flor")


class Importer:
    """Finds what modules, functions and classes of today's code are at one place of an old file."""

    def __init__(self, namer: Namer, place: Place) -> None:
        self._namer = namer
        self._view = namer.view
        self._place = place
        self.imports: list[Import] = []

    @property
    def _target(self) -> Module:
        return self._place.block.module

    # ---- definitions

    def definition(self, name: str, statement: Statement, definition: Statement) -> Statement | None:
        """Name a function or class of today's file as it was; give it back if it must come along.

        Raises:
            Refused: the name is something else in the old version.
        """
        old = self._namer.old(definition)
        if old is None:
            return self._to_bring(definition)
        if old.module is self._target or old.parent is not None:
            self._namer.rename(name, old.name, statement)
        else:
            self._add(Imported(_dotted_path(old.module.filename), old.name, old.name), name)
        return None

    def _to_bring(self, definition: Statement) -> Statement:
        if scopes.home(definition.name, self._place.block)[0]:
            raise Refused(f"`{definition.name}` is something else in this version")
        return definition

    # ---- modules

    def imported(self, chain: str, statement: Statement, binder: Statement) -> Statement | None:
        """Name what an import of today gives as it was, or import it; give back what must come along.

        Raises:
            Refused: this version has no such thing.
        """
        name = chain.partition(".")[0]
        want = imported.of(binder, name)
        if want is None:
            return None
        found = self._known(chain, statement, want)
        if found is not None:
            self._namer.rename(*found, statement)
            return None
        return self._lacking(want, name, statement)

    def _known(self, chain: str, statement: Statement, want: Imported) -> tuple[str, str] | None:
        """What part of a dotted name is called what in the old file."""
        prefix, vote = self._namer.vote(chain, statement, is_near=True)
        if vote is not None and vote.rival is None and self._is_local(vote.name):
            return prefix, vote.name
        have = self._visible(want)
        if have is not None:
            return chain.partition(".")[0], have
        prefix, vote = self._namer.vote(chain, statement)
        if vote is not None and self._is_clear(vote):
            return prefix, vote.name
        return None

    def _is_clear(self, vote: Renamed) -> bool:
        return vote.rival is None and self._is_bound(vote.name.partition(".")[0])

    def _is_local(self, name: str) -> bool:
        """Whether a name is a variable of the old function: an object, no module or function."""
        scope = scopes.function_of(self._place.block)
        return scope is not None and name.partition(".")[0] in scopes.binders(self._target, scope)

    def _visible(self, want: Imported) -> str | None:
        """Under which name the old file has what an import of today gives."""
        for each in self._imports_around():
            for have in imported.every(each):
                if have.full == want.full and self._is_bound(have.asname):
                    return have.asname
        return None

    def _imports_around(self) -> Iterator[Statement]:
        for scope in scopes.visible(self._place.block):
            for binders in scopes.binders(self._target, scope).values():
                yield from (each for each in binders if each.kind == "import")

    def _is_bound(self, name: str) -> bool:
        return name in scopes.bound_at(self._place.block, self._place.index, [name], {})

    def _lacking(self, want: Imported, name: str, statement: Statement) -> Statement | None:
        today, before, importer = self._view.today, self._view.before, statement.module.filename
        home = imported.file_of(want.module, importer, today)
        whole = imported.file_of(want.full, importer, today)
        if home is not None and want.attribute is not None and whole is None:
            return self._from_project(want, home, statement)
        if (whole or home) and imported.file_of(want.full, self._target.filename, before) is None:
            raise Refused(f"this version has no module `{want.full}`")
        self._add(want, name)
        return None

    def _from_project(self, want: Imported, home: str, statement: Statement) -> Statement | None:
        """A function of the project that this version may have here, in another file, or not at all."""
        name = want.attribute or want.asname
        if any(each.name == name for each in self._target.body.children):
            self._namer.rename(want.asname, name, statement)
            return None
        for other in self._homes(name, home):
            self._add(Imported(_dotted_path(other), name, want.asname), want.asname)
            return None
        view = self._view.of_file(home)
        found = scopes.binders(view.now, None).get(name, []) if view is not None else []
        if len(found) != 1 or found[0].kind not in DEFINITIONS or want.asname != name:
            raise Refused(f"this version has no `{want.full}`")
        return self._to_bring(found[0])

    def _homes(self, name: str, home: str) -> Iterator[str]:
        """Old files that define a name at their top, the file of today's definition first."""
        for other in (home, *sorted(self._view.before)):
            text = self._view.before.get(other, "")
            if f"def {name}" in text or f"class {name}" in text or f"{name} =" in text:
                module = self._view.old_module(other)
                if module is not None and name in scopes.binders(module, None):
                    yield other

    def _add(self, want: Imported, name: str) -> None:
        if scopes.home(name, self._place.block)[0] and not self._is_added(name):
            raise Refused(f"`{name}` is something else than `{want.line()}` in this version")
        self._append(Import(want.line(name), name))

    def _append(self, new: Import) -> None:
        if new not in self.imports:
            self.imports.append(new)

    def _is_added(self, name: str) -> bool:
        return any(each.binds == name for each in self.imports)

    # ---- FlorDB itself

    def flor(self, chain: str, statement: Statement) -> None:
        """Reach FlorDB as the old file does; import it where that does not."""
        local, _, attribute = chain.partition(".")
        functions = statement.module.names.functions
        wanted = attribute or next((what for name, what in functions if name == local), "")
        for dotted in self._reached(wanted):
            if self._is_bound(dotted.partition(".")[0]):
                self._namer.rename(chain, dotted, statement)
                return
        name = "flor"
        while scopes.home(name, self._place.block)[0] and not self._is_added(name):
            name += "_"
        self._append(Import("import flor" if name == "flor" else f"import flor as {name}", name))
        self._namer.rename(chain, f"{name}.{wanted}" if wanted else name, statement)

    def _reached(self, function: str) -> Iterator[str]:
        have = self._target.names
        for module in sorted(have.modules):
            yield f"{module}.{function}" if function else module
        yield from sorted(local for local, what in have.functions if what == function)


def is_flor(name: str, statement: Statement) -> bool:
    """Whether a name of today's file is FlorDB, or one of its functions."""
    flor = statement.module.names
    return name in flor.modules or any(local == name for local, _ in flor.functions)


def _dotted_path(filename: str) -> str:
    path = filename.removesuffix(".py").removesuffix("/__init__").removeprefix("src/")
    return path.replace("/", ".")
