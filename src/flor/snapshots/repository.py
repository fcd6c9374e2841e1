"""Find the git repository of a folder by looking at files; git itself is not run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree and its git folders."""

    worktree: Path  # top of the working tree in use
    main_worktree: Path  # top of the main working tree; `worktree` unless that is a linked one
    git_dir: Path  # of this working tree
    common_dir: Path  # shared by all working trees: objects and refs


def locate(start: Path, environ: Mapping[str, str]) -> Repository | None:
    """The repository that holds `start`, or None.

    `GIT_DIR` and `GIT_WORK_TREE` locate the repository as they do for git itself.
    """
    if environ.get("GIT_DIR"):
        return _from_environment(start, environ)
    for folder in (start, *start.parents):
        git_dir = _git_dir(folder / ".git")
        if git_dir:
            return _repository(folder, git_dir)
    return None


def _from_environment(start: Path, environ: Mapping[str, str]) -> Repository | None:
    git_dir = _git_dir(Path(environ["GIT_DIR"]).absolute())
    if git_dir is None:
        return None
    if environ.get("GIT_WORK_TREE"):
        return _repository(Path(environ["GIT_WORK_TREE"]).absolute(), git_dir)
    return _repository(_worktree_of(git_dir, start), git_dir)


def _worktree_of(git_dir: Path, start: Path) -> Path:
    """The working tree of a git folder that was named without one, as in a hook."""
    if git_dir.name == ".git":
        return git_dir.parent
    for folder in (start, *start.parents):
        found = _git_dir(folder / ".git")
        if found and found.resolve() == git_dir.resolve():
            return folder
    return start


def _git_dir(entry: Path) -> Path | None:
    """The git folder that `.git` is, or points to (linked working trees and submodules)."""
    if _is_git_dir(entry):
        return entry
    try:
        text = entry.read_text("utf-8", "surrogateescape").strip()
    except OSError:
        return None  # there is none, or it is a folder of another kind, or not for this user
    if not text.startswith("gitdir:"):
        return None
    target = (entry.parent / text.removeprefix("gitdir:").strip()).resolve()
    return target if _is_git_dir(target) else None


def _is_git_dir(folder: Path) -> bool:
    return os.path.lexists(folder / "HEAD")  # a symbolic link that dangles where the branch is unborn


def _repository(worktree: Path, git_dir: Path) -> Repository:
    pointer = git_dir / "commondir"
    if not pointer.is_file():
        return Repository(worktree, worktree, git_dir, git_dir)
    common_dir = (git_dir / pointer.read_text("utf-8", "surrogateescape").strip()).resolve()
    is_plain = common_dir.name == ".git" and common_dir.parent.is_dir()
    return Repository(worktree, common_dir.parent if is_plain else worktree, git_dir, common_dir)
