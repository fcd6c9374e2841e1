"""A user's git repository, and everything in it that must not be touched."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from flor.config import Config
from flor.entities import RunId
from flor.snapshots import shadow
from flor.snapshots.repository import Repository, locate
from flor.snapshots.shadow import Taken

DEFAULTS = Config()
OLD_NS = 1_600_000_000_000_000_000


class GitUser:
    """Works in a repository the way a person does; `take` and `close` are what a run of theirs does."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def init(cls, root: Path) -> "GitUser":
        root.mkdir(parents=True, exist_ok=True)
        user = cls(root)
        user.git("init", "--quiet", "--initial-branch=main")
        user.make_store()
        return user

    def make_store(self) -> None:
        self.snapshots.mkdir(parents=True, exist_ok=True)
        (self.root / ".flor" / ".gitignore").write_text("*\n")

    @property
    def snapshots(self) -> Path:
        return self.root / ".flor" / "snapshots"

    @property
    def repository(self) -> Repository:
        found = locate(self.root, os.environ)
        assert found
        return found

    def git(self, *arguments: str | bytes, **options: object) -> str:
        command = ["git", "--no-optional-locks", *arguments]
        done = subprocess.run(command, cwd=self.root, capture_output=True, check=False, **options)
        assert done.returncode == 0, (arguments, done.stderr)
        return os.fsdecode(done.stdout).rstrip("\n")

    def write(self, name: str, content: str | bytes = "print(1)\n") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def age(self, *names: str) -> None:
        """Make files look as if they had been written long ago."""
        for name in names:
            os.utime(self.root / name, ns=(OLD_NS, OLD_NS), follow_symlinks=False)

    def commit(self, message: str = "work") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def take(self, config: Config = DEFAULTS, **options: object) -> Taken:
        return shadow.take(self.repository, self.snapshots, config, **options)

    def run(self, run: str = "0123456789abcdef", tstamp: str = "2026-01-02 03:04:05.000006") -> Taken:
        """A whole run: the snapshot at its start, the auto-commit at its end."""
        taken = self.take()
        shadow.close(self.repository, taken.version, RunId(run), tstamp)
        return taken

    def files(self, commit: str) -> dict[str, bytes]:
        """What a commit holds: path to content; a submodule's content is its commit."""
        listing = self.git("ls-tree", "-r", "-z", commit).split("\0")
        entries = (entry.partition("\t") for entry in listing if entry)
        return {path: self._content(*fields.split()) for fields, _, path in entries}

    def taken_files(self, **options: object) -> dict[str, bytes]:
        return self.files(self.take(**options).version.commit)

    def _content(self, mode: str, kind: str, name: str) -> bytes:
        if kind == "commit":
            return name.encode()
        done = subprocess.run(["git", "cat-file", kind, name], cwd=self.root, capture_output=True, check=True)
        return done.stdout

    def subjects(self, branch: str = "flor.shadow") -> list[str]:
        """The subjects of a branch's commits, newest first."""
        return self.git("log", "--format=%s", branch).splitlines()

    def belongings(self) -> dict[str, object]:
        """Everything that is the user's: equal before and after a run."""
        git_dir = self.repository.git_dir
        refs = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        status = self.git("status", "--porcelain=v2", "-z", "--ignored", "--untracked-files=all")
        return {
            "HEAD": (git_dir / "HEAD").read_bytes(),
            "index": _digest(git_dir / "index"),
            "config": _digest(self.repository.common_dir / "config"),
            "refs": [ref for ref in refs if not ref.startswith(("refs/heads/flor.shadow", "refs/flor/"))],
            "stash": self.git("stash", "list"),
            "status": [entry for entry in status.split("\0") if not entry.startswith(("! .flor", "? .flor"))],
            "files": {path: _state(path) for path in sorted(self._files())},
            "in .git": sorted(entry.name for entry in git_dir.iterdir() if entry.name not in _GITS_OWN),
        }

    def _files(self) -> Iterator[Path]:
        for folder, subfolders, names in os.walk(self.root):
            subfolders[:] = [name for name in subfolders if name not in (".git", ".flor")]
            yield from (Path(folder, name) for name in names)


_GITS_OWN = {"objects", "refs", "logs", "packed-refs"}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "none"


def _state(path: Path) -> tuple[int, int, str]:
    found = path.lstat()
    content = os.readlink(path) if path.is_symlink() else _digest(path)
    return found.st_mode, found.st_mtime_ns, content
