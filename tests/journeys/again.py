"""Runs of a user's that are executed again, each in surroundings of its own."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from flor import project as projects
from flor.entities import Run
from flor.executors.local import LocalExecutor
from flor.executors.tasks import Outcome
from flor.project import Project
from flor.replay import checkout, surroundings
from flor.replay.surroundings import Additions, Place
from flor.replay.worktree import Worktrees
from workplace import SOURCE, Workplace

WAYS = ["mounted", "mapped"] if surroundings.can_mount() else ["mapped"]
"""Not every system permits mounts."""

ENDING = """
import atexit
from flor.replay import relocating

def prepare(job):
    if job.relocation:
        atexit.register(tell)

def tell():
    print("offence:", relocating.offence())
"""


@dataclass(frozen=True)
class Again:
    """Executes the runs of a workplace again, in one of the ways."""

    place: Workplace
    way: str
    variables: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        return projects.for_reading(self.place.root, {})

    def of(self, run: Run) -> Place:
        return surroundings.place_of(self.project, run, self.way == "mounted")

    def trees(self, run: Run) -> AbstractContextManager[Worktrees]:
        return surroundings.worktrees_of(self.of(run))

    def run(self, run: Run, files: Mapping[str, str] | None = None, prepare: str = "") -> Outcome:
        """How the run ends this time."""
        code = checkout.code_of(self.project.repository, run)
        with self.trees(run) as trees:
            tree = trees.take(code, files or {})
            additions = Additions(prepare, self.details, self.variables)
            task = surroundings.surround(self.of(run), run, tree, additions).task(
                "again", tree.folder / "log"
            )
            with LocalExecutor(1).run([task]) as outcomes:
                return next(outcomes)


def lines(outcome: Outcome) -> list[str]:
    """What a run printed that ended well."""
    assert outcome.is_success, outcome
    return outcome.tail.splitlines()


def said(printed: str) -> list[str]:
    """What the program of a recorded run printed, without what FlorDB said of the run."""
    ours = ("Created branch flor.shadow", "Changes committed successfully.")
    return [line for line in printed.splitlines() if line not in ours]


def environment(folder: Path, *links: Path, with_pip: bool = False) -> Path:
    """The interpreter of a new environment that sees the packages of ours, and these folders."""
    options = [] if with_pip else ["--without-pip"]
    subprocess.run([sys.executable, "-m", "venv", *options, folder], check=True)
    [site] = folder.glob("lib/python*/site-packages")
    ours = [entry for entry in sys.path if "site-packages" in entry]
    (site / "__ours.pth").write_text("\n".join([*ours, str(SOURCE), *map(str, links)]) + "\n")
    return folder / "bin" / "python"
