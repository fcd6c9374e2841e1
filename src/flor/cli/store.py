"""The runs in the store of the current folder's project."""

from flor.entities import Run
from flor.project import Project
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout

RUN_HELP = "a run's id or a unique prefix of it, its time stamp, or `last`"


def catalog(project: Project) -> Catalog:
    """All runs; those whose processes are gone are sealed."""
    return Catalog.open(Layout(project.home))


def listed(project: Project, known: Catalog) -> tuple[Run, ...]:
    """The runs a listing shows: in a part of a monorepo its own, else all."""
    if project.subfolder is None:
        return known.runs
    return tuple(run for run in known.runs if run.projid == project.projid)
