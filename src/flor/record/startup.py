"""What `import flor` does: take `--kwargs` out of `sys.argv`, and register two hooks. Nothing else.

Loads nothing that Python has not loaded already: importing FlorDB costs milliseconds.
"""

import atexit
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

kwargs_tokens: list[str] = []
"""The tokens after `--kwargs`, as they were given."""

original_argv: list[str] = []
"""`sys.argv` as the script was started."""

opened: dict[str, str] = {}
"""Names opened by this process and how ("r", "w", "rw", "wr"), in the order of their first opening."""

_OPENED_LIMIT = 100_000


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
    sys.addaudithook(_note_opened)


def take() -> None:
    """Take the program's command line, and a place among its exit hooks; note what it opens from here on."""
    original_argv.extend(getattr(sys, "argv", []))
    if hasattr(sys, "argv"):
        kwargs_tokens.extend(take_kwargs(sys.argv))
    atexit.register(_at_exit)
    opened.clear()


def forget() -> None:
    """Undo `take`, for a program that is run again: it imports FlorDB later than we do."""
    original_argv.clear()
    kwargs_tokens.clear()
    atexit.unregister(_at_exit)


def _at_exit() -> None:
    session = sys.modules.get("flor.record.session")
    if session is not None:
        session.close_at_exit()


def _note_opened(event: str, args: "tuple[Any, ...]") -> None:
    if event != "open" or len(args) != 3 or type(args[0]) is not str or len(opened) >= _OPENED_LIMIT:
        return
    path, mode, flags = args
    if type(mode) is str:
        letter = "w" if any(sign in mode for sign in "wax+") else "r"
    else:
        letter = "w" if type(flags) is int and flags & (os.O_WRONLY | os.O_RDWR) else "r"
    known = opened.get(path, "")
    if letter not in known:
        opened[path] = known + letter
