"""A flor that only listens: it keeps nothing, and writes down what the program says.

It shares no code with FlorDB. A script that runs with it behaves as if there were no FlorDB at all,
so the file named by EXACTNESS_HEARD holds what the *program* says: one JSON line for each record.
"""

import atexit
import json
import os
import sys
import threading
from contextlib import contextmanager


class _Place(threading.local):
    """Where a thread is: the iterations around it, outermost first."""

    def __init__(self):
        self.stack = [_Iteration(None, "", 0, 0, None)]


class _Iteration:
    def __init__(self, parent, name, occurrence, number, value):
        self.parent, self.name, self.occurrence = parent, name, occurrence
        self.number, self.value = number, value
        self.loops = {}  # name -> how many loops of this name have begun in here
        self.driven = {}  # name -> [occurrence, last number] of loops driven from outside

    def begin(self, name):
        self.loops[name] = self.loops.get(name, 0) + 1
        return self.loops[name]


_place = _Place()
_heard = []
_arguments = {}


def _take_kwargs():
    if "--kwargs" not in sys.argv:
        return {}
    start = stop = sys.argv.index("--kwargs")
    stop += 1
    while stop < len(sys.argv) and not sys.argv[stop].startswith("-"):
        stop += 1
    pairs = [token.partition("=") for token in sys.argv[start + 1 : stop]]
    del sys.argv[start:stop]
    return {name: value for name, _, value in pairs}


_given = _take_kwargs()


def _cast(text, default):
    if isinstance(default, bool):
        return text.lower() in ("true", "yes", "1")
    return type(default)(text) if isinstance(default, (int, float)) else text


def _simple(value):
    if type(value).__module__ == "numpy" and not getattr(value, "shape", None):
        value = value.item()
    return _written(value) if isinstance(value, (str, int, float)) else None


def _written(value):
    """The value as [type, text], every bit of it."""
    if hasattr(value, "tolist"):
        value = value.tolist()  # of an array, a tensor or a number of numpy's
    if value is None or isinstance(value, (bool, int, str)):
        return [type(value).__name__, str(value)]
    if isinstance(value, float):
        return ["float", value.hex()]
    if isinstance(value, (list, tuple)):
        return ["list", [_written(item) for item in value]]
    if isinstance(value, dict):
        return ["dict", [[_written(key), _written(item)] for key, item in value.items()]]
    raise TypeError(f"the scripts of the matrix log no {type(value).__name__}")


def _hear(source, name, value):
    stack = _place.stack[1:] if source == "log" else []  # an argument belongs to the run
    around = [
        {"name": level.name, "occurrence": level.occurrence, "number": level.number, "value": level.value}
        for level in stack
    ]
    _heard.append({"source": source, "name": name, "value": _written(value), "around": around})


def log(name, value):
    _hear("log", name, value)
    return value


def arg(name, default=None):
    if name not in _arguments:
        _arguments[name] = _cast(_given[name], default) if name in _given else default
        _hear("arg", name, _arguments[name])
    return _arguments[name]


def loop(name, iterable):
    around = list(_place.stack)
    occurrence = around[-1].begin(name)
    try:
        for number, item in enumerate(iterable, 1):
            _place.stack = [*around, _Iteration(around[-1], name, occurrence, number, _simple(item))]
            yield item
    finally:
        _place.stack = around


@contextmanager
def iteration(name, index, value):
    around = list(_place.stack)
    driven = around[-1].driven.setdefault(name, [0, 0])
    driven[0] = driven[0] or around[-1].begin(name)
    driven[1] += index is None
    number = driven[1] if index is None else index + 1
    _place.stack = [*around, _Iteration(around[-1], name, driven[0], number, _simple(value))]
    try:
        yield
    finally:
        _place.stack = around


@contextmanager
def checkpointing(**objects):
    yield


@atexit.register
def _write_down():
    with open(os.environ["EXACTNESS_HEARD"], "a", encoding="utf-8") as out:
        out.writelines(json.dumps(record) + "\n" for record in _heard)
