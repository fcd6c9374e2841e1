"""The scripts of the matrix, and what each says of itself in lines that begin with `# matrix:`.

Such a line is a line of TOML:

    # matrix: argv = ["--kwargs", "epochs=3"]   arguments of the run
    # matrix: exit_code = 1                     how it ends; 0 unless said otherwise
    # matrix: kill = ["loss 17", "accuracy 2"]  moments to kill it at (see killing.py)
    # matrix: volatile = ["started"]            names and variables that differ from run to run: clocks
    # matrix: by_chance = true                  it begins differently in every process
    # matrix: refusal = "generator|iterator"    resume may refuse, with a message that matches
    # matrix: unanswered = "cannot be read"     replay may refuse, for a reason that matches
    # matrix: before = [["--kwargs", "seed=1"]] runs that end before this one begins
    # matrix: after = [["--kwargs", "seed=2"]]  runs that end before a killed run is resumed
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "scripts"
MAIN = "train.py"
_PREFIX = "# matrix: "


@dataclass(frozen=True)
class Script:
    """One script as somebody wrote it: a file, or a folder with a `train.py` and its modules."""

    name: str
    files: Mapping[str, bytes]  # paths in the repository
    main: str
    about: str  # the first line of its docstring
    kill: tuple[str, ...]
    argv: tuple[str, ...] = ()
    exit_code: int = 0
    volatile: frozenset[str] = frozenset()
    by_chance: bool = False
    refusal: str = ""  # a regular expression; "": resume must succeed
    unanswered: str = ""  # the same for replay
    before: tuple[tuple[str, ...], ...] = ()
    after: tuple[tuple[str, ...], ...] = ()
    unknown: tuple[str, ...] = field(default=())  # settings nobody reads: misspelt

    def __str__(self) -> str:
        return self.name

    @property
    def is_deterministic(self) -> bool:
        """Whether every process that executes it says the same."""
        return not self.by_chance and not self.volatile

    @property
    def command(self) -> list[str]:
        return [self.main, *self.argv]

    @property
    def commands(self) -> list[list[str]]:
        """Every run in order, this one among them."""
        others = [[self.main, *argv] for argv in (*self.before, *self.after)]
        return [*others[: len(self.before)], self.command, *others[len(self.before) :]]


def all_scripts() -> list[Script]:
    """Every script of the matrix, by name."""
    return [read(path) for path in sorted(SCRIPTS.iterdir()) if not path.name.startswith((".", "__"))]


def named(*names: str) -> list[Script]:
    """The scripts with these names.

    Raises:
        KeyError: there is no script of such a name.
    """
    known = {script.name: script for script in all_scripts()}
    return [known[name] for name in names]


def read(path: Path) -> Script:
    """The script at this path."""
    if path.is_file():
        return _script(path.stem, path.name, {path.name: path.read_bytes()})
    files = {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }
    return _script(path.name, MAIN, files)


def _script(name: str, main: str, files: Mapping[str, bytes]) -> Script:
    text = files[main].decode("utf-8")
    said = _settings(text)
    return Script(
        name=name,
        files=files,
        main=main,
        about=text.partition('"""')[2].partition("\n")[0].removesuffix('"""'),
        kill=tuple(said.pop("kill", ())),
        argv=tuple(said.pop("argv", ())),
        exit_code=said.pop("exit_code", 0),
        volatile=frozenset(said.pop("volatile", ())),
        by_chance=said.pop("by_chance", False),
        refusal=said.pop("refusal", ""),
        unanswered=said.pop("unanswered", ""),
        before=tuple(map(tuple, said.pop("before", ()))),
        after=tuple(map(tuple, said.pop("after", ()))),
        unknown=tuple(said),
    )


def _settings(text: str) -> dict[str, Any]:
    lines = (line.removeprefix(_PREFIX) for line in text.splitlines() if line.startswith(_PREFIX))
    return tomllib.loads("\n".join(lines))
