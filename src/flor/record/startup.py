"""What `import flor` does: take `--kwargs` out of `sys.argv`, and register two hooks. Nothing else.

Loads nothing that Python has not loaded already: importing FlorDB costs milliseconds.
"""

import atexit
import os
import sys
import time
from _thread import get_ident
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

kwargs_tokens: list[str] = []
"""The tokens after `--kwargs`, as they were given."""

original_argv: list[str] = []
"""`sys.argv` as the script was started."""

opened: "list[tuple[str, str | bytes, int, str]]" = []
"""What this process opened, once for each way: how, the name, when (ns), and the folder of a relative name.

"r" to read, "w" to write, "a" to append, "u" to read and write; "d" what it removed or renamed.
"""

temporaries: list[str] = []
"""Temporary files and folders whose names this process has drawn, in their order."""

started_in = ""
"""The working folder when FlorDB was imported; "" where it was gone."""

OPENED_LIMIT = 100_000
TEMPORARIES_LIMIT = 100

open_runs = 0
"""How many runs of this process go on."""

free_since_ns = 0
"""Since when no run has gone on: what was opened from then on belongs to the next one. 0: none has been."""

began_ns = 0
"""When FlorDB was imported."""

forks: list[int] = []
"""When this process was forked (ns), once: whether it has children."""

on_opened: "Callable[[], None] | None" = None
"""Called after a name was added; in forked children, which tell their parent."""

ours: set[int] = set()
"""Threads that open files for FlorDB at this moment: what they open is nothing the program did."""

_names: "dict[str, set[Any]]" = {kind: set() for kind in "rwaud"}
_here: list[str] = []
_MODES = {"r": "r", "rb": "r", "w": "w", "wb": "w", "a": "a", "ab": "a"}


def take_kwargs(argv: list[str]) -> list[str]:
    """Remove `--kwargs` and its pairs (up to the next token that begins with `-`) from `argv`, in place.

    Tokens after a lone `--` are the script's own.
    """
    end = argv.index("--") if "--" in argv else len(argv)
    taken: list[str] = []
    while "--kwargs" in argv[1:end]:
        start = argv.index("--kwargs", 1, end)
        stop = start + 1
        while stop < end and not argv[stop].startswith("-"):
            stop += 1
        taken += argv[start + 1 : stop]
        del argv[start:stop]
        end -= stop - start
    return taken


def begin() -> None:
    """Called once, by `import flor`."""
    take()
    sys.addaudithook(_note)


def take() -> None:
    """Take the program's command line, and a place among its exit hooks; note what it opens from here on."""
    global began_ns, started_in  # noqa: PLW0603  (of this module, whose state is that of the process)
    original_argv.extend(getattr(sys, "argv", []))
    if hasattr(sys, "argv"):
        kwargs_tokens.extend(take_kwargs(sys.argv))
    atexit.register(_at_exit)
    began_ns = time.time_ns()
    started_in = _folder_now()
    forget_opened()
    note_anew()


def _folder_now() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def forget() -> None:
    """Undo `take`, for a program that is run again: it imports FlorDB later than we do."""
    original_argv.clear()
    kwargs_tokens.clear()
    temporaries.clear()
    atexit.unregister(_at_exit)


def _at_exit() -> None:
    session = sys.modules.get("flor.record.session")
    if session is not None:
        session.close_at_exit()


def forget_opened() -> None:
    """Begin anew: the program begins, or this is a forked child, whose parent knows the names so far."""
    global open_runs, free_since_ns  # noqa: PLW0603  (of this module, whose state is that of the process)
    open_runs = free_since_ns = 0
    opened.clear()
    ours.clear()
    forks.clear()


def run_begins() -> int:
    """A run of this process begins: how many of the names are none of its own."""
    global open_runs  # noqa: PLW0603
    open_runs += 1
    if open_runs == 1:
        return 0
    note_anew()
    return len(opened)


def run_ends() -> None:
    """A run of this process has ended, and taken note of the names that it had opened."""
    global open_runs, free_since_ns  # noqa: PLW0603
    open_runs -= 1
    if open_runs == 0:
        opened.clear()
        note_anew()
        free_since_ns = time.time_ns()


def remember(kind: str, name: str) -> None:
    """Let a name not count again that a child has opened: its next children need not tell it."""
    _names[kind].add(name)


def note_anew() -> None:
    """Let names that were opened before count again: another run begins, or they mean other files now."""
    _here.clear()
    for names in _names.values():
        names.clear()


def _note(event: str, args: "tuple[Any, ...]") -> None:
    try:
        if event == "open":
            path, mode, flags = args
            kind = _MODES.get(mode) or _kind(mode, flags)
            if path not in _names[kind]:
                _add(kind, path)
        elif event in _OTHERS:
            _OTHERS[event](*args)
    except Exception:  # noqa: BLE001  (anybody may raise an event of this name: it is not for us to stop them)
        return


def _kind(mode: object, flags: object) -> str:
    if type(mode) is str:
        return "w" if "w" in mode or "x" in mode else "u" if "+" in mode else "a" if "a" in mode else "r"
    if type(flags) is not int or not flags & (os.O_WRONLY | os.O_RDWR):
        return "r"
    if flags & (os.O_TRUNC | os.O_EXCL):
        return "w"
    return "u" if flags & os.O_RDWR else "a" if flags & os.O_APPEND else "w"


def _add(kind: str, name: "Any") -> None:
    path = name if type(name) in (str, bytes) else os.fspath(name)
    if name in _names[kind] or len(opened) >= OPENED_LIMIT or get_ident() in ours:
        return
    # Only what was there can be read.
    is_there = kind not in "ru" or os.path.exists(path)
    if kind == "r" and not is_there:
        return
    _names[kind].add(name)
    how = "w" if not is_there else kind
    opened.append((how, path, time.time_ns(), "" if path[:1] in ("/", b"/") else _folder()))
    if on_opened is not None:
        on_opened()


def _folder() -> str:
    """The current folder; asked once after each change, for it takes as long as all the rest."""
    if not _here:
        _here.append(os.getcwd())
    return _here[0]


def _note_rename(old: "Any" = None, new: "Any" = None, old_folder: int = -1, new_folder: int = -1) -> None:
    _note_removal(old, old_folder)
    if new_folder == -1:
        _add("w", new)


def _note_removal(path: "Any" = None, folder: int = -1) -> None:
    if folder == -1:
        _add("d", path)


def _note_temporary(path: "Any" = None) -> None:
    if type(path) is str and len(temporaries) < TEMPORARIES_LIMIT and get_ident() not in ours:
        temporaries.append(path)


_OTHERS: "dict[str, Callable[..., None]]" = {
    "os.rename": _note_rename,
    "os.remove": _note_removal,
    "os.link": lambda _=None, new=None, __=-1, folder=-1: _add("w", new) if folder == -1 else None,
    "os.truncate": lambda path=None, _=0: _add("u", path),
    "sqlite3.connect": lambda path=None: _add("u", path),
    "os.fork": lambda: None if forks else forks.append(time.time_ns()),
    "os.chdir": lambda _=None: note_anew(),
    "tempfile.mkdtemp": _note_temporary,
    "tempfile.mkstemp": _note_temporary,
}
