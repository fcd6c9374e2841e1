"""The loop paths of records: which loops a value stands in."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from flor.query.arrays import Positions

Shape = tuple[str, ...]
"""The names of loops, one inside the other, outermost first."""


@dataclass(frozen=True, slots=True)
class Routes:
    """The paths of a table of records, taken apart."""

    shapes: tuple[Shape, ...]
    shape: Positions  # of each path, in `shapes`
    prefixes: tuple[str, ...]  # every path and every path around one, occurrences included
    prefix: Positions  # of each path and level (counting from 0), in `prefixes`


def shape_of(path: str) -> Shape:
    """The names of a path's loops, whichever their occurrence."""
    return tuple(_name(element) for element in path.split("/")) if path else ()


def routes(paths: Iterable[str]) -> Routes:
    """The paths taken apart."""
    split = [path.split("/") if path else [] for path in paths]
    shapes: dict[Shape, int] = {}
    prefixes: dict[str, int] = {}
    shape = [shapes.setdefault(tuple(map(_name, elements)), len(shapes)) for elements in split]
    prefix = np.zeros((len(split), max(map(len, split), default=0)), dtype=np.intp)
    for row, elements in enumerate(split):
        for level in range(len(elements)):
            prefix[row, level] = prefixes.setdefault("/".join(elements[: level + 1]), len(prefixes))
    return Routes(tuple(shapes), np.array(shape, dtype=np.intp), tuple(prefixes), prefix)


def _name(element: str) -> str:
    escaped = element.partition("#")[0]
    if escaped == "%":
        return ""
    return escaped.replace("%2F", "/").replace("%23", "#").replace("%25", "%")
