"""Reads the cases: files of today, files of an old version, and what must come of them.

A case is a text: what it is about, the names asked for, then sections

    --- now: FILE           a file of today, with the probes
    --- before: FILE        a file of the old version
    --- expected: FILE      the old file with the probes in it; a file without this section stays as it is
    --- refused: NAME: WHY  a part of the reason
    --- present: NAME       the old version has a statement of this name already

A description that begins with `history:` is of an edit as the histories of training scripts show it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

CASES = Path(__file__).parent / "cases"
_SECTION = re.compile(r"^--- (now|before|expected|refused|present): ?(.*)$", re.MULTILINE)


@dataclass
class Case:
    """One case."""

    name: str
    about: str
    probes: list[str]
    now: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    present: list[str] = field(default_factory=list)

    @property
    def is_from_history(self) -> bool:
        return self.about.startswith("history:")


def read(path: Path) -> Case:
    """One case."""
    head, *parts = _SECTION.split(path.read_text("utf-8"))
    about, _, names = head.partition("\nprobes: ")
    case = Case(path.stem, about, [name.strip() for name in names.strip().split(",")])
    for kind, title, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if kind == "refused":
            name, _, why = title.partition(": ")
            case.refused[name.removesuffix(":")] = why.strip()
        elif kind == "present":
            case.present.append(title)
        else:
            getattr(case, kind)[title] = body.removeprefix("\n")
    return case


def every() -> list[Case]:
    """All cases, by name."""
    return [read(path) for path in sorted(CASES.glob("*.txt"))]
