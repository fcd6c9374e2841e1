"""A user's repository with a script of the matrix in it, in the middle of other work."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from exactness.interpreters import FLOR, STUB, Ended, Interpreter, Job
from exactness.matrix import Script
from flor.runs.catalog import Catalog
from workplace import Workplace


@dataclass(frozen=True)
class State:
    """What must not change, and what the program itself changes: its files."""

    git: dict[str, str]
    files: dict[str, str]
    status: list[str]


@dataclass(frozen=True)
class Project:
    """The repository, and a folder beside it for what is not the user's."""

    place: Workplace
    beside: Path

    @classmethod
    def make(cls, folder: Path, script: Script) -> "Project":
        """The script committed; of other files one changed, one staged, one untracked, one stashed."""
        home = folder.parent / "home"
        home.mkdir(parents=True, exist_ok=True)
        project = cls(Workplace.make(folder / "project", home), folder)
        for name, content in {**script.files, "plan.txt": b"Later\n"}.items():
            path = project.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        project.place.git("add", ".")
        project.place.git("commit", "--quiet", "-m", "A script")
        project.place.write("plan.txt", "Sooner\n")
        project.place.git("stash", "--quiet")
        project.place.write("staged.txt", "A draft\n")
        project.place.git("add", "staged.txt")
        project.place.write("README", "A changed project.\n")
        project.place.write("notes.txt", "To be sorted\n")
        return project

    @property
    def root(self) -> Path:
        return self.place.root

    @property
    def heard(self) -> Path:
        """What the listening flor writes down."""
        return self.beside / "heard.jsonl"

    @property
    def afterwards(self) -> Path:
        """The state that the last program left behind."""
        return self.beside / "afterwards.json"

    def run(
        self,
        interpreter: Interpreter,
        argv: list[str],
        *,
        listening: bool = False,
        kill: str = "",
        **environ: str,
    ) -> Ended:
        """`python ARGV` in the repository, with FlorDB or with the flor that only listens."""
        self.afterwards.unlink(missing_ok=True)
        job = Job(
            argv=argv,
            cwd=str(self.root),
            environ={**self.place.environ, "EXACTNESS_HEARD": str(self.heard), **environ},
            stdout=str(self.beside / "stdout"),
            stderr=str(self.beside / "stderr"),
            pythonpath=[str(STUB if listening else FLOR)],
            afterwards=str(self.afterwards),
            kill=kill,
        )
        return interpreter.run(job)

    def catalog(self) -> Catalog:
        """The runs in the store, which is left as it is."""
        return self.place.catalog(seal=False)

    def state(self) -> State:
        """Branch, HEAD, index, stash, other branches, files and status. Changes none of them."""
        git = self.place.git
        refs = git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return State(
            git={
                "HEAD": (self.root / ".git/HEAD").read_text(),
                "index": _hash(self.root / ".git/index"),
                "stash": git("stash", "list"),
                "refs": "\n".join(ref for ref in refs if not ref.startswith("refs/heads/flor")),
                "config": _hash(self.root / ".git/config"),
            },
            files=self.files(),
            status=git("--no-optional-locks", "status", "--porcelain", "-uall").splitlines(),
        )

    def files(self) -> dict[str, str]:
        """Every file of the user's, and the hash of its content."""
        paths = (path for path in sorted(self.root.rglob("*")) if path.is_file())
        inside = {path.relative_to(self.root): path for path in paths}
        return {
            name.as_posix(): f"{path.stat().st_mode & 0o777:o} {_hash(path)}"
            for name, path in inside.items()
            if name.parts[0] not in (".git", ".flor")
        }


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
