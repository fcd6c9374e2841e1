"""Where a run is executed again: its files, its place, its interpreter and its variables, as they were.

Where the system permits it, the working tree is mounted over the folder in which the run took place, for the
process of a segment alone. So every path is what it was, in the state that is restored too, and nothing that
a program does by whatever path reaches the user's files. Elsewhere paths are mapped, and what would change
the user's files through Python is prevented.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from flor.entities import Run, Status
from flor.errors import FlorError, VersionUnavailable
from flor.executors import gang
from flor.executors.local import run_one
from flor.executors.tasks import Task
from flor.project import Project
from flor.replay import conditions, interpreters, job, mapping, mounting, worktree
from flor.replay.elsewhere import Cover
from flor.replay.interpreters import Interpreter
from flor.replay.job import Job
from flor.replay.mapping import Relocation
from flor.replay.worktree import Worktree, Worktrees
from flor.runs.layout import Layout


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder or file that is seen at another place too."""

    source: str
    target: str
    is_read_only: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What is mounted for one process."""

    root: str  # what is mounted over
    tree: str
    cwd: str
    binds: tuple[Bind, ...]  # made before it, below `tree`
    covers: tuple[Cover, ...] = ()  # made first


@dataclass(frozen=True, slots=True)
class Place:
    """Where the runs of one folder are executed again."""

    project: Project
    root: str  # the folder they took place in
    interpreter: Interpreter
    is_mounting: bool

    def relocation(self, path: Path) -> Relocation:
        """How paths are mapped for files at this place."""
        originals = dict.fromkeys((self.root, os.path.realpath(self.root), *_spellings(self.project.root)))
        target = os.path.realpath(self.root) if self.is_mounting else str(path)
        kept = dict.fromkeys(os.path.realpath(each) for each in self._kept())
        return Relocation(tuple(originals), target, tuple(kept))

    def _kept(self) -> tuple[str, ...]:
        return (*self.interpreter.prefixes, str(self.project.home))

    def binds(self, tree: Worktree) -> tuple[Bind, ...]:
        """What must still be seen below the folder that is mounted over."""
        root = os.path.realpath(self.root)
        found = [Bind(str(self.project.home.resolve()), "", is_read_only=False)]
        found += [Bind(os.path.realpath(prefix), "") for prefix in self.interpreter.prefixes]
        below = {bind.source: bind for bind in found if bind.source.startswith(root + "/")}
        outer = [bind for source, bind in below.items() if not _is_within(source, below)]
        return tuple(
            Bind(bind.source, str(tree.path / os.path.relpath(bind.source, root)), bind.is_read_only)
            for bind in outer
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that one process needs in order to be as it was."""

    tree: Worktree
    job: Job
    environment: Mapping[str, str]
    plan: Plan | None  # None: paths are mapped
    changes: tuple[str, ...]  # what could not be set again

    def task(
        self, name: str, log: Path, threads: int = 1, memory_bytes: int | None = None, rank_count: int = 1
    ) -> Task:
        """The task that executes it, in so many processes of `threads` threads; the job is written."""
        command = gang.command([self._command(rank) for rank in range(rank_count)])
        start = Path(self.job.cwd)
        if self.plan:
            program = [sys.executable, "-I", "-S", str(mounting.__file__), json.dumps(asdict(self.plan))]
            command, start = [*program, *command], self.tree.folder
        return Task(name, tuple(command), start, self.environment, log, threads * rank_count, memory_bytes)

    def _command(self, rank: int) -> list[str]:
        """That of a process for which the job is written: its file takes what the process makes of it."""
        path = self.tree.folder / f"job.{rank}.json"
        job.write(self.job, path)
        return job.command(self.job, path)


@dataclass(frozen=True, slots=True)
class Additions:
    """What a replay adds to a program that is executed again."""

    prepare: str = ""  # see Job
    details: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    binds: Sequence[Bind] = ()  # inputs that are mounted; targets below the working tree exist
    covers: tuple[Cover, ...] = ()  # folders elsewhere that the run wrote in


def place_of(project: Project, run: Run, is_mounting: bool | None = None) -> Place:
    """Where a run is executed again.

    Args:
        is_mounting: None: where the system permits it, and the settings do.
    """
    root = str(run.environment.get("root") or project.root)
    wanted = project.config.mount and can_mount() if is_mounting is None else is_mounting
    return Place(project, root, interpreters.of_run(run.environment), wanted and os.path.isdir(root))


