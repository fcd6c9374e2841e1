"""Programs that are rewritten and executed in this process, with a player that answers from a script."""

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from flor.replay import rewrite, runtime
from flor.replay.binding import Names


class Block:
    """Stands for `flor.checkpointing`."""

    def __init__(self, **objects: object) -> None:
        self.objects = objects

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


@dataclass
class Script:
    """A player that answers from a script."""

    replaced: dict[int, bool] = field(default_factory=dict)  # line -> whether the loop ended normally
    skipped: dict[int, int] = field(default_factory=dict)  # line -> iterations left to skip
    over: dict[int, bool] = field(default_factory=dict)  # line -> whether the loop ended normally
    bound: dict[str, Any] | None = None
    left_by: int = -1
    last: int = 0

    def replace(self, line: int) -> bool:
        self.last = line
        return line in self.replaced

    def ended_normally(self) -> bool:
        return (self.replaced | self.over)[self.last]

    def is_skipping(self, line: int) -> bool:
        self.skipped[line] = self.skipped.get(line, 0) - 1
        return self.skipped[line] >= 0

    def is_over(self, line: int) -> bool:
        return line in self.over

    def names(self) -> Names | None:
        return None if self.bound is None else Names(0, self.bound, since=0)

    def names_are_done(self) -> None:
        self.bound = None

    def check_names(self) -> None:
        return None

    def expect_block(self) -> None:
        return None

    def land(self) -> None:
        return None

    def goes_through(self, function: object) -> None:
        return None

    def goes_beside(self, argument: object) -> None:
        return None

    def was_left_by(self, number: int) -> bool:
        return number == self.left_by


def dedented(text: str) -> str:
    """The text without the indentation of its first line."""
    lines = text.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] for line in lines) + "\n"


def run(
    source: str, monkeypatch: pytest.MonkeyPatch, player: Script | None, rewritten: bool = True
) -> dict[str, Any]:
    """The names of the module after it was executed."""
    monkeypatch.setattr(runtime, "_player", lambda: player)
    stub = ModuleType("flor")
    stub.loop = lambda name, items: iter(items)  # type: ignore[attr-defined]
    stub.checkpointing = Block  # type: ignore[attr-defined]
    module = ModuleType("rewritten_program")
    monkeypatch.setitem(sys.modules, "rewritten_program", module)
    code = compile(rewrite.rewrite(source, "train.py") if rewritten else source, "train.py", "exec")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "flor", stub)
        patch.setitem(sys.modules, "flordb", stub)
        patch.setitem(sys.modules, "flor.replay", ModuleType("flor.replay"))
        sys.modules["flor.replay"].runtime = runtime  # type: ignore[attr-defined]
        exec(code, vars(module))
    return vars(module)
