"""A program to run again: as it was started, and by which commands that is done. Commands are pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flor.errors import FlorError

_WITH_VALUE = "WX"
_FINAL = "cm"
_LONG_WITH_VALUE = "--check-hash-based-pycs"
_DROPPED = "i"  # it would wait for input at the end


@dataclass(frozen=True, slots=True)
class Job:
    """A program that is run again, rewritten."""

    executable: str
    orig_argv: tuple[str, ...]  # as the interpreter was started
    cwd: str
    root: str  # the modules below are rewritten
    prepare: str = ""  # "package.module:function": called with the job before the program begins
    details: Mapping[str, Any] = field(default_factory=dict)  # for `prepare`; plain JSON
    relocation: Mapping[str, Any] | None = None  # the fields of mapping.Relocation; None: all is where it was


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a command line of Python says."""

    flags: tuple[str, ...]
    name: str  # of the script or module
    is_module: bool
    arguments: tuple[str, ...]


def write(job: Job, path: Path) -> None:
    """Leave the job for `python -m flor.replay.runner PATH`, which adds files beside it."""
    path.write_text(json.dumps(asdict(job)), "utf-8")


def read(path: Path) -> Job:
    """The job that was left here."""
    given = json.loads(path.read_text("utf-8"))
    return Job(**{**given, "orig_argv": tuple(given["orig_argv"])})


def command(job: Job, path: Path) -> list[str]:
    """The command that runs the job which was written to `path`.

    Raises:
        FlorError: what was started cannot be started again.
    """
    flags = parse(job.orig_argv).flags
    # The folder that it is started in is not the program's: -P keeps it from being searched for modules.
    return [job.executable, *flags, "-P", "-m", "flor.replay.runner", str(path)]


def parse(orig_argv: Sequence[str]) -> Invocation:
    """The parts of a command line of Python, given as in `sys.orig_argv`.

    Raises:
        FlorError: it runs neither a script nor a module.
    """
    words, flags = list(orig_argv[1:]), list[str]()
    while words:
        word = words.pop(0)
        if word == _LONG_WITH_VALUE and words:
            flags += [word, words.pop(0)]
        elif word == "--" and words:
            return Invocation(tuple(flags), words[0], False, tuple(words[1:]))
        elif word == "-" or not word.startswith("-"):
            return _script(flags, word, words, orig_argv)
        else:
            module = _take_letters(word, words, flags, orig_argv)
            if module is not None:
                return Invocation(tuple(flags), module, True, tuple(words))
    raise _refusal(orig_argv, "Python read the program from its standard input")


def _script(flags: Iterable[str], word: str, words: Iterable[str], orig_argv: Sequence[str]) -> Invocation:
    if word == "-":
        raise _refusal(orig_argv, "Python read the program from its standard input")
    return Invocation(tuple(flags), word, False, tuple(words))


def _take_letters(word: str, words: list[str], flags: list[str], orig_argv: Sequence[str]) -> str | None:
    """Add the options in a word like `-uW` to the flags; the module where one of them is `-m`."""
    for place, letter in enumerate(word[1:], 2):
        if letter in _WITH_VALUE + _FINAL:
            value = word[place:] or (words.pop(0) if words else "")
            if letter == "m":
                return value
            if letter == "c":
                raise _refusal(orig_argv, "its program stood on the command line (-c)")
            flags += [f"-{letter}", value]
            return None
        if not letter.isalpha() or letter == "x":
            raise _refusal(orig_argv, f"of the option -{letter}")
        if letter not in _DROPPED:
            flags.append(f"-{letter}")
    return None


def _refusal(orig_argv: Sequence[str], reason: str) -> FlorError:
    shown = " ".join(orig_argv)
    return FlorError(
        f"`{shown}` cannot be run again: {reason}.",
        "Run a script or a module: python train.py, python -m train.",
    )
