"""Execute the blocks of a document in a scratch git repository, as a reader would."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

from docs.blocks import Block

PROJECT = Path(__file__).parents[2]
_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?(e[-+]?\d+)?|\b[0-9a-f]{7,40}\b")


class Reader:
    """Someone who types in what a document shows, in a git repository of their own."""

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "project"
        self.output = ""
        self._environ = _environ(folder)
        self.repository.mkdir()
        for command in ("git init --quiet", "git commit --quiet --allow-empty -m Begin"):
            self._run(["bash", "-c", command])

    def follow(self, block: Block) -> None:
        """Do what the block says, or check what it claims."""
        if block.excuse:
            return
        if block.quoted:
            self._copy(block, PROJECT / block.quoted)
        elif block.file:
            (self.repository / block.file).write_text(block.text, "utf-8")
        elif block.language == "python":
            self._run([sys.executable, "-c", block.text], block)
        elif block.language == "bash":
            self._run(["bash", "-euo", "pipefail", "-c", block.text], block)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "text":
            self._compare(block)

    def _copy(self, block: Block, source: Path) -> None:
        remaining = iter(source.read_text("utf-8").splitlines())
        for line in block.text.splitlines():
            if line.strip() not in {"", "..."}:
                assert line in remaining, f"{block}: not in {block.quoted}, or out of order: {line}"
        shutil.copy(source, self.repository)

    def _compare(self, block: Block) -> None:
        printed = {_shape(line) for line in self.output.splitlines()}
        for line in block.text.splitlines():
            if line.strip() not in {"", "..."}:
                assert _shape(line) in printed, f"{block}: not printed: {line}\n--- printed:\n{self.output}"

    def _run(self, command: list[str], block: Block | None = None) -> None:
        done = subprocess.run(
            command,
            check=False,
            cwd=self.repository,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.output = done.stdout + done.stderr
        assert done.returncode == 0, f"{block}: exit code {done.returncode}\n{self.output}"


def unexplained(blocks: list[Block]) -> list[Block]:
    """Blocks in a language that `Reader.follow` neither runs nor checks, without an excuse."""
    followed = {"python", "bash", "toml", "text"}
    orphans = [b for a, b in pairwise([None, *blocks]) if b and b.language == "text" and a is None]
    return orphans + [b for b in blocks if b.language not in followed and not b.excuse]


def _shape(line: str) -> str:
    """The line with its numbers made equal and its spaces squeezed."""
    return " ".join(_NUMBER.sub("0", line).split())


def _environ(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "FLOR_"))}
    identity = {"GIT_AUTHOR_NAME": "A Reader", "GIT_AUTHOR_EMAIL": "reader@localhost"}
    identity |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in identity.items()}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # A document shows what is logged, however fast the machine is that runs it.
    return kept | identity | {"HOME": str(folder), "PATH": path, "PYTHONUTF8": "1", "FLOR_ECHO": "all"}
