"""Where a walk begins: frames, registered objects, globals, random states, modes; in this order.

Frames stand first: a caller's local cannot be bound anew, so it must be the one that claims the live object.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flor.checkpoints.environment import Modes, all_modes, global_generators
from flor.checkpoints.frames import OURS, FrameState
from flor.checkpoints.library_writes import written_by

_MODULE_NAMES = frozenset(
    {
        "__builtins__", "__name__", "__doc__", "__package__", "__loader__", "__spec__",
        "__file__", "__cached__",
        "__path__", "__annotations__", "__annotate__", "__conditional_annotations__", "__warningregistry__",
    }
)  # fmt: skip


LeftOut = Callable[[Mapping[str, Any]], Collection[str]]
"""Which of a module's globals are no state."""


def nothing(names: Mapping[str, Any]) -> Collection[str]:
    """All of them are."""
    return ()


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Names and what they are bound to: registered objects, or the globals of a module."""

    names: Mapping[str, Any]
    bound: dict[str, Any] = field(default_factory=dict)  # the module's own dict, to be filled


@dataclass(frozen=True, slots=True, eq=False)
class Roots:
    """Everything a walk begins with, by label."""

    parts: Mapping[str, Any]


def roots_of(
    frames: Sequence[FrameState],
    registered: Mapping[str, Any],
    modules: Mapping[str, dict[str, Any]],
    left_out: LeftOut = nothing,
) -> Roots:
    """The roots of one walk. A module whose body is running is a frame: its names stand there."""
    parts: dict[str, Any] = {
        f"{place}:{frame.filename}:{frame.qualname}": frame for place, frame in enumerate(frames)
    }
    running = {frame.module for frame in frames if frame.is_module}
    parts["registered"] = Names(dict(sorted(registered.items())))
    for module, bound in modules.items():
        if module not in running:
            parts[f"module {module}"] = Names(_state_names(bound, left_out(bound)), bound)
    bodies = {frame.module: frame.code for frame in frames if frame.is_module}
    parts["library"] = written_by(modules, bodies, frozenset(all_modes()))
    parts["random"] = Names(global_generators())
    parts["modes"] = Modes()
    return Roots(parts)


def _state_names(bound: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    kept = sorted(bound.keys() - _MODULE_NAMES - set(left_out))
    return {name: bound[name] for name in kept if not name.startswith(OURS)}
