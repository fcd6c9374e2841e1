"""Commits the code of each run to the branch `flor.shadow`, touching nothing of the user's.

The branch is linear and holds code only: a snapshot before a run's first record, and at its end an
auto-commit of that same tree that names the run.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flor.config import Config
from flor.entities import RunId, Version
from flor.errors import GitError, StoreError
from flor.snapshots import git, index, refs
from flor.snapshots.capture import Captured, capture, capture_loaded, loaded_paths
from flor.snapshots.git import Deadline, TimedOut
from flor.snapshots.overlay import overlaid
from flor.snapshots.refs import Branch
from flor.snapshots.repository import Repository
from flor.snapshots.selection import SECRETS, Rules, matcher, name

TIME_LIMIT_S = 10.0
_SNAPSHOT = "FLOR::Snapshot"
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
    typed_in: Mapping[str, bytes] | None = None,
    run: RunId | None = None,
) -> Taken:
    """The working tree as a commit on the shadow branch; an unchanged tree reuses its last commit.

    Args:
        folder: the store's folder for private indexes.
        subfolder: the project's folder in a repository of several; untracked files elsewhere are not taken.
        loaded_files: files of the modules imported so far; all that is taken after the time limit.
        typed_in: code that stands in no file, as path -> content: it is committed beside the files.
        run: the run of which this is a further version; None for the first, taken before a run has a name.

    Raises:
        GitError: the repository cannot be read or written, or belongs to another user.
        StoreError: the folder cannot be written.
    """
    rules = _rules(repository, folder, config, subfolder, loaded_files)
    wanted = _Wanted(rules, typed_in or {}, _snapshot_message(run), config.switch, time_limit_s)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _take(repository, folder, wanted)
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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a snapshot is to hold, and how it is made."""

    rules: Rules
    typed_in: Mapping[str, bytes]
    message: str
    is_switching: bool
    time_limit_s: float


def _take(repository: Repository, folder: Path, wanted: _Wanted) -> Taken:
    try:
        return _record(repository, _capture(repository, folder, wanted), wanted)
    except TimedOut:
        raise
    except GitError:
        # What was kept may refer to objects that have been pruned since, or be damaged.
        if not index.forget(repository, folder):
            raise
    return _record(repository, _capture(repository, folder, wanted), wanted)


def _capture(repository: Repository, folder: Path, wanted: _Wanted) -> Captured:
    captured = _captured_files(repository, folder, wanted)
    if not wanted.typed_in:
        return captured
    is_secret = matcher((*SECRETS, *wanted.rules.exclude))
    refused = name(
        (path, "its name is that of a secret or excluded") for path in wanted.typed_in if is_secret(path)
    )
    files = {path: content for path, content in wanted.typed_in.items() if not is_secret(path)}
    tree = overlaid(repository, folder, captured.tree, files, Deadline.after(TIME_LIMIT_S))
    return replace(captured, tree=tree, left_out=(*captured.left_out, *refused))


def _captured_files(repository: Repository, folder: Path, wanted: _Wanted) -> Captured:
    try:
        return capture(repository, folder, wanted.rules, Deadline.after(wanted.time_limit_s))
    except TimedOut:
        reason = f"the snapshot took more than {wanted.time_limit_s:g} s"
        return capture_loaded(repository, folder, wanted.rules, reason, Deadline.after(TIME_LIMIT_S))


def _record(repository: Repository, captured: Captured, wanted: _Wanted) -> Taken:
    # A locked index cannot follow a switch: then the user stays where they are.
    is_switching = wanted.is_switching and not (repository.git_dir / "index.lock").exists()
    for _ in refs.attempts():
        branches = refs.branches(repository)
        branch = refs.writable(branches, current=captured.branch if is_switching else None)
        tip = _tip(branches, branch)
        commit = _snapshot(repository, captured, tip, wanted.message)
        is_new = not tip or tip.commit != commit
        if not is_new or refs.advance(repository, _ref(branch), commit, tip.commit if tip else ""):
            if is_switching:
                _switch(repository, branch, captured.tree)
            version = Version(commit, captured.tree, branch, captured.head, captured.left_out)
            return Taken(version, tip is None, branch if branch != refs.SHADOW else None)
    raise refs.contended(_ref(refs.SHADOW))


def _snapshot(repository: Repository, captured: Captured, tip: Branch | None, message: str) -> str:
    if tip and tip.tree == captured.tree:
        return tip.commit
    parent = tip.commit if tip else captured.head
    return refs.commit(repository, captured.tree, [parent] if parent else [], message)


def _snapshot_message(run: RunId | None) -> str:
    return f"{_SNAPSHOT}\n\n{refs.RUN_TRAILER}: {run}\n" if run else _SNAPSHOT


def _switch(repository: Repository, branch: str, tree: str) -> None:
    """Put the user on the branch: HEAD and index follow, the working files stay as they are."""
    git.run(repository, "symbolic-ref", "-m", "flor: switch", "HEAD", _ref(branch))
    git.run(repository, "read-tree", "--reset", tree)


def _closing_message(run: RunId, tstamp: str, version: Version) -> str:
    base = f"{_BASE_TRAILER}: {version.base}\n" if version.base else ""
    return f"{refs.AUTO_COMMIT}{tstamp}\n\n{refs.RUN_TRAILER}: {run}\n{base}"


def _tip(branches: Sequence[Branch], name: str) -> Branch | None:
    return next((branch for branch in branches if branch.name == name), None)


def _ref(branch: str) -> str:
    return f"refs/heads/{branch}"
