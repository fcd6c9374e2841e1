"""Where a record is logged: the stack of loops, one per thread and per task.

The stack is a chain of links held by a context variable, so that a task inherits the loops it
was started in, a thread starts with none, and a loop that was left in any way cannot leave a
wrong context behind.
"""

import os
import threading
from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flor.checkpoints.places import Place
    from flor.record.process_run import ProcessRun

Write = Callable[["Node", str, Any], None]

UNDECLARED = -1
MISSING: Any = object()
"""The value of an iteration whose value is not simple."""


class _FirstUse:
    """Held while a node's table is made: threads share the run level, and at times an iteration."""

    lock = threading.RLock()

    @classmethod
    def renew(cls) -> None:
        """In a forked child: the thread that held it may be gone."""
        cls.lock = threading.RLock()


os.register_at_fork(after_in_child=_FirstUse.renew)


class Loop:
    """One execution of a loop, in one iteration of the loop around it."""

    __slots__ = ("id", "is_index", "name", "numbers", "occurrence", "parent", "place", "successor")

    def __init__(self, parent: "Node", name: str) -> None:
        self.parent = parent
        self.name = name
        self.occurrence = parent.next_occurrence(name)
        self.id = UNDECLARED  # the journal's number for this loop, once a value needs it
        self.is_index = False  # what an iteration's value is unless the journal says otherwise
        self.numbers = count(1)  # of iterations that are driven from outside
        self.successor: Loop | None = None  # the same loop in the run that followed
        self.place: Place | None = None  # in a `checkpointing` block


class Node:
    """One iteration of a loop, or (without a loop) the run level of one process.

    Made by `iteration_of` and by `loops.enter`: an `__init__` in Python would double its price.
    """

    __slots__ = ("ctx", "driven", "loop", "number", "occurrences", "value", "write")

    loop: Loop | None
    number: int  # counts from 1
    value: Any
    write: Write
    occurrences: "dict[str, Iterator[int]] | None"
    driven: dict[str, Loop] | None
    # The loop's number in the journal, or UNDECLARED until loop and value are written there.
    ctx: int

    @property
    def parent(self) -> "Node | None":
        """What the loop stands in."""
        return self.loop.parent if self.loop else None

    def next_occurrence(self, name: str) -> int:
        """Which loop of this name now starts in this iteration, from 1."""
        table = self.occurrences
        if table is None:
            with _FirstUse.lock:
                table = self.occurrences = self.occurrences or {}
        return next(table.setdefault(name, count(1)))

    def driven_loop(self, name: str) -> Loop:
        """The loop of this name in this iteration that is driven from outside."""
        with _FirstUse.lock:
            if self.driven is None:
                self.driven = {}
            if name not in self.driven:
                self.driven[name] = Loop(self, name)
            return self.driven[name]


class Root(Node):
    """The run level: where every stack ends."""

    __slots__ = ("__weakref__", "is_parents", "run")

    def __init__(self, write: Write) -> None:
        self.is_parents = False  # in a forked child: the stacks that end here are its parent's
        self.loop = self.occurrences = self.driven = None
        self.number, self.value, self.ctx = 0, MISSING, 0
        self.write = write
        self.run: ProcessRun | None = None  # opened by the first record


def iteration_of(loop: Loop, number: int, value: Any) -> Node:
    """An iteration of a loop; its value is simple, or MISSING."""
    node = Node()
    node.loop, node.number, node.value, node.write = loop, number, value, loop.parent.write
    node.occurrences = node.driven = None
    is_index = type(value) is int and value == number - 1
    is_known = is_index == loop.is_index and (is_index or value is MISSING)
    node.ctx = loop.id if is_known else UNDECLARED
    return node


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


def iterations_around(node: Node) -> "list[tuple[str, int]]":
    """The loops around a record and their iterations, from 1, outermost first."""
    return [(link.loop.name, link.number) for link in chain(node) if link.loop]


def moved(node: Node, root: Root) -> Node:
    """The same place in another run: the iterations that are under way go on there."""
    here: Node = root
    for link in chain(node):
        if link.loop:
            link.loop.successor = _continued(link.loop, here)
            here = iteration_of(link.loop.successor, link.number, link.value)
    return here


def _continued(loop: Loop, parent: Node) -> Loop:
    """The same loop below another parent."""
    is_driven = loop.parent.driven is not None and loop.parent.driven.get(loop.name) is loop
    fresh = parent.driven_loop(loop.name) if is_driven else Loop(parent, loop.name)
    fresh.numbers = loop.numbers
    return fresh


def following(loop: Loop) -> Loop:
    """The loop, or where this thread or task has moved to another run, the same loop there."""
    while loop.successor is not None and _is_here(loop.successor):
        loop = loop.successor
    return loop


def leave(loop: Loop) -> None:
    """Go back to the iteration around a loop, unless the stack has moved on without it."""
    loop = following(loop)
    node = current.get()
    while node is not None and node.loop is not loop:
        node = node.parent
    if node is not None:
        current.set(loop.parent)


def _is_here(loop: Loop) -> bool:
    node = current.get()
    return node is not None and root_of(node) is root_of(loop.parent)