def worktrees_of(place: Place) -> AbstractContextManager[Worktrees]:
    """The working trees at this place; see worktree.py."""
    home = Layout(place.project.home.resolve()).worktrees
    return worktree.opened(home, os.path.realpath(place.root), place.relocation, place.is_mounting)


def surround(place: Place, run: Run, tree: Worktree, additions: Additions | None = None) -> Surroundings:
    """What a process needs to execute the run again in this working tree.

    Raises:
        VersionUnavailable: the folder that it was started in is gone.
    """
    added = additions or Additions()
    recorded = _as_asked_for(run)
    cwd = _folder(run.cwd, place, tree)
    words = [tree.relocation.text(word) for word in recorded.get("orig_argv", run.argv)]
    program = Job(
        place.interpreter.executable,
        tuple(words),
        cwd,
        str(tree.seen_at),
        added.prepare,
        added.details,
        None if tree.is_mounted else asdict(tree.relocation),
    )
    today = interpreters.facts(place.interpreter)
    variables = conditions.variables(recorded, os.environ, tree.relocation, str(tree.scratch))
    variables |= conditions.arithmetic(recorded, today)
    if not tree.is_mounted:
        variables["PYTHONPATH"] = _search_path(place, tree, variables.get("PYTHONPATH", ""))
    changes = tuple(changes_since(run, today))
    return Surroundings(
        tree, program, {**variables, **added.variables}, _plan(place, tree, cwd, added), changes
    )


def _as_asked_for(run: Run) -> Mapping[str, Any]:
    """The environment of a run; of one that was killed without what its code asks for: that may be why."""
    recorded = run.environment
    if run.status in (Status.FINISHED, Status.FAILED):
        return recorded
    asked = recorded.get("asked", ())
    given = {name: value for name, value in recorded.get("variables", {}).items() if name not in asked}
    return {**recorded, "variables": given, "asked": ()}


def changes_since(run: Run, today: Mapping[str, Any]) -> list[str]:
    """What differs today from the conditions of a run; see conditions.py.

    Args:
        today: `interpreters.facts` of the interpreter that will execute it.
    """
    return conditions.changes(run.environment, today)


@cache
def can_mount() -> bool:
    """Whether the system lets a process of this user have mounts of its own."""
    if sys.platform != "linux":
        return False
    import tempfile

    with tempfile.TemporaryDirectory(prefix="flor-") as folder:
        place = Path(folder)
        for name in ("over", "tree"):
            (place / name).mkdir()
        (place / "tree" / "seen").touch()
        plan = Plan(str(place / "over"), str(place / "tree"), str(place / "over"), ())
        program = (sys.executable, "-I", "-S", str(mounting.__file__), json.dumps(asdict(plan)))
        look = (sys.executable, "-I", "-S", "-c", "import os; os.stat('seen')")
        return run_one(Task("mount", (*program, *look), place, dict(os.environ), place / "log")).is_success


def _plan(place: Place, tree: Worktree, cwd: str, added: Additions) -> Plan | None:
    if not tree.is_mounted:
        return None
    repository = place.project.repository
    if repository is None:
        raise FlorError("There is no repository here.")
    objects = Bind(
        str(worktree.shared_objects(repository).resolve()), str(worktree.objects_within(tree.path))
    )
    binds = (*place.binds(tree), objects, *added.binds)
    for bind in binds:
        _make_target(Path(bind.source), Path(bind.target))
    return Plan(str(tree.seen_at), str(tree.path), cwd, binds, added.covers)


def _make_target(source: Path, target: Path) -> None:
    """Something that can be mounted over."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def _folder(cwd: str, place: Place, tree: Worktree) -> str:
    """The folder to start in. It may have been one that git does not keep, such as an empty one."""
    inner = tree.relocation.path(cwd)
    within = os.path.relpath(inner, tree.seen_at)
    if within.startswith(".."):
        if not os.path.isdir(inner):
            raise VersionUnavailable(f"The folder {cwd}, in which the run was started, is gone.")
        return inner
    (tree.path / within).mkdir(parents=True, exist_ok=True)
    return inner


def _search_path(place: Place, tree: Worktree, given: str) -> str:
    """PYTHONPATH for programs that this one starts: their editable installs would lead to the original."""
    found = (*place.interpreter.editable, *place.interpreter.path)
    ours = [tree.relocation.path(entry) for entry in found if tree.relocation.is_original(entry)]
    return mapping.with_first(ours, given)


def _spellings(folder: Path) -> tuple[str, str]:
    return str(folder), os.path.realpath(folder)


def _is_within(path: str, others: Mapping[str, Any]) -> bool:
    return any(path.startswith(other + "/") for other in others)
