"""What is kept of a bug in FlorDB itself: traceback, versions and command line, in a file to attach."""

import os
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from flor.cli import versions
from flor.errors import FlorError
from flor.project import for_reading
from flor.runs.layout import Layout


def report(error: BaseException, argv: Sequence[str]) -> str:
    """Save what is needed to mend `error`; return what to tell the user."""
    said = f"This is a bug in FlorDB: {type(error).__name__}: {error}"
    content = _content(error, argv)
    for folder in _folders():
        path = _saved(content, folder)
        if path:
            return f"{said}\nA report to attach is in {path}"
    return f"{said}\n{content}"


def _content(error: BaseException, argv: Sequence[str]) -> str:
    found = "\n".join(f"{name}: {version}" for name, version in versions.installed().items())
    trace = "".join(traceback.format_exception(error))
    return f"command: flor {' '.join(argv)}\ncwd: {os.getcwd()}\n{found}\n\n{trace}"


def _folders() -> list[Path]:
    """Where a report may go, best first; a store is not made for it."""
    temporary = Path(tempfile.gettempdir())
    try:
        home = for_reading(Path.cwd(), os.environ).home
    except (FlorError, OSError):
        return [temporary]
    return [Layout(home).reports, temporary] if home.is_dir() else [temporary]


def _saved(content: str, folder: Path) -> Path | None:
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    try:
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(content, "utf-8", "backslashreplace")
    except OSError:
        return None
    return path
