"""What must be as it was for a run to be gone on with: its folder, its code, and the data that it read."""

import os
from collections.abc import Collection
from pathlib import Path
from shlex import join

from flor.entities import Run
from flor.errors import CannotResume, FlorError
from flor.project import Project
from flor.replay import code_check, inputs
from flor.replay.inputs import InputChange
from flor.runs import files
from flor.runs.contents import Contents
from flor.runs.files import CHANGED
from flor.runs.layout import Layout

_SHOWN = 5


def refuse_other_folder(project: Project, run: Run) -> None:
    """Raise CannotResume if the project stands elsewhere by now: script and state name files by paths."""
    root = str(run.environment.get("root") or project.root)
    if os.path.realpath(root) != os.path.realpath(project.root):
        reason = f"it took place in {root}, and this is {project.root}"
        raise CannotResume(run.run, reason, f"Move the project to {root}; a copy of it goes on only there.")
    if not os.path.isdir(run.cwd):
        reason = f"the folder that it was started in is gone: {run.cwd}"
        raise CannotResume(run.run, reason, "Make it again.")


def refuse_other_code(project: Project, run: Run, modules: tuple[str, ...] = ()) -> None:
    """Raise CannotResume if tracked files, or these loaded modules, are not those of the run."""
    version = run.code
    if project.repository is None or version is None:
        raise CannotResume(run.run, "its repository is gone", "Clone it again, and `flor pull`.")
    try:
        found = code_check.check(
            project.repository, Layout(project.home).snapshots, version, [Path(one) for one in modules]
        )
    except FlorError as error:
        raise CannotResume(run.run, error.message, error.hint) from error
    if not found.is_same:
        names = ", ".join(found.different[:_SHOWN])
        hint = f"`git diff {version.commit[:12]} -- {found.different[0]}` shows what; put it back first."
        raise CannotResume(run.run, f"its code has changed since: {names}", hint)


def refuse_other_data(project: Project, run: Run, put_back: Collection[str]) -> None:
    """Raise CannotResume if what the run read from files is no longer there.

    Args:
        put_back: files that will be as the run found them; so will those that it wrote, or they are named.
    """
    known, layout = files.of(run), Layout(project.home)
    changes = [
        change
        for change in inputs.check(known, project.root, layout)
        if change.path not in put_back
        and change.path not in known.outputs
        and known.inputs[change.path].note != CHANGED
    ]
    if changes:
        names = "; ".join(map(str, changes[:_SHOWN]))
        hint = _remedy(project, run, changes[0])
        raise CannotResume(run.run, f"data that it read is not as it was: {names}", hint)


def _remedy(project: Project, run: Run, change: InputChange) -> str:
    digest = files.of(run).inputs[change.path].sha256
    contents = Contents(Layout(project.home).files)
    if digest is None or not contents.has(digest):
        return "Put it back first."
    place = project.root / files.decoded(change.path)
    return f"`{join(['cp', str(contents.path(digest)), str(place)])}` puts it back."
