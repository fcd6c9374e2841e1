"""What a run remembers of files, read back; and the times that files need to count as older than a run."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from flor.entities import RunId
from flor.runs import files
from flor.runs.files import RunFiles
from workplace import Workplace


def files_of(place: Workplace, run: RunId | None = None) -> RunFiles:
    """Of this run, or of the only one."""
    return files.of(place.catalog().find(run) if run else place.only_run())


def modes(place: Workplace, run: RunId | None = None) -> dict[str, str]:
    """By path how the run used each file."""
    found = place.catalog().find(run) if run else place.only_run()
    used: dict[str, str] = {}
    for path, mode, _ in files.rows(found):
        used[path] = used.get(path, "") + mode
    return used


def given(place: Workplace, name: str, content: str | bytes, age_s: float = 60.0) -> Path:
    """A file that was there before any run."""
    path = place.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def settle() -> None:
    """Wait until what was written last is older than a process that starts now."""
    time.sleep(0.05)


def contents(folder: Path) -> Mapping[str, bytes]:
    """What is in a folder, the store and git's own files left out."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(found)
        if not {".flor", ".git", "__pycache__"} & set(path.relative_to(folder).parts)
    }
