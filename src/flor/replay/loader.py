"""Rewrites the project's modules as they are imported; what Python shows of them stays as it was written."""

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import decode_source
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

from flor.checkpoints.frame_cells import nested_code
from flor.checkpoints.scope import Scope
from flor.replay.rewrite import Edit, rewrite
from flor.replay.sites import PACKAGES

_execute = SourceFileLoader.exec_module


def install(root: Path, edit: Edit | None = None) -> None:
    """From now on the modules below `root` are executed as rewritten, however they are imported.

    Set in Python's own loader, and not in finders: so it holds for reloads, editable installs and
    `spec_from_file_location` too, and no module shows another loader than before.
    """
    execution: Any = _Execution(Scope(root), edit)
    SourceFileLoader.exec_module = execution  # type: ignore[method-assign]


class _Execution:
    """In the place of `SourceFileLoader.exec_module`: that function, of a loader that gives rewritten code.

    So no frame of ours is on the stack while a module is executed. Python leaves its import system
    out of tracebacks and of the levels of warnings, but only where nothing else stands in between.
    """

    def __init__(self, scope: Scope, edit: Edit | None) -> None:
        self._scope, self._edit = scope, edit

    def __get__(self, loader: SourceFileLoader | None, owner: type | None = None) -> Callable[..., Any]:
        if loader is None:
            return _execute
        if not self._scope.has_file(os.fspath(loader.path)):
            return MethodType(_execute, loader)
        return MethodType(_execute, _Rewriting(loader, self._edit))


class _Rewriting:
    """What `exec_module` needs of a loader."""

    def __init__(self, loader: SourceFileLoader, edit: Edit | None) -> None:
        self._loader, self._edit = loader, edit

    def get_code(self, name: str) -> CodeType | None:
        # With the errors and warnings of the user's text, and its .pyc file.
        written = self._loader.get_code(name)
        return written and rewritten(self._loader, written, self._edit)


def _is_part_of_import(function: FunctionType) -> None:
    """Let a frame of this function count as one of Python's import system: an error goes through it."""
    filename = _execute.__code__.co_filename
    function.__code__ = function.__code__.replace(co_filename=filename)


_is_part_of_import(_Rewriting.get_code)  # type: ignore[arg-type]  # a function is what it is


def rewritten(loader: SourceFileLoader, written: CodeType, edit: Edit | None = None) -> CodeType:
    """The rewritten code of a module; its own where nothing needs to be rewritten, or nothing can be."""
    if not _is_concerned(written):
        return written
    try:
        return _rewritten(loader, os.fspath(loader.path), edit)
    # The last two: an import hook of the program's that takes nothing but text.
    except (OSError, RecursionError, SyntaxError, AttributeError, TypeError):
        return written


def _is_concerned(code: CodeType) -> bool:
    """Whether a module imports FlorDB, or has variables that closures share."""
    return any(
        each.co_cellvars or each.co_freevars or not _PACKAGES.isdisjoint(each.co_names)
        for each in (code, *nested_code(code))
    )


_PACKAGES = frozenset(PACKAGES)


def _rewritten(loader: SourceFileLoader, path: str, edit: Edit | None) -> CodeType:
    source = decode_source(loader.get_data(path))
    if type(loader).source_to_code is SourceFileLoader.source_to_code:
        return compiled(source, path, edit=edit)
    with _without_warnings():
        tree: Any = rewrite(source, path, edit=edit)
    return loader.source_to_code(tree, path)


def compiled(source: str, path: str, prologue: str = "", edit: Edit | None = None) -> CodeType:
    """The rewritten code of this text; its warnings were shown when it was compiled as it is.

    Raises:
        SyntaxError: the source is no Python.
    """
    with _without_warnings():
        code: CodeType = compile(rewrite(source, path, prologue, edit), path, "exec", dont_inherit=True)
        return code


class _Warnings:
    """Held while the filters of warnings are ours: several threads may import."""

    lock = threading.Lock()

    @classmethod
    def renew(cls) -> None:
        """In a forked child: the thread that held it is gone."""
        cls.lock = threading.Lock()


os.register_at_fork(after_in_child=_Warnings.renew)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Show no warnings of the compiler.

    `warnings.catch_warnings` would let each warning that the program has shown once be shown again.
    """
    with _Warnings.lock:
        kept, warnings.filters = warnings.filters, [("ignore", None, Warning, None, 0)]
        try:
            yield
        finally:
            warnings.filters = kept
