"""Places to measure in: empty folders and git repositories, below one folder that goes at the end."""

import shutil
import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks.processes import CHILDREN, environment

_numbers = count(1)


@dataclass(frozen=True)
class Bench:
    """One run of the bench."""

    scratch: Path
    is_quick: bool

    def pick(self, usual: int, quick: int) -> int:
        """How much to do."""
        return quick if self.is_quick else usual

    def folder(self) -> Path:
        """A new empty folder."""
        path = self.scratch / str(next(_numbers))
        path.mkdir(parents=True)
        return path

    def repository(self, files: int = 0) -> Path:
        """A new git repository with the programs of `children/`, and so many small files."""
        path = self.folder()
        shutil.copytree(CHILDREN, path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        for number in range(files):
            place = path / f"part{number // 200:03}"
            place.mkdir(exist_ok=True)
            (place / f"module{number:05}.py").write_text(f"VALUE = {number}\n")
        git(path, "init", "--quiet", "--initial-branch=main")
        git(path, "add", ".")
        git(path, "commit", "--quiet", "--message", "Something to measure in")
        return path


def git(folder: Path, *arguments: str) -> None:
    """Run git in a repository."""
    identity = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=environment(), check=True, capture_output=True
    )
