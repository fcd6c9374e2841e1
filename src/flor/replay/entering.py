"""The first statement of a program that is run again: sets up what Python had set up the first time."""

import importlib
import os
import runpy
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from flor.checkpoints.scope import Scope
from flor.replay import (
    edits,
    first_import,
    job,
    loader,
    relocating,
    runtime,  # noqa: F401  (the program imports it before it imports flor)
)
from flor.replay.job import Invocation, Job
from flor.replay.mapping import Relocation
from flor.replay.rewrite import Edit

Details = tuple[str, ModuleSpec, CodeType]


def begin(path: str) -> None:
    """Be the program of the job in this file, from the next statement on."""
    given = job.read(Path(path))
    invocation = job.parse(given.orig_argv)
    edit = edits.of_job(given)
    _set_main(invocation, Scope(Path(given.root)), edit)
    loader.install(Path(given.root), edit)
    _relocate(given)
    _prepare(given)
    # Late: until here no module of the program's stands in the way of one that we import.
    _set_path(invocation)
    sys.orig_argv[:] = given.orig_argv
    first_import.await_it(["-m" if invocation.is_module else invocation.name, *invocation.arguments])


def file_of(invocation: Invocation) -> str:
    """The script's path as `__file__` has it: Python joins, and does not normalise."""
    return os.path.join(os.getcwd(), invocation.name)


def _set_main(invocation: Invocation, scope: Scope, edit: Edit | None) -> None:
    if invocation.is_module:
        _rewrite_details(scope, edit)
        return
    main: Any = sys.modules["__main__"]
    main.__file__ = file_of(invocation)
    main.__loader__ = SourceFileLoader("__main__", main.__file__)


def _rewrite_details(scope: Scope, edit: Edit | None) -> None:
    """Let `python -m` find the rewritten code of the module, once."""
    python: Any = runpy
    written: Callable[..., Details] = python._get_module_details

    def details(name: str, error: type[Exception]) -> Details:
        python._get_module_details = written
        found, spec, code = written(name, error)
        if isinstance(spec.loader, SourceFileLoader) and scope.has_file(spec.loader.path):
            code = loader.rewritten(spec.loader, code, edit)
        return found, spec, code

    python._get_module_details = details


def _relocate(given: Job) -> None:
    if given.relocation:
        relocating.apply(Relocation.of(given.relocation))


def _prepare(given: Job) -> None:
    if given.prepare:
        module, _, name = given.prepare.partition(":")
        getattr(importlib.import_module(module), name)(given)


def _set_path(invocation: Invocation) -> None:
    """`sys.path[0]`: so far the folder of our own file, or of `-c`."""
    if not sys.flags.safe_path:
        script = os.path.realpath(invocation.name)
        sys.path[0] = os.getcwd() if invocation.is_module else os.path.dirname(script)
