"""What a measurement comes to: a figure, its goal, and what stands beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One line of the table. `measured`, `goal` and `beside` are in `unit`."""

    name: str
    measured: float
    unit: str
    goal: float | None = None  # None: shown for comparison only
    beside: Mapping[str, float | None] = field(default_factory=dict)  # None: not installed
    cpu_s: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached; None where there is no goal."""
        return None if self.goal is None else self.measured <= self.goal

    @property
    def holds_by_cpu(self) -> bool:
        """Whether it would be reached if the machine did nothing else."""
        return (
            self.goal is not None and self.unit == "s" and self.cpu_s is not None and self.cpu_s <= self.goal
        )

    def ratios(self) -> dict[str, float | None]:
        """How many times as much the others need."""
        return {
            name: None if value is None or not self.measured else value / self.measured
            for name, value in self.beside.items()
        }


def table(figures: Sequence[Figure]) -> str:
    """The figures as a table in Markdown, which a terminal shows as well."""
    rows = [
        ("figure", "goal", "measured", "CPU s", "holds", "beside it (times as much)"),
        *map(_row, figures),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    goal = "" if figure.goal is None else f"{figure.goal:g} {figure.unit}"
    holds = {True: "yes", False: "NO", None: ""}[figure.holds]
    if figure.holds is False and figure.holds_by_cpu:
        holds = "in CPU s"
    cpu = "" if figure.cpu_s is None else number(figure.cpu_s)
    beside = ", ".join(_beside(name, figure) for name in figure.beside)
    note = f" ({figure.note})" if figure.note else ""
    return figure.name + note, goal, f"{number(figure.measured)} {figure.unit}", cpu, holds, beside


def _beside(name: str, figure: Figure) -> str:
    value, ratio = figure.beside[name], figure.ratios()[name]
    if value is None:
        return f"{name}: not installed"
    return f"{name} {number(value)}" + ("" if ratio is None or ratio < 0 else f" ({number(ratio)}x)")


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
