"""Where a record is logged: the stack of loops, one per thread and per task.

The stack is a chain of immutable links held by a context variable, so that a task inherits
the loops it was started in, a thread starts with none, and a loop that was left in any way
cannot leave a wrong context behind.
"""

from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flor.record.process_run import ProcessRun

Write = Callable[["Node", str, Any], None]

UNDECLARED = -1
MISSING: Any = object()
"""The value of an iteration whose value is not simple."""


class Node:
    """One iteration of a loop, or (without a parent) the run level of one process."""

    __slots__ = (
        "__weakref__",
        "ctx",
        "driven",
        "loops",
        "name",
        "number",
        "occurrence",
        "parent",
        "value",
        "write",
    )

    def __init__(self, parent: "Node", name: str, occurrence: int, number: int, value: Any) -> None:
        self.parent: Node | None = parent
        self.name = name
        self.occurrence = occurrence
        self.number = number  # counts from 1
        self.value = value
        self.ctx = UNDECLARED  # the journal's number for this context, once a value needs it
        self.write: Write = parent.write
        self.loops: dict[str, Iterator[int]] | None = None
        self.driven: dict[str, DrivenLoop] | None = None

    def next_occurrence(self, name: str) -> int:
        """Which loop of this name now starts in this iteration, from 1."""
        if self.loops is None:
            self.loops = {}
        return next(self.loops.setdefault(name, count(1)))

    def driven_loop(self, name: str) -> "DrivenLoop":
        """The loop of this name in this iteration that is driven from outside."""
        if self.driven is None:
            self.driven = {}
        return self.driven.get(name) or self.driven.setdefault(name, DrivenLoop(self.next_occurrence(name)))


class Root(Node):
    """The run level: where every stack ends."""

    __slots__ = ("run",)

    def __init__(self, write: Write) -> None:
        self.parent = None
        self.name, self.occurrence, self.number, self.value = "", 0, 0, MISSING
        self.ctx = 0
        self.write = write
        self.loops = None
        self.driven = None
        self.run: ProcessRun | None = None  # opened by the first record


class DrivenLoop:
    """A loop whose iterations come from outside (`flor.iteration`): its occurrence and numbering."""

    __slots__ = ("numbers", "occurrence")

    def __init__(self, occurrence: int) -> None:
        self.occurrence = occurrence
        self.numbers = count(1)


current: ContextVar[Node | None] = ContextVar("flor_node", default=None)


def root_of(node: Node) -> Root:
    """The run level of a stack."""
    while node.parent is not None:
        node = node.parent
    if not isinstance(node, Root):
        raise TypeError("a stack of loops ends in its run level")
    return node


def chain(node: Node) -> "list[Node]":
    """The iterations around a record, outermost first (the run level left out)."""
    links: list[Node] = []
    while node.parent is not None:
        links.append(node)
        node = node.parent
    return links[::-1]


def is_within(node: Node | None, ancestor: Node) -> bool:
    """Whether `ancestor` is `node` or an iteration around it."""
    while node is not None:
        if node is ancestor:
            return True
        node = node.parent
    return False
