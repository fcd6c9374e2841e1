"""Runs that were really recorded, for what reads stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flor.checkpoints.store import CheckpointStore
from flor.entities import Run, RunId
from flor.replay.planning import gathering
from flor.replay.planning.facts import LoopFacts, RunFacts
from flor.replay.planning.places_of_probes import structure
from flor.replay.planning.reading import read
from flor.replay.planning.standing import Changed, changed
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1", "FLOR_ECHO": "off"}


@dataclass(frozen=True)
class Recorded:
    """A folder with runs in it."""

    place: Workplace

    @classmethod
    def make(cls, folder: Path) -> "Recorded":
        (folder / "home").mkdir()
        return cls(Workplace.make(folder / "project", folder / "home"))

    def run(self, script: str, *arguments: str, code: int = 0) -> None:
        """Run a script; every state of it is kept."""
        self.place.write("train.py", script)
        self.place.python("train.py", *arguments, code=code, env=KEEP_ALL)

    @property
    def layout(self) -> Layout:
        return Layout(self.place.root / ".flor")

    @property
    def catalog(self) -> Catalog:
        return Catalog.open(self.layout)

    @property
    def store(self) -> CheckpointStore:
        return CheckpointStore(self.layout.checkpoints)

    def loops(self) -> Mapping[RunId, tuple[LoopFacts, ...]]:
        """The main loops of all runs."""
        catalog = self.catalog
        return {run.run: gathering.main_loops(catalog, self.store, run) for run in catalog.runs}

    def facts(self, change: Changed, run: Run | None = None) -> RunFacts:
        """What planning needs to know of a run, the newest unless told otherwise."""
        catalog = self.catalog
        return gathering.run_facts(catalog, self.store, run or catalog.runs[-1], change)


def with_probes(script: str, *texts: str) -> Changed:
    """A script that is its own version; the lines that hold one of these texts are probes."""
    program = read({"train.py": script}, "train.py")
    lines = [at for at, line in enumerate(script.splitlines(), 1) if any(text in line for text in texts)]
    return changed(program, structure(program), {"train.py": script}, [("train.py", line) for line in lines])
