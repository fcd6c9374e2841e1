"""A project whose programs are run as they are, and again by the runner."""

import difflib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flor.replay import job
from flor.replay.job import Job

SOURCE = Path(__file__).parents[3] / "src"
_REMOVED = ("FLOR_", "PYTEST_", "COV_", "PYTHON")
_ADDRESS = re.compile(r"\b0x[0-9a-f]+\b")
_OURS = re.compile(r'  File "(?:<string>|[^"]*/flor/replay/[^"]*)", line .*\n(?:    .*\n)*')


@dataclass(frozen=True)
class Ended:
    """How a program ended, and what it printed."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Twice:
    """A folder of a user's, and one for jobs."""

    root: Path
    jobs: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
        return path

    def plainly(self, *arguments: str, cwd: Path | None = None) -> Ended:
        """`python ARGUMENTS`."""
        return self._run([sys.executable, *arguments], cwd or self.root)

    def again(self, *arguments: str, cwd: Path | None = None, **options: object) -> Ended:
        """The same, run again; of a module our frames are left out of tracebacks."""
        given = Job(sys.executable, ("python", *arguments), str(cwd or self.root), str(self.root), **options)
        path = self.jobs / "job.json"
        job.write(given, path)
        ended = self._run(job.command(given, path), self.jobs)
        is_module = job.parse(given.orig_argv).is_module
        return Ended(ended.code, ended.stdout, _OURS.sub("", ended.stderr) if is_module else ended.stderr)

    def same(self, *arguments: str, cwd: Path | None = None) -> Ended:
        """How both ended, which must be the same."""
        plain = self.plainly(*arguments, cwd=cwd)
        for folder in self.root.rglob("__pycache__"):
            shutil.rmtree(folder)  # the warnings of the compiler come out both times
        again = self.again(*arguments, cwd=cwd)
        assert again == plain, _shown(plain, again)
        return plain

    def _run(self, command: list[str], cwd: Path) -> Ended:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED)}
        given = {"PYTHONPATH": str(SOURCE), "FLOR_MODE": "off", "PYTHONHASHSEED": "0", **self.environ}
        done = subprocess.run(
            command, cwd=cwd, env=kept | given, capture_output=True, text=True, check=False, timeout=120
        )
        return Ended(done.returncode, _ADDRESS.sub("0x1", done.stdout), _ADDRESS.sub("0x1", done.stderr))


def _shown(plain: Ended, again: Ended) -> str:
    texts = (f"{ended.code}\n{ended.stdout}{ended.stderr}".splitlines() for ended in (plain, again))
    return "\n".join(difflib.unified_diff(*texts, "plainly", "again", lineterm=""))
