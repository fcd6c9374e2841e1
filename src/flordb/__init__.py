"""`import flordb as flor` is `import flor`: one module object under two names, submodules included."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

import flor

if TYPE_CHECKING:
    from flor import *

_PREFIX = "flordb."


class _Alias(MetaPathFinder, Loader):
    """Imports `flordb.x` as the module `flor.x`, so that no module exists twice."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # `python -m flordb` needs a loader that hands out code: Python's own finds it in flor's folder.
        if not fullname.startswith(_PREFIX) or fullname == "flordb.__main__":
            return None
        return ModuleSpec(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        # The import system returns what stands in sys.modules when this is done.
        fullname = module.__name__
        sys.modules[fullname] = importlib.import_module("flor." + fullname.removeprefix(_PREFIX))


sys.meta_path.insert(0, _Alias())
sys.modules[__name__] = flor
