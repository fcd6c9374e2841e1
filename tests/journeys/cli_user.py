"""Someone at a shell in a git repository of their own: runs scripts and `flor`, piped or on a terminal."""

import io
import json
import os
import pty
import shutil
import subprocess
import sys
import termios
import warnings
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flor.cli.main import main

TRAIN = """import flor

lr = flor.arg("lr", 0.1)
epochs = flor.arg("epochs", 3)
for epoch in flor.loop("epoch", range(epochs)):
    for step in flor.loop("step", range(4)):
        flor.log("loss", lr / (1 + epoch * 4 + step))
    flor.log("accuracy", 50.0 + epoch)
"""


@dataclass(frozen=True)
class CliUser:
    """What they see of a command: exit code, stdout, stderr."""

    folder: Path
    source: str = str(Path(__file__).parents[2] / "src")

    @classmethod
    def with_repository(cls, folder: Path) -> "CliUser":
        folder.mkdir(exist_ok=True)
        user = cls(folder)
        user.git("init", "--quiet", "--initial-branch=main")
        user.write("train.py", TRAIN)
        user.git("add", "train.py")
        user.git("commit", "--quiet", "-m", "A training script")
        return user

    def copied(self, folder: Path) -> "CliUser":
        """The same with a copy of everything, to be changed at will; the project keeps its name."""
        return CliUser(shutil.copytree(self.folder, folder / self.folder.name))

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content, "utf-8")
        return path

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=U", "-c", "user.email=u@localhost")
        return self._run(["git", *identity, *arguments], check=True).stdout

    def train(self, *kwargs: str, script: str = "train.py") -> subprocess.CompletedProcess[str]:
        done = self._run([sys.executable, script, *(["--kwargs", *kwargs] if kwargs else [])])
        assert done.returncode == 0, done.stderr
        return done

    def process(self, *arguments: str, answer: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """`flor ARGUMENTS` with piped input and output."""
        return self._run([sys.executable, "-m", "flor", *arguments], answer=answer, environ=environ)

    def flor(self, *arguments: str, answer: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """The same without the price of a process of its own, unless that has an environment of its own."""
        if environ:
            return self.process(*arguments, answer=answer, **environ)
        out, err = _Piped(), _Piped()
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("always")
            code = _main(arguments, answer)
        return subprocess.CompletedProcess(arguments, code, out.text(), err.text())

    def json(self, *arguments: str) -> Any:
        return json.loads(self.read(*arguments, "--json"))

    def rows(self, *arguments: str) -> list[dict[str, str]]:
        """The piped table of a command."""
        header, *rows = (line.split("\t") for line in self.read(*arguments).splitlines())
        return [dict(zip(header, row, strict=True)) for row in rows]

    def read(self, *arguments: str) -> str:
        """What `flor ARGUMENTS` prints."""
        done = self.flor(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def terminal(self, *arguments: str, columns: int = 100, answer: str = "") -> str:
        """What `flor ARGUMENTS` shows on a terminal, the answer typed in included."""
        mine, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, columns))
        process = subprocess.Popen(
            [sys.executable, "-m", "flor", *arguments],
            cwd=self.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self._environ() | {"COLUMNS": str(columns)},
        )
        os.close(theirs)
        os.write(mine, answer.encode())
        shown = _read_all(mine)
        process.wait()
        os.close(mine)
        return shown.replace("\r\n", "\n")

    def _run(
        self,
        command: list[str],
        *,
        answer: str = "",
        environ: dict[str, str] | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            input=answer,
            env=self._environ() | (environ or {}),
            capture_output=True,
            text=True,
            check=check,
        )

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOR_", "GIT_"))}
        return kept | {"FLOR_ECHO": "off", "PYTHONPATH": self.source}


class _Piped(io.TextIOWrapper):
    """What somebody at the other end of a pipe gets to read."""

    def __init__(self) -> None:
        self._content = io.BytesIO()
        super().__init__(self._content, "utf-8", write_through=True)

    def text(self) -> str:
        return self._content.getvalue().decode()


def _main(arguments: Sequence[str], answer: str) -> int:
    """What `python -m flor ARGUMENTS` does, with `answer` on its standard input; its exit code."""
    given, sys.stdin = sys.stdin, io.StringIO(answer)
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdin = given


def _read_all(descriptor: int) -> str:
    content = b""
    while True:
        try:
            piece = os.read(descriptor, 1 << 16)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            return content.decode()
        content += piece
