"""Commits the code of each run to the branch `flor.shadow`, touching nothing of the user's.

The branch is linear and holds code only: a snapshot before a run's first record, and at its end an
auto-commit of that same tree that names the run.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from flor.config import Config
from flor.entities import RunId, Version
from flor.errors import GitError, StoreError
from flor.snapshots import git, index, refs
from flor.snapshots.capture import Captured, capture, capture_loaded, loaded_paths
from flor.snapshots.git import Deadline, TimedOut
from flor.snapshots.refs import Branch
from flor.snapshots.repository import Repository
from flor.snapshots.selection import Rules

TIME_LIMIT_S = 10.0
_SNAPSHOT = "FLOR::Snapshot"
_AUTO_COMMIT = "FLOR::Auto-commit::"
_BASE_TRAILER = "Flor-Base"


@dataclass(frozen=True, slots=True)
class Taken:
    """The snapshot of a run that begins."""

    version: Version
    created_branch: bool
    moved_to: str | None  # the branch written because flor.shadow is checked out; else None


@dataclass(frozen=True, slots=True)
class KilledRun:
    """A run that ended without its auto-commit."""

    run: RunId
    tstamp: str
    version: Version


def take(
    repository: Repository,
    folder: Path,
    config: Config,
    subfolder: Path | None = None,
    loaded_files: Collection[Path] = (),
    time_limit_s: float = TIME_LIMIT_S,
) -> Taken:
    """The working tree as a commit on the shadow branch; an unchanged tree reuses its last commit.

    Args:
        folder: the store's folder for private indexes.
        subfolder: the project's folder in a repository of several; untracked files elsewhere are not taken.
        loaded_files: files of the modules imported so far; all that is taken after the time limit.

    Raises:
        GitError: the repository cannot be read or written, or belongs to another user.
        StoreError: the folder cannot be written.
    """
    rules = _rules(repository, folder, config, subfolder, loaded_files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _take(repository, folder, rules, config.switch, time_limit_s)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written: {error}.", "Set FLOR_HOME to a writable folder."
        ) from error


def close(repository: Repository, version: Version, run: RunId, tstamp: str, switch: bool = False) -> str:
    """The commit that marks the end of a run: the tree of its start, and the run's id as a trailer."""
    message = _closing_message(run, tstamp, version)
    for _ in refs.attempts():
        branches = refs.branches(repository)
        branch = refs.writable(branches, current=version.branch if switch else None)
        tip = _tip(branches, branch)
        parent = tip.commit if tip else version.commit
        commit = refs.commit(repository, version.tree, [parent], message)
        if refs.advance(repository, _ref(branch), commit, tip.commit if tip else ""):
            return commit
    raise refs.contended(_ref(version.branch))


def close_missing(
    repository: Repository, killed: Sequence[KilledRun], switch: bool = False
) -> tuple[RunId, ...]:
    """The runs that got the auto-commit which they lacked; those that have one are left alone."""
    if not killed:
        return ()
    from flor.snapshots import history  # seldom needed: kept out of the start of every run

    present = history.closed_runs(repository)
    missing = [run for run in killed if run.run not in present]
    for run in missing:
        close(repository, run.version, run.run, run.tstamp, switch)
    return tuple(run.run for run in missing)


def _rules(
    repository: Repository,
    folder: Path,
    config: Config,
    subfolder: Path | None,
    loaded_files: Collection[Path],
) -> Rules:
    return Rules(
        exclude=config.exclude,
        below=_relative(repository, subfolder) if subfolder else "",
        store=_relative(repository, folder.parent),
        loaded=loaded_paths(repository, loaded_files),
    )


def _relative(repository: Repository, folder: Path) -> str:
    """The folder seen from the top of the working tree; "" for the top itself."""
    path = repository.worktree / folder
    if not path.is_relative_to(repository.worktree):
        return str(folder)
    relative = path.relative_to(repository.worktree).as_posix()
    return "" if relative == "." else relative


def _take(repository: Repository, folder: Path, rules: Rules, switch: bool, time_limit_s: float) -> Taken:
    try:
        return _record(repository, _capture(repository, folder, rules, time_limit_s), switch)
    except TimedOut:
        raise
    except GitError:
        # What was kept may refer to objects that have been pruned since, or be damaged.
        if not index.forget(repository, folder):
            raise
    return _record(repository, _capture(repository, folder, rules, time_limit_s), switch)


def _capture(repository: Repository, folder: Path, rules: Rules, time_limit_s: float) -> Captured:
    try:
        return capture(repository, folder, rules, Deadline.after(time_limit_s))
    except TimedOut:
        reason = f"the snapshot took more than {time_limit_s:g} s"
        return capture_loaded(repository, folder, rules, reason, Deadline.after(TIME_LIMIT_S))


def _record(repository: Repository, captured: Captured, switch: bool) -> Taken:
    # A locked index cannot follow a switch: then the user stays where they are.
    is_switching = switch and not (repository.git_dir / "index.lock").exists()
    for _ in refs.attempts():
        branches = refs.branches(repository)
        name = refs.writable(branches, current=captured.branch if is_switching else None)
        tip = _tip(branches, name)
        commit = _snapshot(repository, captured, tip)
        is_new = not tip or tip.commit != commit
        if not is_new or refs.advance(repository, _ref(name), commit, tip.commit if tip else ""):
            if is_switching:
                _switch(repository, name, captured.tree)
            version = Version(commit, captured.tree, name, captured.head, captured.left_out)
            return Taken(version, tip is None, name if name != refs.SHADOW else None)
    raise refs.contended(_ref(refs.SHADOW))


def _snapshot(repository: Repository, captured: Captured, tip: Branch | None) -> str:
    if tip and tip.tree == captured.tree:
        return tip.commit
    parent = tip.commit if tip else captured.head
    return refs.commit(repository, captured.tree, [parent] if parent else [], _SNAPSHOT)


def _switch(repository: Repository, branch: str, tree: str) -> None:
    """Put the user on the branch: HEAD and index follow, the working files stay as they are."""
    git.run(repository, "symbolic-ref", "-m", "flor: switch", "HEAD", _ref(branch))
    git.run(repository, "read-tree", "--reset", tree)


def _closing_message(run: RunId, tstamp: str, version: Version) -> str:
    base = f"{_BASE_TRAILER}: {version.base}\n" if version.base else ""
    return f"{_AUTO_COMMIT}{tstamp}\n\n{refs.RUN_TRAILER}: {run}\n{base}"


def _tip(branches: Sequence[Branch], name: str) -> Branch | None:
    return next((branch for branch in branches if branch.name == name), None)


def _ref(branch: str) -> str:
    return f"refs/heads/{branch}"
