"""Paths below the folder in which a run took place, as they are where it is executed again. Pure."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence
from dataclasses import dataclass
from os.path import dirname, normpath
from pathlib import PurePath
from typing import Any

_ENDS = ":,;\"'\\s\\])}"
"""What cannot follow a path within a longer text, other than the rest of the path."""


@dataclass(frozen=True, slots=True)
class Relocation:
    """Where each path below one of the originals is found instead."""

    originals: tuple[str, ...]  # spellings of one folder
    target: str
    kept: tuple[
        str, ...
    ] = ()  # folders below an original that are not the program's: environments, the store

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Relocation":
        """From its fields as JSON has them."""
        return cls(tuple(fields["originals"]), fields["target"], tuple(fields["kept"]))

    @property
    def is_identity(self) -> bool:
        """Whether the program sees its folder where it was."""
        return self.target in self.originals

    def is_original(self, path: str) -> bool:
        """Whether a path leads to what must neither be read for code nor be written."""
        found = normpath(path)
        return self._original(found) is not None and not any(_is_below(found, kept) for kept in self.kept)

    def path(self, path: str) -> str:
        """The path, mapped; one that is relative or leads elsewhere stays as it is."""
        if self.is_identity or not path.startswith("/") or not self.is_original(path):
            return path
        found = next((root for root in self.originals if _is_below(path, root)), None)
        if found is None:  # it leads there by `..`
            path = normpath(path)
            found = self._original(path) or ""
        return self.target + path[len(found) :]

    def text(self, text: str) -> str:
        """A word that may hold paths: `--data=/project/data`, `file:///project/x`, `a:/project/b`."""
        if self.is_identity or not any(root in text for root in self.originals):
            return text
        return self._pattern().sub(lambda found: self.path(found[0]), text)

    def recorded(self, text: str) -> str:
        """A text of the program as it was in the original place; the inverse of `text`."""
        return text if self.is_identity else text.replace(self.target, self.originals[0])

    def search_path(self, value: str) -> str:
        """A list of folders as in PYTHONPATH."""
        return ":".join(self.path(entry) for entry in value.split(":"))

    def value(self, value: Any) -> Any:
        """A value with all paths in it mapped; containers that can be changed are changed in place."""
        if isinstance(value, str):
            return self.path(value)
        if isinstance(value, PurePath):
            return type(value)(self.path(str(value)))
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self.value(item) for item in value)
        if isinstance(value, frozenset):
            return frozenset(self.value(item) for item in value)
        self._change(value)
        return value

    def _change(self, container: Any) -> None:
        if isinstance(container, MutableMapping):
            changed = {self.value(key): self.value(item) for key, item in list(container.items())}
            if changed != dict(container):
                container.clear()
                container.update(changed)
        elif isinstance(container, MutableSequence) and not isinstance(container, bytearray):
            container[:] = [self.value(item) for item in container]
        elif isinstance(container, set):
            changed_set = {self.value(item) for item in container}
            if changed_set != container:
                container.clear()
                container.update(changed_set)

    def _original(self, path: str) -> str | None:
        return next((root for root in self.originals if _is_below(path, root)), None)

    def _pattern(self) -> re.Pattern[str]:
        roots = "|".join(re.escape(root) for root in sorted(self.originals, key=len, reverse=True))
        before = r"(?:^|(?<=[=:,;\"'\s(\[{])|(?<=//)|(?<=^-[A-Za-z]))"
        return re.compile(rf"{before}(?:{roots})(?:/[^{_ENDS}]*|(?=$|[{_ENDS}]))")


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A simple value, or a container of simple values, with each text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, bytes):
        # Only what is a path as a whole: bytes may be anything.
        return os.fsencode(change(os.fsdecode(value))) if value.startswith(b"/") else value
    if isinstance(value, tuple | list | set | frozenset):
        return type(value)(each_text(item, change) for item in value) if value else value
    if isinstance(value, dict):
        return {each_text(key, change): each_text(item, change) for key, item in value.items()}
    return value


def strays(files: Mapping[str, str], relocation: Relocation) -> tuple[str, ...]:
    """The modules that were loaded from the original folder, each with its file.

    Args:
        files: the files of loaded modules, by module name, with links resolved.
    """
    if relocation.is_identity:
        return ()
    found = sorted((name, file) for name, file in files.items() if relocation.is_original(file))
    return tuple(f"{name} ({file})" for name, file in found)


def redirected(link: str, target: str, root: str, relocation: Relocation) -> str:
    """Where a symbolic link of the version has to lead in its new place.

    Args:
        link: the link's path from the root.
        target: what it says.
        root: the folder it stood below.
    """
    if target.startswith("/"):
        return relocation.path(target)
    within = normpath(f"{dirname(link)}/{target}" if dirname(link) else target)
    meant = normpath(f"{root}/{within}")
    if within.startswith("..") or not relocation.is_original(meant):
        return relocation.path(meant)
    return target


def variables(environ: Mapping[str, str], relocation: Relocation) -> dict[str, str]:
    """Environment variables with the paths in them mapped."""
    return {name: relocation.text(value) for name, value in environ.items()}


def with_first(entries: Iterable[str], search_path: str) -> str:
    """A list of folders as in PYTHONPATH that begins with these, each once."""
    listed = [*entries, *(entry for entry in search_path.split(":") if entry)]
    return ":".join(dict.fromkeys(listed))


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")
