"""What cannot be kept, and what need not be: each with its reason."""

import _thread
import threading
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flor.checkpoints.graph import Node
from flor.checkpoints.kinds import Kind, fill_nothing
from flor.checkpoints.layouts import module_of, mro_of, qualname_of

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

_LIBRARIES = {
    "multiprocessing": "it belongs to other processes",
    "concurrent": "it belongs to a pool of workers",
    "socket": "it is a connection",
    "ssl": "it is a connection",
    "http": "it is a connection",
    "urllib3": "it is a connection",
    "requests": "it is a connection",
    "sqlite3": "it is a connection",
    "duckdb": "it is a connection",
    "selectors": "it is a connection",
    "subprocess": "it is another process",
    "asyncio": "it belongs to an event loop",
    "ctypes": "it is C memory",
    "_ctypes": "it is C memory",
    "mmap": "it is a file in memory",
    "queue": "it is shared with other threads",
    "_queue": "it is shared with other threads",
    "contextvars": "it belongs to a context",
    "_contextvars": "it belongs to a context",
    "hashlib": "it cannot be copied",
    "_hashlib": "it cannot be copied",
    "matplotlib": "it is a figure",
    "plotly": "it is a figure",
}
_OUTPUTS = (
    "flor", "logging", "tqdm", "wandb", "mlflow", "tensorboard", "tensorboardX", "torch.utils.tensorboard",
    "torch._dynamo", "torch._inductor", "torch._functorch", "IPython", "ipykernel", "typing", "importlib",
    "_frozen_importlib", "_frozen_importlib_external", "inspect", "warnings")  # fmt: skip
"""What a program computes nothing with: its own records, outputs of trackers, and the machinery of Python."""


def _read_opaque(reason: str) -> Callable[["Walk", Any], Node]:
    def read(walk: "Walk", thing: Any) -> Node:
        walk.opaque(reason)
        return Node("opaque", walk.ref(type(thing)))

    return read


def _make_lost(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return rebuild.stand_in(number, "it was opaque when the checkpoint was taken")


def opaque(reason: str) -> Kind:
    """Objects that cannot be kept; the live one stays."""
    return Kind("opaque", _read_opaque(reason), _make_lost, fill_nothing)


def _read_outside(walk: "Walk", thing: Any) -> Node:
    return Node("outside", walk.ref(type(thing)))


def _make_outside(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return rebuild.stand_in(number, "it is no part of the state")


def _read_failed(walk: "Walk", thing: Any) -> Node:
    return Node("opaque", walk.ref(type(thing)))


def _read_lock(walk: "Walk", thing: Any) -> Node:
    if _is_held(thing):
        return HELD.read(walk, thing)
    return Node("lock", meta=qualname_of(type(thing)))


def _is_held(thing: Any) -> bool:
    return repr(thing).startswith("<locked")


def _make_lock(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return threading.Lock() if node.meta == qualname_of(_LOCK) else threading.RLock()


def by_module(cls: type) -> Kind | None:
    """The kind of classes that are told by their module: opaque ones, and those outside the state."""
    if _is_within(module_of(cls), _OUTPUTS):
        return OUTSIDE
    for each in mro_of(cls):
        reason = _LIBRARIES.get(module_of(each).partition(".")[0])
        if reason:
            return opaque(reason)
    return None


def _is_within(module: str, libraries: tuple[str, ...]) -> bool:
    return any(module == library or module.startswith(library + ".") for library in libraries)


_LOCK: Any = _thread.LockType
OUTSIDE = Kind("outside", _read_outside, _make_outside, fill_nothing)
HELD = opaque("it is a lock that is held")
LOCK = Kind("lock", _read_lock, _make_lock, fill_nothing, same_meta=True)
OPAQUE = opaque("it keeps state in C memory")
TOO_MANY = opaque("the program holds too many objects")
FAILED = Kind("opaque", _read_failed, _make_lost, fill_nothing)
GENERATOR = opaque("it is a generator")
THREAD = opaque("it is a thread")
FRAME = opaque("it is a running frame")

TYPES: dict[type, Kind] = {
    types.GeneratorType: GENERATOR,
    types.CoroutineType: opaque("it is a coroutine"),
    types.AsyncGeneratorType: GENERATOR,
    types.FrameType: FRAME,
    types.TracebackType: FRAME,
    _LOCK: LOCK,
    type(threading.RLock()): LOCK,
    threading.Thread: THREAD,
    threading.local: opaque("each thread has its own"),
    types.CodeType: OUTSIDE,
}
