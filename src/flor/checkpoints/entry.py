"""Names of the points at which a run can be entered again."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["start", "top", "after", "step", "done", "end"]

_FORM = re.compile(r"(?:(\d+)(?:/(\d+))? )?(start|top|after|step|done|end)(?:\(([\d, ]*)\))?")


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One moment of a run. Everything counts from 0, in the order executed.

    * `start`: at the first flor call.
    * `top(i)`: at the header of a main loop, before the item of iteration i is drawn.
    * `after(i, n)`: after the n-th nested loop of iteration i.
    * `step(i, n, j)`: before iteration j of the n-th nested loop of iteration i.
    * `done`: where a main loop ended; `end`: where the block closes.
    """

    kind: Kind
    block: int = 0  # `checkpointing` blocks of the process
    loop: int = 0  # main loops of the block
    iteration: int = -1
    nested: int = -1
    step: int = -1

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts the entry points of one process as they are reached."""
        if self.kind == "start":
            return (-1,)
        if self.kind == "end":
            return (self.block, 1)
        if self.kind == "done":
            return (self.block, 0, self.loop, 1)
        # After the n-th nested loop comes behind every step of it.
        step = (self.nested, 1 if self.kind == "after" else 0, self.step) if self.nested >= 0 else ()
        return (self.block, 0, self.loop, 0, self.iteration, *step)

    def __str__(self) -> str:
        if self.kind == "start":
            return "start"
        if self.kind == "end":
            return f"{self.block} end"
        numbers = [number for number in (self.iteration, self.nested, self.step) if number >= 0]
        suffix = f"({', '.join(map(str, numbers))})" if numbers else ""
        return f"{self.block}/{self.loop} {self.kind}{suffix}"


def parse(text: str) -> EntryPoint:
    """The inverse of `str(entry_point)`.

    Raises:
        ValueError: the text is no entry point.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no entry point")
    block, loop, kind, numbers = found.groups()
    given = [int(number) for number in (numbers or "").split(",") if number.strip()]
    iteration, nested, step = [*given, -1, -1, -1][:3]
    return EntryPoint(kind, int(block or 0), int(loop or 0), iteration, nested, step)  # type: ignore[arg-type]
