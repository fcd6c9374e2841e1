"""`bench.json`: what the last run of each group found. A run of some groups leaves the others as they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure


@dataclass(frozen=True)
class Group:
    """The figures of one group, and how busy the machine was when they were measured."""

    load: float
    figures: Sequence[Figure]


def read(path: Path) -> dict[str, Group]:
    """The groups measured so far."""
    try:
        known = json.loads(path.read_text("utf-8"))["groups"]
    except FileNotFoundError:
        return {}
    return {
        name: Group(group["load"], [_figure(each) for each in group["figures"]])
        for name, group in known.items()
    }


def write(path: Path, facts: Mapping[str, object], groups: Mapping[str, Group]) -> None:
    """Write all groups."""
    listed = {
        name: {"load": group.load, "figures": [_as_json(figure) for figure in group.figures]}
        for name, group in groups.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"machine": facts, "groups": listed}, indent=1, ensure_ascii=False)
    path.write_text(content + "\n", "utf-8")


def _as_json(figure: Figure) -> dict[str, Any]:
    said = {"holds": figure.holds, "holds_by_cpu": figure.holds_by_cpu, "ratios": figure.ratios()}
    return {**asdict(figure), **said}


def _figure(written: Mapping[str, Any]) -> Figure:
    names = ("name", "measured", "unit", "goal", "beside", "cpu_s", "note")
    return Figure(**{name: written[name] for name in names})
