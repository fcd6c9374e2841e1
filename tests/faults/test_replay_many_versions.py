"""A repository with 200 versions, each of which ran: a statement of today is carried into all of them."""

import json
from pathlib import Path

import msgspec
import pytest

from faults.replaying import KEEP_ALL
from flor.entities import RunId
from flor.runs import cutting, metadata, parquet
from flor.runs.catalog import sealed_names
from flor.runs.layout import SealedName
from workplace import Workplace

VERSIONS = 200
LINES = "\n".join(f"CONSTANT_{number} = {number}" for number in range(300))
SCRIPT = f"""{LINES}
import flor
VERSION = 0
total = 0
with flor.checkpointing():
    for epoch in flor.loop("epoch", range(3)):
        total += epoch
        flor.log("total", total)
        # behind
"""


@pytest.fixture
def many(place: Workplace) -> Workplace:
    """One run was recorded; the others are the same, of versions that differ."""
    place.run(SCRIPT, env=KEEP_ALL)
    place.catalog()
    [name] = sealed_names(place.layout)
    part = cutting.read(place.layout, name)
    for number in range(1, VERSIONS):
        _again(place, part, number)
    return place


def _again(place: Workplace, part: cutting.Part, number: int) -> None:
    place.write("train.py", SCRIPT.replace("VERSION = 0", f"VERSION = {number}"))
    place.git("add", "train.py")
    tree = place.git("write-tree")
    commit = place.git("commit-tree", tree, "-p", "flor.shadow", "-m", f"version {number}")
    place.git("update-ref", "refs/heads/flor.shadow", commit)
    run = RunId(f"{number:016x}")
    about = msgspec.structs.replace(
        part.about,
        run=run,
        tstamp=part.about.tstamp + 1_000_000 * number,
        version={**(part.about.version or {}), "commit": commit, "tree": tree},
    )
    path: Path = place.layout.sealed_file(SealedName(run, 0))
    parquet.write_all([(path, part.table, metadata.pack(about))])


def test_all_of_them_are_planned_at_once_and_any_of_them_is_answered(many: Workplace) -> None:
    many.write("train.py", SCRIPT.replace("# behind", 'flor.log("probe", [VERSION, total])'))
    shown = many.python("-m", "flor", "replay", "probe", "--dry-run", "--json")
    plans = json.loads(shown.stdout)["plans"]
    asked = [f"{number:016x}" for number in (1, 77, 199)]

    many.python("-m", "flor", "replay", "probe", "--yes", "--runs", ",".join(asked))

    assert len(plans) == VERSIONS
    for number, run in zip((1, 77, 199), asked, strict=True):
        assert many.values("probe", RunId(run)) == [[number, 0], [number, 1], [number, 3]]
