"""Which names of running code can still be read: dataflow over its bytecode. Pure.

A name that every path assigns before reading is no state: without this, each checkpoint would hold the last
batch and its activations.
"""

import dis
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from types import CodeType
from typing import NamedTuple

_ACCESS = re.compile(r"(LOAD|STORE|DELETE)_(?:FAST|NAME|GLOBAL)")
_ENDS = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT"})
_JUMPS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "JUMP_ABSOLUTE"})
_DYNAMIC = frozenset({"locals", "globals", "vars", "eval", "exec", "dir", "_getframe", "currentframe"})
_FUNCTIONS = frozenset({"locals", "globals", "vars", "eval", "exec", "dir"})
"""Of these, builtin functions: `model.eval()` is none."""


_SET_ASIDE = "LOAD_FAST_AND_CLEAR"
"""From Python 3.12 a comprehension sets a variable of its name aside, and puts it back after a SWAP."""
_PUTS_BACK = frozenset({"SWAP", "STORE_FAST", "STORE_FAST_STORE_FAST"})


class _Step(NamedTuple):
    """What one instruction does to names, in its order, and where control goes from it."""

    reads: frozenset[str]  # before the instruction itself assigns them
    kills: frozenset[str]
    next: tuple[int, ...]
    handlers: tuple[int, ...]  # reached when the instruction raises: before it has assigned anything


def live_names(code: CodeType, offset: int, mentioned: Collection[str] = ()) -> frozenset[str]:
    """The names that some path from the instruction at `offset` may read before assigning.

    Variables that closures share are always live. Of the body of a module the names are its globals: there,
    those that other code of the project mentions are live too.
    """
    if is_dynamic(code):
        return assigned_names(code)
    live = _live_in(code)
    # Of a frame that waits for a call, `f_lasti` is in the cache behind the instruction.
    here = live[max(start for start in live if start <= offset)]
    if is_module(code):
        found = here | frozenset(mentioned)
        return frozenset(name for name in found & assigned_names(code) if not _is_dunder(name))
    local = frozenset(code.co_varnames)
    return (here & local) | frozenset(code.co_cellvars) | frozenset(code.co_freevars)


@lru_cache(maxsize=1024)
def is_dynamic(code: CodeType) -> bool:
    """Whether the code may reach its names by text, so that all of them count as read."""
    found = _DYNAMIC.intersection(code.co_names)
    if not found or found - _FUNCTIONS or "builtins" in code.co_names:
        return bool(found)
    named = (each for each in dis.get_instructions(code) if str(each.argval) in found)
    return any(each.opname not in ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR") for each in named)


def is_module(code: CodeType) -> bool:
    """Whether the code is the body of a module."""
    return code.co_name == "<module>"


@lru_cache(maxsize=1024)
def assigned_names(code: CodeType) -> frozenset[str]:
    """The names that the code itself gives a value; of a function all of its variables."""
    if not is_module(code):
        return frozenset((*code.co_varnames, *code.co_cellvars, *code.co_freevars))
    stored = (each for each in dis.get_instructions(code) if each.opname in ("STORE_NAME", "STORE_GLOBAL"))
    return frozenset(str(each.argval) for each in stored)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


@lru_cache(maxsize=1024)
def _live_in(code: CodeType) -> dict[int, frozenset[str]]:
    """Before each instruction, the names that may be read before they are assigned."""
    steps = _steps(code)
    live = dict.fromkeys(steps, frozenset[str]())
    before: dict[int, list[int]] = {offset: [] for offset in steps}
    for offset, step in steps.items():
        for target in (*step.next, *step.handlers):
            before[target].append(offset)
    waiting = list(steps)
    while waiting:
        offset = waiting.pop()
        found = _before(steps[offset], live)
        if found != live[offset]:
            live[offset] = found
            waiting += before[offset]
    return live


def _before(step: _Step, live: dict[int, frozenset[str]]) -> frozenset[str]:
    after: frozenset[str] = frozenset().union(*(live[target] for target in step.next))
    raised: frozenset[str] = frozenset().union(*(live[target] for target in step.handlers))
    return (after - step.kills) | step.reads | raised


def _steps(code: CodeType) -> dict[int, _Step]:
    instructions = list(dis.get_instructions(code))
    set_aside = {str(each.argval) for each in instructions if each.opname == _SET_ASIDE}
    handlers = list(_exception_table(code.co_exceptiontable))
    following = [each.offset for each in instructions[1:]]
    found = {}
    for place, each in enumerate(instructions):
        targets = [int(each.argval)] if each.opcode in dis.hasjrel or each.opcode in dis.hasjabs else []
        if each.opname not in _ENDS and each.opname not in _JUMPS and place < len(following):
            targets.append(following[place])
        reads, kills = accesses(each)
        if place and instructions[place - 1].opname in _PUTS_BACK:
            kills -= set_aside
        raised = tuple(target for start, end, target in handlers if start <= each.offset < end)
        found[each.offset] = _Step(reads, kills, tuple(targets), raised)
    return found


def accesses(instruction: dis.Instruction) -> tuple[frozenset[str], frozenset[str]]:
    """Names read before they are assigned, and names assigned, by one instruction: it may do two things."""
    actions = _ACCESS.findall(instruction.opname)
    if not actions or instruction.opname == _SET_ASIDE:
        return frozenset(), frozenset()
    argument = instruction.argval
    names = argument if isinstance(argument, tuple) else (argument,) * len(actions)
    reads: set[str] = set()
    kills: set[str] = set()
    for action, name in zip(actions, names, strict=False):
        # Deleting a name that has no value raises: so it reads it.
        if action != "STORE" and name not in kills:
            reads.add(name)
        if action != "LOAD":
            kills.add(name)
    return frozenset(reads), frozenset(kills)


def _exception_table(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Start, end and handler of each guarded range, in bytes (CPython: exception_handling_notes.txt)."""
    numbers = _varints(data)
    for start in numbers:
        length, target, _ = next(numbers), next(numbers), next(numbers)
        yield 2 * start, 2 * (start + length), 2 * target


def _varints(data: bytes) -> Iterator[int]:
    value = 0
    for byte in data:
        value = value << 6 | byte & 0x3F
        if not byte & 0x40:
            yield value
            value = 0
