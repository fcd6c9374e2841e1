"""Lets Python find a program's modules where it is executed again, and keeps it from changing others.

For programs that see their folder in another place than it was (see surroundings.py). Where it is mounted
over the old place, nothing of this is needed.
"""

import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any, ClassVar

from flor.checkpoints.atoms import Elsewhere
from flor.errors import ReentryRefused
from flor.replay.mapping import Relocation, each_text, strays

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    "os.chmod": 1, "os.chown": 1, "os.link": 2, "os.mkdir": 1, "os.remove": 1, "os.rename": 2, "os.rmdir": 1,
    "os.symlink": 2, "os.truncate": 1, "os.utime": 1, "sqlite3.connect": 1,
}  # fmt: skip
"""Audit events that change a file, and how many of their arguments are paths."""
_STANDARD = ("importlib", "_frozen_importlib", "zipimport", "builtins", "flor.")


def apply(relocation: Relocation) -> None:
    """Map what Python set up when it started: the search path, and the finders of editable installs."""
    if relocation.is_identity:
        return
    linked = dict(_linked(relocation))
    sys.path[:] = [relocation.path(entry) for entry in sys.path]
    for finder in sys.meta_path:
        _map_finder(finder, relocation)
    for module in list(sys.modules.values()):
        _map_packages(module, relocation)
    if linked:
        links: Any = _Links(linked)
        sys.meta_path.insert(0, links)
    importlib.invalidate_caches()
    _translate_state(relocation)
    _Applied.relocation = relocation
    sys.addaudithook(_Watch(relocation))


def _translate_state(relocation: Relocation) -> None:
    """Let paths in the program's state be kept, and put back, as the two places have them."""
    Elsewhere.to_kept = partial(each_text, change=relocation.recorded)
    Elsewhere.to_live = partial(each_text, change=relocation.text)


class _Applied:
    """What this process was told."""

    relocation: ClassVar[Relocation | None] = None


def offence() -> str:
    """Why what this process computes is not to be trusted; "" where it kept to its own folder."""
    relocation = _Applied.relocation
    loaded = loaded_elsewhere(relocation) if relocation else ()
    if loaded:
        return f"it loaded modules that are not the run's but today's: {', '.join(loaded)}"
    if _prevented:
        return f"it would have changed files of yours: {', '.join(writes_prevented())}"
    return ""


def loaded_elsewhere(relocation: Relocation) -> tuple[str, ...]:
    """The modules that were loaded from the original folder: today's code, and not the run's."""
    if relocation.is_identity:
        return ()
    return strays(_files_of_modules(), relocation)


def writes_prevented() -> tuple[str, ...]:
    """The paths in the original folder that the program wanted to change."""
    return tuple(dict.fromkeys(_prevented))


_prevented: list[str] = []


class _Watch:
    """An audit hook that lets nothing in the original folder be changed. Code that calls none escapes it."""

    def __init__(self, relocation: Relocation) -> None:
        self._relocation = relocation

    def __call__(self, event: str, arguments: Sequence[Any]) -> None:
        if event == "open":
            if isinstance(arguments[2], int) and arguments[2] & _WRITES:
                self._check(arguments[0])
        elif event in _CHANGES:
            for path in arguments[: _CHANGES[event]]:
                self._check(path)

    def _check(self, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor
        real = os.path.realpath(os.fsdecode(path))
        if self._relocation.is_original(real):
            _prevented.append(real)
            raise ReentryRefused(f"The program would change {real}, which is not the run's file but today's.")


class _Links:
    """Finds packages that stand in site-packages as links to the original folder."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._folders = folders

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        folder = self._folders.get(fullname)
        return PathFinder.find_spec(fullname, [folder]) if folder else None


def _linked(relocation: Relocation) -> Iterator[tuple[str, str]]:
    """Names in the folders of the search path that are links to the original, and where they are now."""
    for folder in sys.path:
        if not folder.endswith(("site-packages", "dist-packages")):
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                real = os.path.realpath(entry.path) if entry.is_symlink() else ""
                if real and relocation.is_original(real):
                    yield entry.name.partition(".")[0], os.path.dirname(relocation.path(real))


def _map_finder(finder: Any, relocation: Relocation) -> None:
    """Map the tables of an editable install: they stand in the finder, its class or its module."""
    kind = finder if isinstance(finder, type) else type(finder)
    if kind.__module__.startswith(_STANDARD):
        return
    module = sys.modules.get(kind.__module__)
    for names in (getattr(finder, "__dict__", {}), vars(kind), vars(module) if module else {}):
        for name, value in list(names.items()):
            if not name.startswith("__"):
                _map_attribute(finder, kind, module, name, value, relocation)


def _map_attribute(
    finder: Any, kind: type, module: Any, name: str, value: Any, relocation: Relocation
) -> None:
    if not isinstance(value, str | dict | list | set | tuple | os.PathLike):
        return
    mapped = relocation.value(value)
    if mapped is value:
        return
    for owner in (finder, kind, module):
        if getattr(owner, "__dict__", {}).get(name) is value:
            setattr(owner, name, mapped)
            return


def _map_packages(module: Any, relocation: Relocation) -> None:
    """Namespace packages may have been made before any module of the program was imported."""
    path = getattr(module, "__path__", None)
    if isinstance(path, list):
        path[:] = [relocation.path(entry) for entry in path]


def _files_of_modules() -> dict[str, str]:
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            found[name] = os.path.join(_real_folder(os.path.dirname(file)), os.path.basename(file))
    return found


@cache
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
