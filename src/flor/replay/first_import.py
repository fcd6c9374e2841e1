"""What the import of FlorDB does, done when the program imports it: `--kwargs` is taken out of `sys.argv`.

FlorDB is loaded before the program begins; until the program imports it, its module is put away.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from flor.record import startup

_NAME = "flor"


def await_it(argv: Sequence[str]) -> None:
    """Undo what our own import of FlorDB did, until the program's.

    Args:
        argv: `sys.argv` as the program finds it.
    """
    startup.forget()
    sys.argv[:] = argv
    finder: Any = _FirstImport(sys.modules.pop(_NAME))
    sys.meta_path.insert(0, finder)


class _FirstImport:
    """Finds and loads FlorDB where it is: in memory."""

    def __init__(self, flor: ModuleType) -> None:
        self._flor = flor
        self._spec = flor.__spec__

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loader: Any = self
        return ModuleSpec(fullname, loader) if fullname == _NAME else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._flor

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        startup.take()
