"""Functions that call each other, a library between them."""

import functools
from collections.abc import Callable
from typing import Any

Probe = Callable[[], None]


class Inner:
    def run(self, _: Any, probe: Any) -> Any:
        own = (each for each in ())
        probe()
        later = [own]
        return later[0]


def outer(probe: Probe, source: Any = None) -> Any:
    value = 1
    return functools.reduce(Inner().run, [probe], value)


def sharing(probe: Probe) -> Any:
    shared = [1]

    def get() -> Any:
        return shared

    probe()
    return get()
