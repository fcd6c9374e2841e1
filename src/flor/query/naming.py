"""Which columns a frame has for its loops, and what every column is called."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from flor.query.paths import Shape

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class LoopColumn:
    """The loops that share a column."""

    name: str
    nesting: int = 1  # above 1: within so many loops of its name, itself included

    def __str__(self) -> str:
        return self.name if self.nesting == 1 else f"{self.name}_{self.nesting}"


@dataclass(frozen=True, slots=True)
class Titles:
    """What the columns of a frame are called; no two alike."""

    loops: Mapping[LoopColumn, str]  # in the order of the columns
    loop_values: Mapping[LoopColumn, str]
    names: Mapping[str, str]
    sources: Mapping[str, str]
    verdicts: Mapping[str, str]


def columns_of(shape: Shape) -> tuple[LoopColumn, ...]:
    """The columns that hold the iterations of loops so nested, outermost first."""
    seen: Counter[str] = Counter()
    columns = []
    for name in shape:
        seen[name] += 1
        columns.append(LoopColumn(name, seen[name]))
    return tuple(columns)


def merged(shapes: Iterable[Shape]) -> list[LoopColumn]:
    """All columns of the shapes: an enclosing loop before the enclosed, else in the order of the shapes.

    Where two shapes disagree which loop encloses which, the first decides.
    """
    before: dict[LoopColumn, set[LoopColumn]] = {}
    for shape in shapes:
        columns = columns_of(shape)
        for position, column in enumerate(columns):
            before.setdefault(column, set()).update(columns[:position])
    order: dict[LoopColumn, None] = {}
    while len(order) < len(before):
        left = [column for column in before if column not in order]
        order[next((column for column in left if before[column] <= order.keys()), left[0])] = None
    return list(order)


def titles(fixed: Sequence[str], loops: Sequence[LoopColumn], names: Sequence[str]) -> Titles:
    """Names for all columns, those that are asked for as they are where nothing else has the name."""
    taken = set(fixed)
    loop_titles = _claimed({column: column.name for column in loops if column.nesting == 1}, "_loop", taken)
    loop_titles |= _claimed({column: str(column) for column in loops if column.nesting > 1}, "_loop", taken)
    value_titles = _claimed({column: f"{loop_titles[column]}_value" for column in loops}, "_value", taken)
    name_titles = _claimed({name: name for name in names}, "_logged", taken)
    source_titles = _claimed({name: f"{name_titles[name]}_source" for name in names}, "_source", taken)
    verdict_titles = _claimed({name: f"{name_titles[name]}_verdict" for name in names}, "_verdict", taken)
    in_order = {column: loop_titles[column] for column in loops}
    return Titles(in_order, value_titles, name_titles, source_titles, verdict_titles)


def _claimed(wanted: Mapping[Thing, str], suffix: str, taken: set[str]) -> dict[Thing, str]:
    """A title for each thing, with suffixes where it is taken; then it is taken, too."""
    claimed = {thing: title for thing, title in wanted.items() if title not in taken}
    taken.update(claimed.values())
    for thing in [thing for thing in wanted if thing not in claimed]:
        claimed[thing] = _free(wanted[thing], suffix, taken)
        taken.add(claimed[thing])
    return claimed


def _free(title: str, suffix: str, taken: Collection[str]) -> str:
    """The title with as many suffixes as it takes."""
    return next(each for each in (title + suffix * times for times in count(1)) if each not in taken)
