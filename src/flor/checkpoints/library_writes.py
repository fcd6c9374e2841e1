"""Attributes of library modules and classes that the project's code assigns: `lib.setting = 1` is state too.

No object of the program's holds them, so a walk would not see them. They are found in the bytecode.
"""

import dis
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from flor.checkpoints.frame_cells import nested_code
from flor.checkpoints.layouts import Ancestors, module_of, namespace_of, qualname_of

_LOADS_NAME = frozenset({"LOAD_NAME", "LOAD_GLOBAL"})
_LOADS_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


class Write(NamedTuple):
    """An assignment to an attribute of what a dotted name stands for."""

    owner: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Attributes of libraries, by their full name, and where each is kept."""

    names: Mapping[str, Any]
    owners: Mapping[str, Any]


def written_by(
    modules: Mapping[str, dict[str, Any]], running: Mapping[str, CodeType], settings: frozenset[str]
) -> Written:
    """The attributes that code of these modules assigns, with their values now.

    `running` has the code of module bodies that run now; `settings` are attributes that are read as modes.
    """
    owners: dict[str, Any] = {}
    for module, names in modules.items():
        body = running.get(module) or body_of(names.get("__loader__"))
        for write in _writes(body) if body else ():
            owner = _resolve(write.owner, names)
            if owner is not None and _is_library(owner, modules):
                owners[f"{_name_of(owner)}.{write.name}"] = owner
    kept = {name: owners[name] for name in sorted(owners.keys() - settings)}
    values = {name: _namespace(owner).get(name.rpartition(".")[2], _MISSING) for name, owner in kept.items()}
    found = {name: value for name, value in values.items() if value is not _MISSING}
    return Written(found, {name: kept[name] for name in found})


_MISSING = object()


@lru_cache(maxsize=1024)
def body_of(loader: Any) -> CodeType | None:
    """The code of a module's body, as its loader has it."""
    if not isinstance(loader, SourceFileLoader):
        return None
    try:
        return loader.get_code(loader.name)
    except (ImportError, OSError, SyntaxError):
        return None


@lru_cache(maxsize=1024)
def _writes(body: CodeType) -> frozenset[Write]:
    return frozenset(write for code in (body, *nested_code(body)) for write in _writes_of(code))


def _writes_of(code: CodeType) -> Iterator[Write]:
    """Each dotted name of a line, with each attribute that is assigned on that line."""
    chains: set[tuple[str, ...]] = set()
    chain: tuple[str, ...] = ()
    line: int | None = None
    for each in dis.get_instructions(code):
        here = each.positions.lineno if each.positions else None
        if here != line:
            chains, chain, line = set(), (), here
        if each.opname in _LOADS_NAME:
            chain = (str(each.argval),)
            chains.add(chain)
        elif each.opname in _LOADS_ATTRIBUTE and chain:
            chain = (*chain, str(each.argval))
            chains.add(chain)
        elif each.opname in ("STORE_ATTR", "DELETE_ATTR"):
            yield from (Write(one, str(each.argval)) for one in chains)


def _resolve(owner: tuple[str, ...], names: Mapping[str, Any]) -> Any | None:
    """The module or class of a dotted name; None for anything else."""
    found: Any = names.get(owner[0])
    for step in owner[1:]:
        found = _namespace(found).get(step) if _has_namespace(found) else None
    return found if _has_namespace(found) else None


def _has_namespace(thing: Any) -> bool:
    return issubclass(type(thing), ModuleType | type)


def _namespace(owner: Any) -> Mapping[str, Any]:
    if ModuleType in Ancestors(type(owner)):
        return object.__getattribute__(owner, "__dict__")  # type: ignore[no-any-return]
    return namespace_of(owner)  # type: ignore[no-any-return]


def _is_library(owner: Any, modules: Mapping[str, Any]) -> bool:
    is_module = ModuleType in Ancestors(type(owner))
    name = _name_of(owner) if is_module else module_of(owner)
    if name == "builtins":
        return is_module
    return name not in modules and name.partition(".")[0] not in ("flor", "flordb")


def _name_of(owner: Any) -> str:
    if ModuleType in Ancestors(type(owner)):
        return str(_namespace(owner).get("__name__"))
    return f"{module_of(owner)}.{qualname_of(owner)}"


def put(owner: Any, name: str, value: Any) -> None:
    """Assign an attribute of a module or class."""
    if ModuleType in Ancestors(type(owner)):
        object.__setattr__(owner, name, value)
    else:
        type.__setattr__(owner, name, value)


def remove(owner: Any, name: str) -> None:
    """Delete an attribute of a module or class."""
    if ModuleType in Ancestors(type(owner)):
        object.__delattr__(owner, name)
    else:
        type.__delattr__(owner, name)
