"""The public functions. Each is a few lines: it asks the current session, or the readers below."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from flor.record import session
from flor.record.context import current as _current
from flor.record.session import NO_DEFAULT

if TYPE_CHECKING:
    pass

T = TypeVar("T")

__all__ = ["HOMEDIR", "arg", "checkpointing", "commit", "dataframe", "io", "iteration", "log", "loop", "query", "utils"]

_node = _current.get


def log(name: str, value: T) -> T:
    """Record `value` under `name` at this point of the run, and return it unchanged.

    Any value is taken; what cannot be kept is kept as its `repr`, with one warning per name.
    """
    node = _node()
    if node is None:
        node = session.current().root()
    node.write(node, name, value)
    return value


def arg(name: str, default: Any = NO_DEFAULT) -> Any:
    """The value of a named input of the run: from `--kwargs`, else the default. It is recorded.

    A value from the command line is cast to the type of the default.

    Raises:
        ArgumentNotSet: there is neither a value nor a default.
        BadArgument: the value on the command line cannot be cast.
    """
    return session.current().arg(name, default)


def loop(name: str, iterable: Iterable[T]) -> Iterator[T]:
    """Iterate over `iterable` with a named context and a progress bar. Nests to any depth."""
    return session.current().loop(name, iterable)


def iteration(name: str, index: int | None, value: Any) -> AbstractContextManager[None]:
    """One iteration of a loop that the script does not drive itself, as a context manager.

    Args:
        name: the loop's name.
        index: the iteration, counting from 0; None takes the next number.
        value: what is iterated, shown in the column `<name>_value` if it is simple.
    """
    return session.current().iteration(name, index, value)


def checkpointing(**objects: Any) -> AbstractContextManager[None]:
    """Keep the training state of these objects while the context is open."""
    return session.current().checkpointing(objects)


def commit() -> None:
    """End the current run here; the next record starts a new one."""
    session.current().commit()
