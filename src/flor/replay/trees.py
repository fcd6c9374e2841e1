"""Syntax trees of the texts that a replay reads: of each text one. Pure; nobody changes a tree."""

import ast
import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

MARK = "\ufeff"
"""What a text in UTF-8 may begin with, which is no part of it."""


@lru_cache(64)  # a large file takes megabytes
def parsed(text: str) -> ast.Module:
    """The syntax tree, without the warnings that its strings may deserve.

    Raises:
        SyntaxError: it is no Python, or none that this interpreter reads.
    """
    with warnings.catch_warnings(), uncollected():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text.removeprefix(MARK))
        except (ValueError, RecursionError, MemoryError) as error:  # NUL bytes; nested too deeply
            raise SyntaxError(str(error)) from error


def readable(text: str) -> ast.Module | None:
    """The same; None where it cannot be read."""
    try:
        return parsed(text)
    except SyntaxError:
        return None


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: trees are none, and while they grow are looked through all the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
