"""Someone with a notebook: a real kernel executes their cells, in a git repository of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jupyter_client.manager import KernelManager

from flor.entities import Run
from flor.query.console import console
from flor.query.frame import dataframe
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout

TIMEOUT_S = 60
_SOURCE = str(Path(__file__).parents[2] / "src")


@dataclass(frozen=True)
class Shown:
    """What a cell shows below itself."""

    text: str
    error: str  # the exception's name


class Kernel:
    """A running kernel, and the front end that talks to it."""

    def __init__(self, manager: KernelManager) -> None:
        self._manager = manager
        self._client = manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=TIMEOUT_S)

    def execute(self, code: str, cell: str | None = None) -> Shown:
        """Execute a cell, with the id that the front end gives it."""
        return self.result(self.start(code, cell))

    def start(self, code: str, cell: str | None = None) -> str:
        """Begin to execute a cell; the request's id."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": True}
        metadata = {"cellId": cell} if cell else {}
        message = self._client.session.msg("execute_request", content, metadata=metadata)
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def result(self, request: str) -> Shown:
        """Wait until the cell has been executed."""
        self._client.get_shell_msg(timeout=TIMEOUT_S)
        shown, error = "", ""
        while True:
            message = self._client.get_iopub_msg(timeout=TIMEOUT_S)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            shown += content.get("text", "") if message["msg_type"] == "stream" else ""
            error = content["ename"] if message["msg_type"] == "error" else error
            if content.get("execution_state") == "idle":
                return Shown(shown, error)

    def wait_for(self, text: str) -> None:
        """Wait until the cell being executed has shown this."""
        shown = ""
        while text not in shown:
            message = self._client.get_iopub_msg(timeout=TIMEOUT_S)
            shown += message["content"].get("text", "") if message["msg_type"] == "stream" else ""

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def shut_down(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel()

    def kill(self) -> None:
        """As the system does when memory runs out."""
        pid = self._manager.provisioner.process.pid
        os.kill(pid, signal.SIGKILL)
        self._client.stop_channels()
        self._manager.provisioner.process.wait()
        self._manager.cleanup_resources()


@dataclass(frozen=True)
class NotebookUser:
    """Their repository, and what they find in its store."""

    folder: Path

    @classmethod
    def with_repository(cls, folder: Path) -> "NotebookUser":
        folder.mkdir(parents=True, exist_ok=True)
        user = cls(folder)
        user.git("init", "--quiet", "--initial-branch=main")
        (folder / "helper.py").write_text("RATE = 0.5\n")
        user.git("add", "helper.py")
        user.git("commit", "--quiet", "-m", "A helper")
        return user

    @contextmanager
    def kernel(self, notebook: str | None = "train.ipynb", **environ: str) -> Iterator[Kernel]:
        """A kernel beside the notebook; it is shut down as Jupyter does it."""
        path = self.folder / (notebook or "")
        session = {"JPY_SESSION_NAME": str(path)} if notebook else {}
        cwd = path.parent if notebook else self.folder
        cwd.mkdir(exist_ok=True)
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(env=self.environ() | session | environ, cwd=str(cwd), stderr=subprocess.DEVNULL)
        kernel = Kernel(manager)
        try:
            yield kernel
        finally:
            if manager.is_alive():
                kernel.shut_down()

    def environ(self, **further: str) -> dict[str, str]:
        outside = ("FLOR_", "GIT_", "JPY_", "PYTEST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
        own = {"IPYTHONDIR": str(self.folder.parent / "ipython"), "PYTHONPATH": _SOURCE}
        return kept | own | further

    def python(self, *arguments: str, typed: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            input=typed,
            env=self.environ(**environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=U", "-c", "user.email=u@localhost")
        command = ["git", *identity, *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.rstrip("\n")

    def catalog(self) -> Catalog:
        return Catalog.open(Layout(self.folder / ".flor"))

    def runs(self) -> tuple[Run, ...]:
        return self.catalog().runs

    def values(self) -> list[dict[str, Any]]:
        """The last values of each run."""
        return [dict(run.values) for run in self.runs()]

    def frame(self, *names: str) -> pd.DataFrame:
        return dataframe(self.catalog(), names)

    def printed(self) -> list[str]:
        return list(console(self.catalog())["text"])

    def cells(self, commit: str = "flor.shadow", file: str = "train.cells.py") -> list[str]:
        """The cells in the order executed, as a version holds them."""
        content = self.git("show", f"{commit}:{file}")
        return [part.partition("]\n")[2].rstrip("\n") for part in f"\n{content}".split("\n# %% [")[1:]]


def eventually(is_so: Any, what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
