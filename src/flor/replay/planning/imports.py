"""Which files of a project an import statement may load. Pure."""

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Modules:
    """Which files of the project an import may load."""

    files: tuple[str, ...]

    @cached_property
    def _by_ending(self) -> Mapping[str, tuple[str, ...]]:
        """Files by each dotted name they may have, the root of the path being unknown."""
        found: dict[str, tuple[str, ...]] = {}
        for filename in self.files:
            parts = filename.removesuffix(".py").removesuffix("/__init__").split("/")
            for start in range(len(parts)):
                dotted = ".".join(parts[start:])
                found[dotted] = (*found.get(dotted, ()), filename)
        return found

    def of(self, node: ast.Import | ast.ImportFrom, importer: str) -> tuple[str, ...]:
        """The files that an import statement may load, the packages around them included."""
        names = _imported(node, importer)
        found = [filename for name in names for filename in self._by_ending.get(name, ())]
        return tuple(dict.fromkeys(found))


def _imported(node: ast.Import | ast.ImportFrom, importer: str) -> list[str]:
    if isinstance(node, ast.Import):
        dotted = [alias.name for alias in node.names]
    else:
        folder = importer.split("/")[: -node.level] if node.level else []
        base = ".".join([*folder, *filter(None, [node.module])])
        dotted = [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
    return [
        ".".join(name.split(".")[:end]) for name in dotted for end in range(1, name.count(".") + 2) if name
    ]


def packages_around(filename: str, files: Collection[str]) -> list[str]:
    """The `__init__.py` of each package that a file stands in: `python -m` executes them first."""
    parts = filename.split("/")[:-1]
    names = ["/".join([*parts[:end], "__init__.py"]) for end in range(1, len(parts) + 1)]
    return [name for name in names if name in files]
