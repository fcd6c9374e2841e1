"""Runs a script, and enters it again at every moment that was kept."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flor.checkpoints.entry import parse
from flor.checkpoints.store import CheckpointStore, Kept
from workplace import Workplace

REENTRY = Path(__file__).with_name("reentry.py")
EVERYTHING = {"FLOR_STRICT": "1", "FLOR_EPSILON": "1"}

_AT_ONCE = 10  # ways into a script that one process tries

STEPS = "__import__('flor.record.keeper').record.keeper.STEP_AFTER_S = 0"
"""A line of a script that has a state kept at each step."""


def recorded(place: Workplace, script: str) -> list[Kept]:
    """Run the script to its end; what it kept."""
    place.run(script, env=EVERYTHING)
    return CheckpointStore(place.root / ".flor" / "checkpoints").kept(place.only_run().run)


def entered(place: Workplace, entries: Sequence[str]) -> list[dict[str, Any]]:
    """What is told of entering the script at each of these moments."""
    run, lines = place.only_run().run, list[str]()
    for first in range(0, len(entries), _AT_ONCE):
        some_of_them = entries[first : first + _AT_ONCE]
        lines += place.python(str(REENTRY), run, "train.py", *some_of_them).stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def problems(place: Workplace, kept: Sequence[Kept]) -> list[str]:
    """What differs from the run where the script is entered at each of these moments."""
    found = []
    told = {each["entry"]: each for each in entered(place, [one.manifest.entry for one in kept])}
    for one in kept:
        each, rows = told.get(one.manifest.entry), _logged_after(place, one.manifest.seq)
        if each is None:
            found.append(f"{one.manifest.entry}: nothing was told")
        elif each["refused"] or each["rows"] != rows or each["different"]:
            first = next((pair for pair in zip(rows, each["rows"], strict=False) if pair[0] != pair[1]), "")
            counts = f"{len(each['rows'])} of {len(rows)} rows"
            found.append(
                f"{one.manifest.entry}: {each['refused'] or counts} {first} {' '.join(each['different'][:3])}"
            )
    return found


def kinds(kept: Sequence[Kept]) -> set[str]:
    """Of which kinds the moments are."""
    return {parse(one.manifest.entry).kind for one in kept}


def some(kept: Sequence[Kept], wanted: Callable[[str], bool]) -> list[Kept]:
    """The moments whose names are wanted."""
    return [one for one in kept if wanted(one.manifest.entry)]


def _logged_after(place: Workplace, seq: int) -> list[Any]:
    rows = [row for row in place.rows() if row.seq > seq and row.source == "log"]
    return [
        [
            [
                [name.partition("#")[0], number]
                for name, number in zip(row.path.split("/"), row.it, strict=False)
            ],
            row.name,
            row.value.hex() if isinstance(row.value, float) else repr(row.value),
        ]
        for row in rows
    ]
