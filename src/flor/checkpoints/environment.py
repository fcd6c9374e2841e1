"""What surrounds the program and changes its results: global random generators, modes, cwd and os.environ."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from flor.checkpoints import settings

_ENVIRON = Path("/proc/self/environ")


class Mode(NamedTuple):
    """A setting of the process: a simple value, read and set by a library's functions."""

    read: Callable[[], Any]
    set: Callable[[Any], Any]


class Modes:
    """The settings of the process; an empty marker, that the walk reads as MODES."""

    __slots__ = ()

    def read(self) -> dict[str, Any]:
        """Each setting and its value now."""
        return {name: mode.read() for name, mode in all_modes().items()}


def all_modes() -> dict[str, Mode]:
    """The settings of the libraries that are loaded."""
    modes = {
        "cwd": Mode(_cwd, os.chdir),
        "environ": Mode(_changed_environ, _set_environ),
        "limits": Mode(settings.recursion_and_digits, settings.set_recursion_and_digits),
        "collector": Mode(settings.collector, settings.set_collector),
        "decimal": Mode(settings.decimal_context, settings.set_decimal_context),
        "locale": Mode(settings.conventions, settings.set_conventions),
    }
    if "torch" in sys.modules:
        from flor.checkpoints.tensors.modes import torch_modes

        modes |= torch_modes()
    if "numpy" in sys.modules:
        modes["numpy.errors"] = Mode(_numpy_errors, _set_numpy_errors)
        modes["numpy.printing"] = Mode(settings.numpy_printing, settings.set_numpy_printing)
    return modes


def global_generators() -> dict[str, Any]:
    """The random generators behind the functions of `random`, `numpy.random` and torch, where loaded."""
    found: dict[str, Any] = {}
    if "random" in sys.modules:
        found["random"] = sys.modules["random"]._inst
    if "numpy" in sys.modules:
        # numpy loads it, and seeds it by chance, when it is first asked for: no later than now.
        found["numpy"] = import_module("numpy.random").mtrand._rand
    torch: Any = sys.modules.get("torch")
    if hasattr(torch, "default_generator"):
        found["torch"] = torch.default_generator
    # Those of devices only where the program has initialised them: to ask would do it.
    cuda = getattr(torch, "cuda", None)
    if cuda is not None and cuda.is_initialized():
        found |= {f"cuda:{place}": each for place, each in enumerate(cuda.default_generators)}
    return found


def _cwd() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


@cache
def first_environ() -> Mapping[bytes, bytes]:
    """The environment this process was started with; never kept, as it may hold secrets."""
    try:
        lines = _ENVIRON.read_bytes().split(b"\0")
    except OSError:
        return dict(os.environb)
    return {name: value for name, found, value in (line.partition(b"=") for line in lines) if found}


@cache
def _put_back() -> set[bytes]:
    """Variables that count as changed however this process found them: they were where its state is from."""
    return set()


def _changed_environ() -> tuple[tuple[bytes, bytes | None], ...]:
    """What the program changed in its environment; None for what it removed."""
    # The dict behind it, where there is one: to ask for each variable takes a call.
    first, now = first_environ(), getattr(os.environb, "_data", os.environb)
    if first == now and not _put_back():
        return ()
    names = {name for name in first.keys() | now.keys() if first.get(name) != now.get(name)}
    return tuple((name, now.get(name)) for name in sorted(names | _put_back()))


def _set_environ(changed: tuple[tuple[bytes, bytes | None], ...]) -> None:
    _put_back().clear()
    _put_back().update(name for name, _ in changed)
    wanted: dict[bytes, bytes | None] = {**first_environ(), **dict(changed)}
    for name in os.environb.keys() - wanted.keys():
        del os.environb[name]
    for name, value in wanted.items():
        if value is None:
            os.environb.pop(name, None)
        elif os.environb.get(name) != value:
            os.environb[name] = value


def _numpy_errors() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(sys.modules["numpy"].geterr().items()))


def _set_numpy_errors(state: tuple[tuple[str, str], ...]) -> None:
    sys.modules["numpy"].seterr(**dict(state))
