"""What a kind of object is made of: how it is read, made anew, and filled in place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flor.checkpoints.graph import Node

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """How objects of one kind are read and put back."""

    name: str
    read: Callable[["Walk", Any], Node]
    make: Callable[["Rebuild", int, Node], Any]
    fill: Callable[["Rebuild", int, Node, Any], None] | None = None
    """None: such an object cannot be changed. It is made of its parts once these are there, and the live one
    stays where its parts are the very same."""
    named: Callable[["Walk", Any], str | None] | None = None
    """The library thing's name, if it is one; such a thing is no node."""
    same_meta: bool = False
    """The live object is the one only if its `meta` is the same: that part cannot be changed."""
    always_new: bool = False
    """The live object never is the one as it is, even if all that is read of it is the same."""
    parts_first: bool = False
    """Filling hashes what it holds: the rest is filled first."""


def fill_nothing(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    """Leave the live object as it is."""
