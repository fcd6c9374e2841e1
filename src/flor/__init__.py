"""Hindsight logging for machine learning.

Importing takes `--kwargs` out of `sys.argv` and registers two hooks; nothing else happens.
Everything public is loaded when it is first used.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flor.record import startup as _startup

if TYPE_CHECKING:
    from flor import mtk as MTK  # noqa: N812  (the name that scripts know it by)
    from flor import utils as utils
    from flor.api import arg as arg
    from flor.api import checkpointing as checkpointing
    from flor.api import commit as commit
    from flor.api import dataframe as dataframe
    from flor.api import io as io
    from flor.api import iteration as iteration
    from flor.api import load as load
    from flor.api import log as log
    from flor.api import loop as loop
    from flor.api import query as query
    from flor.api import replay as replay
    from flor.api import restore as restore

    HOMEDIR: str

__all__ = [
    "HOMEDIR",
    "MTK",
    "arg",
    "checkpointing",
    "commit",
    "dataframe",
    "io",
    "iteration",
    "load",
    "log",
    "loop",
    "query",
    "replay",
    "restore",
    "utils",
]

__version__ = "0.1.0"

_startup.begin()


class _Facade(ModuleType):
    """Keeps `flor.query` the function when the package `flor.query` is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        # Python makes an imported submodule an attribute of its package.
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Facade


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'flor' has no attribute {name!r}")
    api = import_module("flor.api")
    if name == "HOMEDIR":  # it follows the current folder
        return api.home_folder()
    value = import_module("flor.mtk") if name == "MTK" else getattr(api, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
