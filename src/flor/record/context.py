"""Where a record is logged: the stack of loops, one per thread and per task.

The stack is a chain of links held by a context variable, so that a task inherits the loops it
was started in, a thread starts with none, and a loop that was left in any way cannot leave a
wrong context behind.
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


class Loop:
    """One execution of a loop, in one iteration of the loop around it."""

    __slots__ = ("id", "is_index", "name", "numbers", "occurrence", "parent")

    def __init__(self, parent: "Node", name: str) -> None:
        self.parent = parent
        self.name = name
        self.occurrence = parent.next_occurrence(name)
        self.id = UNDECLARED  # the journal's number for this loop, once a value needs it
        self.is_index = False  # what an iteration's value is unless the journal says otherwise
        self.numbers = count(1)  # of iterations that are driven from outside


class Node:
    """One iteration of a loop, or (without a loop) the run level of one process."""

    __slots__ = ("__weakref__", "ctx", "driven", "loop", "number", "occurrences", "parent", "value", "write")

    def __init__(self, loop: Loop, number: int, value: Any) -> None:
        parent = loop.parent
        self.parent: Node | None = parent
        self.loop: Loop | None = loop
        self.number = number  # counts from 1
        self.value = value
        self.write: Write = parent.write
        self.occurrences: dict[str, Iterator[int]] | None = None
        self.driven: dict[str, Loop] | None = None
        # The loop's number in the journal, or UNDECLARED until loop and value are written there.
        is_index = type(value) is int and value == number - 1
        self.ctx = loop.id if is_index == loop.is_index and (is_index or value is MISSING) else UNDECLARED

    def next_occurrence(self, name: str) -> int:
        """Which loop of this name now starts in this iteration, from 1."""
        if self.occurrences is None:
            self.occurrences = {}
        return next(self.occurrences.setdefault(name, count(1)))

    def driven_loop(self, name: str) -> Loop:
        """The loop of this name in this iteration that is driven from outside."""
        if self.driven is None:
            self.driven = {}
        return self.driven.get(name) or self.driven.setdefault(name, Loop(self, name))


class Root(Node):
    """The run level: where every stack ends."""

    __slots__ = ("run",)

    def __init__(self, write: Write) -> None:
        self.parent = self.loop = self.occurrences = self.driven = None
        self.number, self.value, self.ctx = 0, MISSING, 0
        self.write = write
        self.run: ProcessRun | None = None  # opened by the first record


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
