"""Which names of running frames are live: of a script, also the globals that other code may read."""

from collections.abc import Collection
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

from flor.checkpoints.frame_cells import nested_code
from flor.checkpoints.frames import Live
from flor.checkpoints.library_writes import body_of
from flor.checkpoints.liveness import assigned_names, is_dynamic, is_module, live_names
from flor.checkpoints.scope import Scope


def live_names_of(scope: Scope, also: frozenset[str] = frozenset()) -> Live:
    """A function that says which names of a frame can still be read where it stands.

    Args:
        also: local names of functions that count as read in any case.
    """

    def live(frame: FrameType) -> Collection[str]:
        code = frame.f_code
        if not is_module(code):
            return live_names(code, frame.f_lasti) | (assigned_names(code) & also)
        mentioned = _mentioned(scope, frame)
        bound = frame.f_globals
        if mentioned is None or is_dynamic(code):
            return {name for name in bound if not name.startswith("__")} | live_names(code, frame.f_lasti)
        return live_names(code, frame.f_lasti, mentioned) | {name for name in mentioned if name in bound}

    return live


def _mentioned(scope: Scope, frame: FrameType) -> frozenset[str] | None:
    """Names that other code of the project mentions; None where some of it reaches names by text."""
    found: set[str] = set()
    for code in nested_code(frame.f_code):
        if is_dynamic(code):
            return None
        found |= mentioned_by(code)
    for names in scope.modules().values():
        if names is not frame.f_globals:
            body = _body(names.get("__loader__"))
            if body is None:
                return None
            found |= body
    return frozenset(found)


@lru_cache(maxsize=4096)
def mentioned_by(code: CodeType) -> frozenset[str]:
    """The names in the code itself, also those in text: `getattr(module, "name")`."""
    texts = (each for each in code.co_consts if isinstance(each, str) and each.isidentifier())
    return frozenset((*code.co_names, *texts))


@lru_cache(maxsize=1024)
def _body(loader: Any) -> frozenset[str] | None:
    """The names in all code of a loaded module."""
    body = body_of(loader)
    if body is None:
        return None
    return frozenset().union(*(mentioned_by(code) for code in (body, *nested_code(body))))
