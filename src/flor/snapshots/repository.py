"""Find the git repository of a folder by looking at files; git itself is not run."""

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
    git_dir = Path(environ["GIT_DIR"]).absolute()
    worktree = Path(environ["GIT_WORK_TREE"]).absolute() if environ.get("GIT_WORK_TREE") else start
    if not (git_dir / "HEAD").exists():
        return None
    if "GIT_WORK_TREE" not in environ and git_dir.name == ".git":
        worktree = git_dir.parent
    return _repository(worktree, git_dir)


def _git_dir(entry: Path) -> Path | None:
    """The git folder that `.git` is, or points to (linked working trees and submodules)."""
    if (entry / "HEAD").exists():
        return entry
    if not entry.is_file():
        return None
    text = entry.read_text("utf-8", "surrogateescape").strip()
    if not text.startswith("gitdir:"):
        return None
    target = (entry.parent / text.removeprefix("gitdir:").strip()).resolve()
    return target if (target / "HEAD").exists() else None


def _repository(worktree: Path, git_dir: Path) -> Repository:
    pointer = git_dir / "commondir"
    if not pointer.is_file():
        return Repository(worktree, worktree, git_dir, git_dir)
    common_dir = (git_dir / pointer.read_text("utf-8", "surrogateescape").strip()).resolve()
    is_plain = common_dir.name == ".git" and common_dir.parent.is_dir()
    return Repository(worktree, common_dir.parent if is_plain else worktree, git_dir, common_dir)
