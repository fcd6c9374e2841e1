"""Functions that remember what they returned: `functools.lru_cache` and `cache`.

What they remember is state: a function that draws, counts, or makes something to be changed returns another
thing once it has forgotten. Python shows it to the garbage collector only, and lets it grow only by calls.
"""

import gc
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, repeat
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.graph import Node
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import getter, namespace_of

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk


def _forget() -> None:
    """Has a cache to be looked at."""


CACHE: type = type(lru_cache(_forget))
_attributes = getter(CACHE, "__dict__")
_info: Callable[[Any], tuple[int, int, int | None, int]] = CACHE.cache_info  # type: ignore[attr-defined]
_clear: Callable[[Any], None] = CACHE.cache_clear  # type: ignore[attr-defined]
_PARAMETERS = "cache_parameters"
_UNREADABLE = "what the function remembers cannot be read"


class _Held(NamedTuple):
    """What the garbage collector sees of a cache."""

    entries: list[tuple[Any, Any]]
    function: Any
    between: Any
    """Stands between the positional and the named arguments of a key."""


def _held(thing: Any) -> _Held | None:
    """The oldest entry first. None where this Python keeps it otherwise than it is known to."""
    seen = gc.get_referents(thing)[1:]
    *listed, content, function, between, _, _, attributes = seen if len(seen) > 5 else [None] * 6
    if type(content) is not dict or type(between) is not object or attributes is not _attributes(thing):
        return None
    entries = list(zip(listed[::3], listed[1::3], strict=False)) if listed else list(content.items())
    is_whole = len(entries) == len(content) == _info(thing)[3] and len(listed) % 3 == 0
    return _Held(entries, function, between) if is_whole else None


def _name(walk: "Walk", thing: Any) -> str | None:
    """The name of a library's function: what it remembers is that library's own business."""
    function: Any = (_attributes(thing) or {}).get("__wrapped__")
    module = function.__module__ if type(function) is FunctionType else None
    if type(module) is not str or module in walk.project_modules or module not in sys.modules:
        return None
    return f"{module}:{function.__qualname__}" if _stands_at(thing, module, function.__qualname__) else None


def _stands_at(thing: Any, module: str, qualname: str) -> bool:
    """Whether the name is the cache's: a program may also remember for a function of a library's."""
    found: Any = sys.modules[module]
    for name in qualname.split("."):
        names = namespace_of(found) if issubclass(type(found), type) else getattr(found, "__dict__", {})
        found = names.get(name)
    return found is thing


def _read(walk: "Walk", thing: Any) -> Node:
    """The function, how often it was asked, and each call that is remembered: arguments, then the result."""
    held, typed = _held(thing), _is_typed(thing)
    if held is None or typed is None:
        walk.opaque(_UNREADABLE)
        return Node("opaque", walk.ref(type(thing)))
    hits, misses, maxsize, _ = _info(thing)
    forms, values = [], []
    for key, result in held.entries:
        given, names = _arguments(key, held.between, typed)
        forms.append((len(given) - len(names), *names))
        values += [*given, result]
    refs, blob = walk.refs([held.function, (hits, misses), dump(forms), _attributes(thing), *values])
    return Node("function cache", meta=dump((maxsize, typed)), refs=refs, blob=blob)


def _is_typed(thing: Any) -> bool | None:
    """Whether `3` and `3.0` are different arguments: only a function made beside the cache knows."""
    asked = (_attributes(thing) or {}).get(_PARAMETERS)
    if type(asked) is not FunctionType or asked.__module__ != "functools":
        return None
    cells = dict(zip(asked.__code__.co_freevars, asked.__closure__ or (), strict=True))
    typed = cells["typed"].cell_contents if "typed" in cells else None
    return bool(typed) if isinstance(typed, int) else None


def _arguments(key: Any, between: Any, typed: bool) -> tuple[list[Any], list[str]]:
    """The values that a key was made of, positional ones first, and the names of the others."""
    if type(key) is not tuple:
        return [key], []
    place = next((place for place, each in enumerate(key) if each is between), None)
    if place is None:
        return list(key[: len(key) // 2] if typed else key), []
    named = key[place + 1 :]
    count = 2 * (len(named) - place) // 3 if typed else len(named)
    return [*key[:place], *named[1:count:2]], list(named[:count:2])


def _make(rebuild: "Rebuild", number: int, node: Node) -> Any:
    maxsize, typed = load(node.meta)
    return lru_cache(maxsize, typed)(rebuild.named(number, "function"))


def _fill(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    function, (hits, misses), forms, attributes, *values = rebuild.values(number)
    held = _held(thing)
    if held is None or held.function is not function:
        rebuild.refuse(number, "it remembers the results of another function")
        return
    if _attributes(thing) is not attributes:
        _attributes(thing).clear()
        _attributes(thing).update(attributes)
    calls = list(_calls(load(forms), iter(values)))
    if not _remember(thing, function, calls, hits, misses):
        rebuild.refuse(number, "its function cannot be kept from being executed")


class _Call(NamedTuple):
    """A call that is remembered."""

    given: list[Any]
    named: dict[str, Any]
    result: Any


def _calls(forms: Sequence[tuple[Any, ...]], values: Iterator[Any]) -> Iterator[_Call]:
    for count, *names in forms:
        given = list(islice(values, count))
        yield _Call(given, dict(zip(names, values, strict=False)) if names else {}, next(values))


def _remember(thing: Any, function: Any, calls: list[_Call], hits: int, misses: int) -> bool:
    """Have the cache learn the results by calls, in whose place the function's code is another for a moment.

    Calls that raise count as missed and are not remembered.
    """
    plain = function.__func__ if type(function) is MethodType else function
    if type(plain) is not FunctionType or misses < len(calls):
        return False
    results = iter([each.result for each in calls])
    code = plain.__code__
    _clear(thing)
    try:
        plain.__code__ = _answering(_raise, len(code.co_freevars))
        _miss(thing, misses - len(calls))
        plain.__code__ = _answering(lambda: next(results), len(code.co_freevars))
        for each in calls:
            thing(*each.given, **each.named)
    finally:
        plain.__code__ = code
    if hits:
        deque(_again(thing, calls[-1], hits), maxlen=0)
    return True


def _again(thing: Any, call: _Call, hits: int) -> Iterator[Any]:
    """The newest entry stays the newest."""
    return (thing(*call.given, **call.named) for _ in repeat(None, hits))


def _miss(thing: Any, count: int) -> None:
    for _ in repeat(None, count):
        try:
            thing(object())
        except _Missed:
            continue


class _Missed(Exception):
    """Ends a call that is only counted."""


def _raise() -> None:
    raise _Missed


_ANSWER = "what is called"
_STAND_IN = """
def running():
    {bound}
    def stand_in(*given, **named):
        answer = {answer!r}
        return answer()
        return {read}
"""


def _answering(answer: Callable[[], Any], free: int) -> CodeType:
    """Code for a function of so many free variables that returns what `answer` does, whatever it is given."""
    cells = [f"cell_{place}" for place in range(free)]
    bound, read = " = ".join([*cells, "0"]), ", ".join([*cells, "0"])
    text = _STAND_IN.format(bound=bound, read=read, answer=_ANSWER)
    code = _code_in(_code_in(compile(text, __file__, "exec")))
    return code.replace(co_consts=tuple(answer if each == _ANSWER else each for each in code.co_consts))


def _code_in(code: CodeType) -> CodeType:
    return next(each for each in code.co_consts if type(each) is CodeType)


FUNCTION_CACHE = Kind("function cache", _read, _make, _fill, _name, same_meta=True, parts_first=True)
