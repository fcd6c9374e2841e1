"""What `flor doctor` finds, as values: each with what to do about it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from flor import config
from flor.cli import versions
from flor.project import Project
from flor.query.closest import hint
from flor.runs import ring
from flor.snapshots import git

_SCARCE_BYTES = 1_000_000_000
_LEAST_SHARED_BYTES = 4 * ring.SIZE_BYTES


class Level(StrEnum):
    """How much a finding matters."""

    FINE = "ok"
    NOTE = "note"  # worth knowing
    WARNING = "warning"  # something is lost or slower than it need be
    PROBLEM = "problem"  # FlorDB does not work here


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    message: str
    remedy: str = ""


def installation() -> Iterator[Finding]:
    """The packages."""
    missing = [name for name in versions.DEPENDENCIES if versions.of(name) is None]
    if missing:
        remedy = "Install them: pip install flordb"
        yield Finding("packages", Level.PROBLEM, f"not installed: {', '.join(missing)}", remedy)
    yield _owners(metadata.packages_distributions().get("flor", []))


def _owners(found: list[str]) -> Finding:
    owners = sorted(set(found))
    others = [owner for owner in owners if owner.lower() != versions.DISTRIBUTION]
    if not others:
        return Finding("import name", Level.FINE, "`import flor` is FlorDB")
    message = f"the folder `flor` belongs to two distributions: {' and '.join(owners)}"
    remedy = f"pip uninstall {' '.join(others)}; pip install --force-reinstall --no-deps flordb"
    return Finding("import name", Level.WARNING, message, remedy)


def settings(project: Project) -> Iterator[Finding]:
    """What `[tool.flor]` says that nobody reads."""
    folder = project.subfolder or project.root
    for name in config.tool_table(folder) or {}:
        if name not in config.SETTINGS:
            message = f"`{name}` in {folder}/pyproject.toml is none"
            yield Finding("settings", Level.WARNING, message, hint(name, config.SETTINGS))


def storage(project: Project) -> Iterator[Finding]:
    """The store: where it is, and whether it can be written."""
    existing = _nearest_existing(project.home)
    yield _writable(project.home, existing)
    yield _disk(project.home, existing)
    yield _space(existing)
    if _is_in_working_tree(project):
        message = "`git clean -x` would delete the store: git ignores it"
        remedy = "Use `git clean -x -e .flor`, or keep stores elsewhere: FLOR_HOME=FOLDER"
        yield Finding("git clean", Level.NOTE, message, remedy)


def _is_in_working_tree(project: Project) -> bool:
    return project.repository is not None and project.home.is_relative_to(project.repository.main_worktree)


def _nearest_existing(path: Path) -> Path:
    return next((folder for folder in (path, *path.parents) if folder.exists()), Path("/"))


def _writable(home: Path, existing: Path) -> Finding:
    if os.access(existing, os.W_OK | os.X_OK) and not _is_mounted_read_only(existing):
        state = "can be written" if existing == home else "not made yet; the first run does that"
        return Finding("store", Level.FINE, f"{home}: {state}")
    remedy = "Keep the store elsewhere: FLOR_HOME=FOLDER. What is there can still be read."
    return Finding("store", Level.WARNING, f"{existing} cannot be written: no run can be recorded", remedy)


def _is_mounted_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _disk(home: Path, existing: Path) -> Finding:
    kind = ring.file_system(existing) or "unknown"
    if not ring.is_network_disk(existing):
        return Finding("disk", Level.FINE, f"{kind} file system, local")
    message = f"{home} lies on a network disk ({kind}): it is slower, and locks may not work"
    return Finding("disk", Level.NOTE, message, "Keep the store on a local disk: FLOR_HOME=FOLDER")


def _space(existing: Path) -> Finding:
    free = shutil.disk_usage(existing).free
    if free >= _SCARCE_BYTES:
        return Finding("space", Level.FINE, f"{free / 1e9:.1f} GB free")
    remedy = "Make room: `flor gc`, or FLOR_HOME=FOLDER on another disk"
    return Finding("space", Level.WARNING, f"only {free / 1e6:.0f} MB free: records may be dropped", remedy)


def shared_memory() -> Finding:
    """Whether a killed process loses nothing."""
    subject, loss = "shared memory", "a killed process loses up to 0.3 s of records"
    folders = ring.folders()
    if not folders:
        message = f"there is none, nor a local folder for temporary files: {loss}"
        return Finding(subject, Level.WARNING, message, "Make /dev/shm available.")
    if shutil.disk_usage(folders[0]).free >= _LEAST_SHARED_BYTES:
        return Finding(subject, Level.FINE, f"{folders[0]}: a killed process loses nothing")
    message = f"{folders[0]} is full: {loss}"
    return Finding(subject, Level.WARNING, message, "Make room there; in a container: --shm-size=1g")


def code(project: Project) -> Iterator[Finding]:
    """Whether the code of runs can be kept."""
    repository = project.repository
    if repository is None:
        message = f"{project.root} is in no git repository: runs have no code version"
        yield Finding("git", Level.NOTE, message, "git init")
        return
    obstacle = git.obstacle(repository)
    if obstacle:
        yield Finding("git", Level.WARNING, "runs have no code version", obstacle)
        return
    version = git.run(repository, "--version").decode().removeprefix("git version ").strip()
    yield Finding("git", Level.FINE, f"{version}, repository {repository.worktree}")
