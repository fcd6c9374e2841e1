"""Which script this process executes."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from flor.record import membership, startup

_PACKAGE = str(Path(__file__).parent.parent)


@dataclass(frozen=True, slots=True)
class Script:
    """What runs here: `path` where it is a file of the user's, and a name where it is not."""

    path: Path | None
    name: str  # "-c", "<stdin>", "<ipython>": shown where there is no path

    @property
    def has_code(self) -> bool:
        """Whether a commit of the working tree holds what runs here."""
        return self.path is not None


def of_process() -> Script:
    """The main script or notebook; under an installed program (flask, pytest) the file that called FlorDB."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main and not _is_installed(Path(main)):
        return Script(Path(main).absolute(), "")
    if "IPython" in sys.modules and (found := _of_ipython()):
        return found
    if main or hasattr(sys, "ps1") or membership.is_multiprocessing_child():
        caller = _calling_file()
        if caller:
            return Script(caller, "")
    return Script(None, "-c" if sys.argv and sys.argv[0] == "-c" else "<stdin>")


def start_folder() -> str:
    """The working folder in which this process was started: the program may be in another one by now."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    name = startup.original_argv[0] if startup.original_argv else ""
    # What was said on the command line tells it for sure; a program may change it before it imports FlorDB.
    if main and name and not os.path.isabs(name) and main.endswith(os.sep + name):
        return str(main).removesuffix(name)[:-1] or os.sep
    return startup.started_in or os.getcwd()


def _of_ipython() -> Script | None:
    """The notebook that IPython executes in this process, if it does."""
    from flor.record import notebook

    shell = notebook.shell_of_process()
    path = notebook.path_of(shell) if shell else None
    return Script(path, "" if path else notebook.UNNAMED) if shell else None


def _is_installed(path: Path) -> bool:
    """Whether a file belongs to the interpreter or its environment, not to the user."""
    parts = path.resolve().parts
    return "site-packages" in parts or any(
        _is_below(path, prefix) for prefix in {sys.prefix, sys.base_prefix}
    )


def _is_below(path: Path, folder: str) -> bool:
    return path.resolve().is_relative_to(Path(folder).resolve() / "bin") or path.resolve().is_relative_to(
        Path(folder).resolve() / "lib"
    )


def _calling_file() -> Path | None:
    """The file of the innermost frame that is neither FlorDB's nor installed."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_PACKAGE, "<")) and not _is_installed(Path(name)):
            return Path(name).absolute()
        frame = frame.f_back
    return None
