"""Whether the code is still what a run executed: resuming goes on in the working tree as it stands."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from flor.entities import Version
from flor.snapshots import changes
from flor.snapshots.capture import loaded_paths
from flor.snapshots.changes import Changes
from flor.snapshots.git import Deadline
from flor.snapshots.repository import Repository

TIME_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class CodeCheck:
    """Paths from the top of the working tree, sorted."""

    different: tuple[str, ...]  # changed or gone since
    unknown: tuple[str, ...]  # modules that the run loaded and its version does not hold

    @property
    def is_same(self) -> bool:
        return not self.different


def check(
    repository: Repository,
    folder: Path,
    version: Version,
    loaded: Collection[Path],
    written: Collection[str] = (),
) -> CodeCheck:
    """Compare the working tree with the version of a run.

    Args:
        folder: the store's folder for private indexes.
        loaded: files of the modules that the run loaded.
        written: paths that the run itself wrote: they are not code, unless it loaded them.

    Raises:
        GitError: the repository cannot be read, or lacks the version.
    """
    found = changes.since(repository, folder, version, Deadline.after(TIME_LIMIT_S))
    return decide(found, loaded_paths(repository, loaded), written)


def decide(found: Changes, loaded: Collection[str], written: Collection[str]) -> CodeCheck:
    """What of the differences is code: tracked files and modules that the run loaded. Pure.

    A version also holds untracked files, such as the outputs of former runs; these may change.
    """
    tracked = found.tracked.difference(written)
    different = (path for path in found.different if path in loaded or path in tracked)
    return CodeCheck(tuple(sorted(different)), tuple(sorted(set(loaded) - found.held)))
