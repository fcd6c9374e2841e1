"""Which project a script or a reader belongs to, and where its store lies."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flor.config import Config, resolve, tool_table
from flor.errors import GitError
from flor.snapshots.repository import Repository, locate

STORE = ".flor"


@dataclass(frozen=True, slots=True)
class Project:
    """Where a run's records go, and what its file names are relative to."""

    root: Path  # top of the working tree; without git the folder that holds the store
    projid: str
    home: Path  # the store
    config: Config
    repository: Repository | None
    subfolder: Path | None  # folder of a pyproject.toml with [tool.flor] below the root (monorepos)

    def filename(self, script: Path) -> str:
        """The script's path as runs show it: relative to the root, with slashes."""
        try:
            return script.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return script.as_posix()


def for_script(script: Path | None, cwd: Path, environ: Mapping[str, str]) -> Project:
    """The project of a script, or of a session without one (then by the current folder)."""
    start = script.resolve().parent if script else cwd
    while not start.is_dir():  # a script inside a zip file
        start = start.parent
    return _project(start, environ)


def for_reading(cwd: Path, environ: Mapping[str, str]) -> Project:
    """The project of the current folder."""
    return _project(cwd, environ)


def _project(start: Path, environ: Mapping[str, str]) -> Project:
    repository = locate(start, environ)
    root = repository.worktree if repository else _folder_with_store(start)
    subfolder = _configured_folder(start, root)
    config = resolve(subfolder or root, environ)
    main_root = repository.main_worktree if repository else root
    projid = subfolder.name if subfolder and subfolder != root else (main_root.resolve().name or "root")
    home = _central_home(config.home, projid, main_root, repository) if config.home else main_root / STORE
    return Project(root, projid, home, config, repository, subfolder if subfolder != root else None)


def _folder_with_store(start: Path) -> Path:
    """Outside git: the nearest folder from `start` upwards that has a store, else `start` itself."""
    return next((folder for folder in (start, *start.parents) if (folder / STORE).is_dir()), start)


def _configured_folder(start: Path, root: Path) -> Path | None:
    """The nearest folder from `start` up to `root` whose pyproject.toml has `[tool.flor]`."""
    for folder in (start, *start.parents):
        if tool_table(folder) is not None:
            return folder
        if folder == root:
            return None
    return None


def _central_home(folder: str, projid: str, main_root: Path, repository: Repository | None) -> Path:
    """The project's folder under `FLOR_HOME`: clones of one project share it by their root commit."""
    # From any current folder it is the same one, also after the script has changed to another.
    base = main_root / Path(folder).expanduser()
    by_path = base / f"{projid}-{_digest(str(main_root.resolve()))}"
    root_commit = _root_commit(repository) if repository else None
    if root_commit is None or by_path.is_dir():
        return by_path
    return base / f"{projid}-{root_commit[:12]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _root_commit(repository: Repository) -> str | None:
    """The first commit of the user's history; None where there is none yet, or git cannot tell."""
    from flor.snapshots import git

    try:
        found = git.run(repository, "rev-list", "--max-parents=0", "HEAD").split()
    except GitError:
        return None
    return found[-1].decode("ascii") if found else None
