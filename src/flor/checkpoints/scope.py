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
        elsewhere = _modules_elsewhere(self)
        found = {}
        for name, module in list(sys.modules.items()):
            if name not in elsewhere and isinstance(module, ModuleType):
                names = _module_dict(module)
                filename = names.get("__file__")
                if name == "__main__" or (type(filename) is str and self.has_file(filename)):
                    found[name] = names
                else:
                    elsewhere.add(name)
        # multiprocessing gives the script a second name.
        first = {id(names): name for name, names in sorted(found.items(), reverse=True)}
        return {name: names for name, names in sorted(found.items()) if first[id(names)] == name}


@lru_cache(maxsize=16)
def _modules_elsewhere(scope: Scope) -> set[str]:
    """Names of modules that are not the project's: each walk asks about a thousand of them."""
    return set()


@lru_cache(maxsize=8192)
def _is_under(filename: str, root: str, flor: str) -> bool:
    if not filename.startswith(root + "/") or filename.startswith(flor):
        return False
    inside = filename[len(root) :]
    return not any(folder in inside for folder in _INSTALLED)
