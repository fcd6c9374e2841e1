"""The runs in the store of the current folder's project, and the repository they are of."""

import os
from collections.abc import Sequence
from itertools import pairwise

from flor import progress
from flor.cli.console import Console
from flor.entities import Run, RunId
from flor.errors import NotInRepository, StoreError
from flor.project import Project
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from flor.snapshots.repository import Repository

RUN_HELP = "a run's id or a unique prefix of it, its time stamp, or `last`"
REMOTE_HELP = "a remote of the repository (default: the current branch's, or origin)"
_SHORTEST_ID = 6


def catalog(project: Project, console: Console) -> Catalog:
    """All runs; those whose processes are gone are sealed. Files that cannot be read are mentioned."""
    found = Catalog.open(Layout(project.home), progress=progress.sealing)
    for problem in found.problems:
        console.note(f"warning: {problem}")
    return found


def refuse_read_only(project: Project) -> None:
    """Raise StoreError if nothing can be changed in the store: a command that has to is not begun."""
    if project.home.exists() and not os.access(project.home, os.W_OK):
        raise StoreError(f"The store {project.home} cannot be written.", "Make the folder writable.")


def listed(project: Project, known: Catalog) -> Catalog:
    """The runs that questions are about: in a part of a monorepo its own, else all."""
    return known.of_project(project.projid) if project.subfolder else known


def repository(project: Project) -> Repository:
    """The project's git repository.

    Raises:
        NotInRepository: it has none.
    """
    if project.repository is None:
        raise NotInRepository(f"{project.root} is in no git repository.", "Change to a clone of the project.")
    return project.repository


def short_ids(runs: Sequence[Run]) -> dict[RunId, str]:
    """For each id its shortest prefix, of six characters or more, that no other has."""
    ordered = sorted({run.run for run in runs})
    shared = [0, *map(_common_length, pairwise(ordered)), 0]
    return {
        run: run[: max(_SHORTEST_ID, shared[position] + 1, shared[position + 1] + 1)]
        for position, run in enumerate(ordered)
    }


def _common_length(pair: tuple[str, str]) -> int:
    a, b = pair
    length = min(len(a), len(b))
    return next((n for n in range(length) if a[n] != b[n]), length)
