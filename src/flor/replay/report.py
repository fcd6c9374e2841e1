"""What a replay found out, run by run. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from flor.times import to_text

COLUMNS = (
    "run", "tstamp", "level", "segments", "seconds",
    "obtained", "verified", "diverged", "unverified", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunReport:
    """What came of one run."""

    run: str
    tstamp: datetime
    level: str
    segments: int = 0
    seconds: float = 0.0
    obtained: int = 0  # values
    verified: int = 0
    diverged: int = 0
    unverified: int = 0
    reason: str = ""  # why values are missing, differ or are not verified
    is_missing: bool = False  # a value that the run can have was not obtained
    estimated_s: float = 0.0
    notes: tuple[str, ...] = ()  # what else is to be known: conditions that changed, values that vary
    outputs: tuple[str, ...] = ()  # the log of each process that failed, and what it printed last

    def to_json(self) -> dict[str, Any]:
        """The columns of the table `replays`."""
        facts = {name: getattr(self, name) for name in COLUMNS}
        return {**facts, "tstamp": to_text(self.tstamp), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all of them."""

    names: tuple[str, ...]
    runs: tuple[RunReport, ...]
    estimated_s: float = 0.0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every value that the runs can have was obtained, and none is another than it was."""
        return not any(run.is_missing or run.diverged for run in self.runs)

    def to_json(self) -> dict[str, Any]:
        """The report as simple values."""
        return {"runs": [run.to_json() for run in self.runs]}

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
        rows = "".join(_row(run.to_json()) for run in self.runs)
        title = f"Replay of {', '.join(self.names)}: {self.seconds:.1f} s, estimated {self.estimated_s:.1f} s"
        return f"<p>{escape(title)}</p><table><tr>{heads}</tr>{rows}</table>"


def _row(facts: Mapping[str, Any]) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(facts[name]))}</td>" for name in COLUMNS) + "</tr>"


def told(reports: Sequence[RunReport]) -> list[str]:
    """What is to be said of the runs besides the numbers, each once."""
    lines = [f"{one.run}: {text}" for one in reports for text in (one.reason, *one.notes) if text]
    return list(dict.fromkeys(lines))
