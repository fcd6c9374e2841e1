"""Every name under `.flor/`; no other module spells one."""

from dataclasses import dataclass
from pathlib import Path

from flor.entities import RunId

JOURNAL_SUFFIX = ".journal"
SEALED_SUFFIX = ".parquet"
TOLD_SUFFIX = ".opened"  # in journals/: what a forked child tells its parent


@dataclass(frozen=True, slots=True)
class JournalName:
    """The identity of one process's journal within the store."""

    run: RunId
    rank: int
    process: int  # 0 for the rank's main process, else a number of the child's own

    def __str__(self) -> str:
        return f"{self.run}.{self.rank}.{self.process}"


@dataclass(frozen=True, slots=True)
class SealedName:
    """One sealed file: a run has part 0, and a further one for each late journal."""

    run: RunId
    part: int

    def __str__(self) -> str:
        return f"{self.run}.{self.part}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one store. `home` is the folder itself (`HOMEDIR`)."""

    home: Path

    @property
    def ignore(self) -> Path:
        return self.home / ".gitignore"

    @property
    def journals(self) -> Path:
        return self.home / "journals"

    @property
    def sealed(self) -> Path:
        return self.home / "runs"

    @property
    def blobs(self) -> Path:
        return self.home / "blobs"

    @property
    def checkpoints(self) -> Path:
        """The training states of runs; flor/checkpoints names what is in it."""
        return self.home / "checkpoints"

    @property
    def files(self) -> Path:
        """The content of files that runs read and wrote, by its sha256."""
        return self.home / "files"

    @property
    def set_aside(self) -> Path:
        """What stood in files of the user's before resuming put them back."""
        return self.home / "set_aside"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def snapshots(self) -> Path:
        """Private git indexes and the times of the last snapshots."""
        return self.home / "snapshots"

    @property
    def owed(self) -> Path:
        """The runs whose auto-commit is still owed."""
        return self.snapshots / "owed"

    @property
    def worktrees(self) -> Path:
        """Where runs are executed again; a folder for each process that does."""
        return self.home / "worktrees"

    @property
    def replays(self) -> Path:
        """What processes of replays printed that failed."""
        return self.home / "replays"

    @property
    def reports(self) -> Path:
        """Tracebacks of bugs, written by the command line (exit code 3)."""
        return self.home / "reports"

    def journal(self, name: JournalName) -> Path:
        return self.journals / f"{name}{JOURNAL_SUFFIX}"

    def lock(self, name: JournalName) -> Path:
        return self.journals / f"{name}.lock"

    def resume_lock(self, run: RunId) -> Path:
        """Held by the process that resumes a run."""
        return self.sealed / f"{run}.resume.lock"

    def sealed_file(self, name: SealedName) -> Path:
        return self.sealed / f"{name}{SEALED_SUFFIX}"

    def blob(self, digest: str, extension: str) -> Path:
        return self.blobs / digest[:2] / f"{digest}.{extension}"


def parse_journal_name(stem: str) -> JournalName | None:
    """The journal named `run.rank.process`, or None for any other file."""
    parts = stem.split(".")
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        return None
    return JournalName(RunId(parts[0]), int(parts[1]), int(parts[2]))


def parse_sealed_name(stem: str) -> SealedName | None:
    """The sealed file named `run.part`, or None for any other file."""
    run, _, part = stem.partition(".")
    return SealedName(RunId(run), int(part)) if part.isdigit() else None
