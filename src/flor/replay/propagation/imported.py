"""What a name of an import stands for, and how an old version can have the same."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flor.replay.propagation.statements import Statement


@dataclass(frozen=True, slots=True)
class Imported:
    """One name that an import statement binds."""

    module: str  # with leading dots where it is relative
    attribute: str | None  # of `from module import attribute`
    asname: str

    @property
    def full(self) -> str:
        """What the name stands for: `from torch import nn` and `import torch.nn as nn` are the same."""
        if self.attribute is not None:
            return f"{self.module}.{self.attribute}"
        top = self.module.partition(".")[0]
        return top if self.asname == top else self.module

    def line(self, asname: str | None = None) -> str:
        """An import statement for it."""
        name = asname or self.asname
        if self.attribute is not None:
            given = "" if name == self.attribute else f" as {name}"
            return f"from {self.module} import {self.attribute}{given}"
        top = self.module.partition(".")[0]
        return f"import {self.module}" if name in (self.module, top) else f"import {self.module} as {name}"


def of(statement: Statement, name: str) -> Imported | None:
    """What an import statement binds under a name."""
    node = statement.node
    if isinstance(node, ast.Import):
        for alias in node.names:
            if (alias.asname or alias.name.partition(".")[0]) == name:
                return Imported(alias.name, None, name)
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                return Imported("." * node.level + (node.module or ""), alias.name, name)
    return None


def every(statement: Statement) -> Iterator[Imported]:
    """All that an import statement binds."""
    node = statement.node
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            is_whole = isinstance(node, ast.Import) and alias.asname is None
            name = alias.name.partition(".")[0] if is_whole else alias.asname or alias.name
            found = of(statement, name)
            if found is not None:
                yield found


def file_of(module: str, importer: str, files: Mapping[str, object]) -> str | None:
    """The file of the project that a module is, if it is one of the project's."""
    dots = len(module) - len(module.lstrip("."))
    path = module[dots:].replace(".", "/")
    folder = importer.rpartition("/")[0]
    if dots:
        parts = folder.split("/") if folder else []
        base = "/".join(parts[: len(parts) - dots + 1])
        return _first(files, "/".join(filter(None, (base, path))))
    for base in dict.fromkeys((folder, "", "src")):
        found = _first(files, "/".join(filter(None, (base, path))))
        if found is not None:
            return found
    return None


def _first(files: Mapping[str, object], path: str) -> str | None:
    return next((name for name in (f"{path}.py", f"{path}/__init__.py") if name in files), None)
