"""Which code is the project's: its files, modules, classes and functions. The rest is a library."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

_FLOR = str(Path(__file__).parents[1]) + "/"
_INSTALLED = ("/site-packages/", "/dist-packages/", "/.venv/", "/.tox/", "/.flor/")
_module_dict: Callable[[ModuleType], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__


@dataclass(frozen=True, slots=True)
class Scope:
    """The project: the folder its code lies in."""

    root: Path
    flor: str = field(default=_FLOR)  # this package is nobody's project, also not its own

    def has_file(self, filename: str) -> bool:
        """Whether code of this file is the project's."""
        return _is_under(filename, str(self.root), self.flor)

    def relative(self, filename: str) -> str:
        """The file's path from the root, with slashes; elsewhere its name as it is."""
        prefix = str(self.root) + "/"
        return filename.removeprefix(prefix)

    def modules(self) -> dict[str, dict[str, Any]]:
        """The globals of each loaded module of the project, by module name, sorted."""
        loaded = _loaded(self)
        if loaded.is_outdated():
            loaded.take_note()
            loaded.names = [name for name, module in list(sys.modules.items()) if self._has(name, module)]
        now = {name: sys.modules.get(name) for name in loaded.names}
        found = {name: _module_dict(module) for name, module in now.items() if isinstance(module, ModuleType)}
        # multiprocessing gives the script a second name.
        first = {id(names): name for name, names in sorted(found.items(), reverse=True)}
        return {name: names for name, names in sorted(found.items()) if first[id(names)] == name}

    def _has(self, name: str, module: object) -> bool:
        if not isinstance(module, ModuleType):
            return False
        filename = _module_dict(module).get("__file__")
        return name == "__main__" or (type(filename) is str and self.has_file(filename))


@dataclass(slots=True)
class _Loaded:
    """Which modules are the project's, as they were looked through last.

    Each walk asks, and to look through some thousand modules is to touch memory that the training has long
    put out of the processor's caches. What is imported stands at the end of `sys.modules`: while their number
    and the last of them are the same, nothing was added.
    """

    names: list[str] = field(default_factory=list)
    count: int = -1
    last: object = None

    def is_outdated(self) -> bool:
        """Whether modules have come or gone."""
        return len(sys.modules) != self.count or self._newest() is not self.last

    def take_note(self) -> None:
        """Of the modules there are now."""
        self.count, self.last = len(sys.modules), self._newest()

    @staticmethod
    def _newest() -> object:
        try:
            return sys.modules.get(next(reversed(sys.modules), ""))
        except RuntimeError:  # another thread imports just now
            return object()


@lru_cache(maxsize=16)
def _loaded(scope: Scope) -> _Loaded:
    return _Loaded()


@lru_cache(maxsize=8192)
def _is_under(filename: str, root: str, flor: str) -> bool:
    if not filename.startswith(root + "/") or filename.startswith(flor):
        return False
    inside = filename[len(root) :]
    return not any(folder in inside for folder in _INSTALLED)
