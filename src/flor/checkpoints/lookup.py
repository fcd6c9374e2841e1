"""Finds code, classes and library things in the running program by their names."""

import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import cache
from importlib import import_module
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flor.checkpoints.frame_cells import nested_code
from flor.checkpoints.frames import FrameState
from flor.checkpoints.functions import code_hint
from flor.checkpoints.layouts import Ancestors, module_of, namespace_of, qualname_of


class Lookup:
    """What the program has now, by name."""

    def __init__(self, objects: Sequence[Any], frames: Sequence[FrameState]) -> None:
        self._objects = objects
        self._frames = frames
        self._codes: dict[tuple[str, str], dict[int, CodeType]] | None = None
        self._searched: set[str] = set()

    def code(self, module: str, qualname: str, hint: Sequence[int] | None) -> CodeType | None:
        """The code of a function; where several share a name (lambdas), by what it does, or by its line."""
        found = list(self._candidates(module, qualname).values())
        if len(found) < 2 or not hint:
            return found[0] if found else None
        line, content = hint
        same = [code for code in found if code_hint(code)[1] == content]
        if len(same) != 1:
            same = [code for code in same or found if code.co_firstlineno == line]
        return same[0] if len(same) == 1 else None

    def _candidates(self, module: str, qualname: str) -> dict[int, CodeType]:
        if self._codes is None:
            self._codes = {}
            self._add_live(self._codes)
        found = self._codes.get((module, qualname), {})
        if not found and module not in self._searched:
            self._searched.add(module)
            self._add(self._codes, module, _codes_of_module(module))
            found = self._codes.get((module, qualname), {})
        return found

    def _add_live(self, codes: dict[tuple[str, str], dict[int, CodeType]]) -> None:
        for frame in self._frames:
            self._add(codes, frame.module, [frame.code])
        for thing in self._objects:
            if type(thing) is FunctionType:
                module = thing.__globals__.get("__name__", "")
                self._add(codes, module, [thing.__code__])

    def _add(
        self, codes: dict[tuple[str, str], dict[int, CodeType]], module: str, found: Iterable[CodeType]
    ) -> None:
        for outer in found:
            for code in (outer, *nested_code(outer)):
                codes.setdefault((module, code.co_qualname), {})[id(code)] = code

    def class_named(self, name: str) -> type | None:
        """A class of the project; one made inside a function is looked for among the live objects."""
        if "<locals>" not in name:
            found = resolve(name)
            return found if isinstance(found, type) else None
        module, _, qualname = name.partition(":")
        live = {
            id(thing): thing
            for thing in self._objects
            if issubclass(type(thing), type) and qualname_of(thing) == qualname and module_of(thing) == module
        }
        return next(iter(live.values())) if len(live) == 1 else None


def resolve(name: str) -> Any | None:
    """The thing of a name "module:qualname"; its module is imported if need be. None where there is none."""
    module, _, qualname = name.partition(":")
    try:
        found: Any = sys.modules.get(module) or import_module(module)
    except ImportError:
        return None
    for step in qualname.split(".") if qualname else ():
        found = _member(found, step)
    return _hidden_types().get(name) if found is None else found


@cache
def _hidden_types() -> dict[str, type]:
    """Types of Python's own that their module does not have: `builtins:method` is `types.MethodType`."""
    shown = [each for each in vars(types).values() if isinstance(each, type)]
    filled: tuple[Any, ...] = ([], (), {}, set(), "", b"", range(0), {}.values(), {}.items())
    others = (*map(iter, filled), {}.keys(), {}.values(), {}.items(), NotImplemented)
    return {f"builtins:{each.__qualname__}": each for each in (*shown, *map(type, others))}


def resolve_dotted(name: str) -> Any | None:
    """The module or class of a dotted name, whose module is loaded."""
    module = name
    while module and module not in sys.modules:
        module = module.rpartition(".")[0]
    return resolve(f"{module}:{name[len(module) + 1 :]}") if module else None


def _member(owner: Any, name: str) -> Any | None:
    if isinstance(owner, ModuleType):
        return getattr(owner, name, None)
    if not isinstance(owner, type):
        return None
    if Enum in Ancestors(owner):
        return getattr(owner, name, None)
    own = namespace_of(owner)
    found = own.get(name)
    # Descriptors of C classes are wanted as they are; what a class binds for its users as these see it.
    return getattr(owner, name, None) if found is None or hasattr(type(found), "__func__") else found


def _codes_of_module(name: str) -> Iterator[CodeType]:
    module = sys.modules.get(name)
    for thing in list(vars(module).values()) if module else ():
        if isinstance(thing, FunctionType) and thing.__module__ == name:
            yield thing.__code__
        elif isinstance(thing, type) and thing.__module__ == name:
            members = (getattr(each, "__func__", each) for each in namespace_of(thing).values())
            yield from (each.__code__ for each in members if isinstance(each, FunctionType))
