"""A folder in which somebody writes scripts that log, runs them, and reads back what was kept."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from flor.entities import Kind, Run, RunId
from flor.query import frame
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from flor.runs.values import decode

SOURCE = Path(__file__).parents[1] / "src"
_REMOVED = ("FLOR_", "GIT_", "SLURM_", "TORCHELASTIC_", "RANK", "PYTEST_", "COV_")


@dataclass(frozen=True)
class Row:
    """One record that was read back."""

    name: str | None
    value: Any
    path: str = ""
    it: tuple[int, ...] = ()
    source: str = "log"
    kind: str = field(default="", compare=False)
    seq: int = field(default=0, compare=False)
    rank: int = field(default=0, compare=False)
    process: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Workplace:
    """One project of a user's."""

    root: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path, home: Path, with_git: bool = True) -> "Workplace":
        """A folder, with a git repository of one commit unless told otherwise."""
        root.mkdir(parents=True)
        place = cls(root, {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"})
        if with_git:
            place.git("init", "--quiet", "--initial-branch=main")
            place.write("README", "A project.\n")
            place.git("add", "README")
            place.git("commit", "--quiet", "-m", "Begin")
        return place

    # -- working -----------------------------------------------------------

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
        return path

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.root,
            env=self._environ({}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout.rstrip("\n")

    def run(self, script: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Write `train.py`, and run it to its end; it must end well."""
        self.write("train.py", script)
        return self.python("train.py", *arguments, **options)

    def python(
        self, *arguments: str, code: int = 0, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """`python ARGUMENTS` in the folder; it must end with this exit code."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=options.pop("cwd", self.root),
            env=self._environ(env or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **options,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> "Started":
        """`python ARGUMENTS` in the background."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self._environ(env or {}),
            **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | options,
            text=True,
        )
        return Started(process)

    def _environ(self, given: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED)}
        kept |= {"FLOR_ECHO": "off", "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
        return kept | dict(self.environ) | dict(given)

    # -- looking -----------------------------------------------------------

    @property
    def layout(self) -> Layout:
        return Layout(self.root / ".flor")

    def catalog(self, seal: bool = True) -> Catalog:
        return Catalog.open(self.layout, seal)

    def only_run(self) -> Run:
        """The one run of the store, with its environment."""
        [run] = self.catalog().runs
        return self.catalog().find(run.run)

    def statuses(self) -> list[str]:
        return [run.status.value for run in self.catalog().runs]

    def rows(self, *names: str, run: RunId | None = None) -> list[Row]:
        """Every record of these names (none: all of them), in the order of chunks."""
        return rows_of(self.catalog(), *names, run=run)

    def values(self, name: str, run: RunId | None = None) -> list[Any]:
        return [row.value for row in self.rows(name, run=run)]

    def frame(self, *names: str, **options: Any) -> pd.DataFrame:
        return frame.dataframe(self.catalog(), names, **options)

    def commits(self, branch: str = "flor.shadow") -> list[str]:
        """The subjects of a branch's commits, oldest first."""
        return self.git("log", "--reverse", "--first-parent", "--format=%s", branch).splitlines()


@dataclass
class Started:
    """A process in the background."""

    process: "subprocess.Popen[str]"

    def wait_for(self, line: str) -> None:
        """Until the process has printed this line."""
        assert self.process.stdout
        seen = []
        for said in self.process.stdout:
            seen.append(said)
            if said.strip() == line:
                return
        raise AssertionError(f"never said {line!r}: {seen} {self.process.communicate()}")

    def tell(self, line: str = "") -> None:
        """Write a line to its standard input."""
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def signal(self, number: int) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        assert self.signal(signal.SIGKILL) == -signal.SIGKILL

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        self.output = self.process.communicate(timeout=120)
        return self.process.returncode


def eventually(condition: Any, seconds: float = 20.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def rows_of(catalog: Catalog, *names: str, run: RunId | None = None) -> list[Row]:
    """Every record of these names (none: all of them), in the order of chunks."""
    chunks = catalog.chunks(names or None, None if run is None else [run])
    return [row for chunk in chunks for row in _rows(chunk.table) if not names or row.name in names]


def _rows(table: Any) -> list[Row]:
    columns = {name: table[name].to_pylist() for name in table.column_names}
    return [
        Row(
            name=columns["name"][i],
            value=decode(
                Kind[columns["kind"][i].upper()], columns["vf"][i], columns["vi"][i], columns["vs"][i]
            ),
            path=columns["path"][i],
            it=tuple(columns["it"][i]),
            source=columns["source"][i],
            kind=columns["kind"][i],
            seq=columns["seq"][i],
            rank=columns["rank"][i],
            process=columns["process"][i],
        )
        for i in range(table.num_rows)
    ]
