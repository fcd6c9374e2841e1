"""A probe is an observer: what its evaluation changes is found out and put back."""

import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from flor.checkpoints.compare import differences
from flor.checkpoints.environment import all_modes
from flor.checkpoints.frames import frames_of, names_bound_in, project_frames
from flor.checkpoints.graph import Graph
from flor.checkpoints.mentions import live_names_of
from flor.checkpoints.packs import hash_of
from flor.checkpoints.restore import restore
from flor.checkpoints.scope import Scope
from flor.checkpoints.walk import walk
from flor.checkpoints.walked import Walked
from flor.errors import ReentryRefused
from flor.record.keeper import OpenBlock
from flor.replay import drawn
from flor.replay.drawn import Generators
from flor.replay.edits import Brought
from flor.replay.marks import Mark
from flor.replay.probes import MODULE

_MOST = 100
"""So many of the things that a probe changes are told."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """The state before a probe, with all of its bytes."""

    graph: Graph
    hashes: list[str]
    content: Mapping[str, bytes]
    names: Mapping[int, Collection[str]]  # that were looked at, by id of the frame


@dataclass(slots=True)
class _Probe:
    """What is known of a probe."""

    generators: Generators = field(default_factory=Generators)  # as of when the whole state was read last
    perturbs: bool | None = None  # whether it changes more than random states and modes; None: not known yet


@dataclass(slots=True)
class Observers:
    """The probes of a process: what each was found to change.

    Args:
        tell: is told when a probe changes something, draws random numbers, or raises.
        brought: names that came with probes: what they alone lead to is the probes' own.
    """

    scope: Scope
    tell: Callable[[Mark], None]
    brought: Brought = field(default_factory=dict)
    is_evaluating: bool = False
    drawn: set[str] = field(default_factory=set)  # generators that probes drew from
    _probes: dict[tuple[str, int], _Probe] = field(default_factory=dict)  # by file and line

    @contextmanager
    def watch(self, line: int, frame: FrameType, block: OpenBlock | None) -> Iterator[None]:
        """Evaluate a probe; random state and modes are put back, the rest of the state where it changes.

        An exception of the probe is told, and goes no further.
        """
        probe = self._probes.setdefault((frame.f_code.co_filename, line), _Probe())
        whole = None if probe.perturbs is False else self._whole(probe, frame, block)
        generators = probe.generators.states()
        modes = {name: mode.read() for name, mode in all_modes().items()}
        was_evaluating, self.is_evaluating = self.is_evaluating, True
        try:
            yield
        except Exception as error:  # noqa: BLE001  (a probe of the user's; the other rows survive it)
            self.tell(Mark(raised=_in_short(error), raised_at=self._place(error, frame)))
            traceback.print_exc()
        finally:
            self.is_evaluating = was_evaluating
            self._tell_of_draws(list(drawn.put_back(generators)))
            _set_back(modes)
            if whole is not None:
                self._restore(probe, whole, frame, block)

    def _tell_of_draws(self, names: list[str]) -> None:
        """Each generator once, at whichever evaluation it is: there may be a million."""
        fresh = [name for name in names if name not in self.drawn]
        if fresh:
            self.drawn.update(fresh)
            self.tell(Mark(draws=fresh))

    def _place(self, error: BaseException, frame: FrameType) -> tuple[str, int]:
        """The line of the probe."""
        lines = [line for each, line in traceback.walk_tb(error.__traceback__) if each is frame]
        return self.scope.relative(frame.f_code.co_filename), lines[0] if lines else 0

    def _whole(self, probe: _Probe, frame: FrameType, block: OpenBlock | None) -> _Whole:
        live = live_names_of(self.scope)
        # A name that has no value yet may get one: lines that come with a probe bind names of their own.
        names = {
            id(each): (names_bound_in(each).keys() & live(each)).difference(self._brought(each.f_code))
            for each in project_frames(frame, self.scope)
        }
        walked = self._walk(frame, block, names)
        probe.generators.learn(walked)
        contents = [bytes(leaf.view()) for leaf in walked.leaves]
        hashes = [hash_of(memoryview(content)) for content in contents]
        return _Whole(walked.graph, hashes, dict(zip(hashes, contents, strict=True)), names)

    def _restore(self, probe: _Probe, whole: _Whole, frame: FrameType, block: OpenBlock | None) -> None:
        now = self._walk(frame, block, whole.names)
        hashes = [hash_of(leaf.view()) for leaf in now.leaves]
        found = differences(whole.graph, whole.hashes, now.graph, hashes, _MOST, allow_new_names=True)
        if not probe.perturbs:
            probe.perturbs = bool(found)
            if found:
                self.tell(Mark(perturbs=[each.path for each in found]))
        if found:
            self._put_all_back(whole, now, hashes)

    def _put_all_back(self, whole: _Whole, now: Walked, hashes: list[str]) -> None:
        restored = restore(whole.graph, whole.hashes, whole.content.__getitem__, now, None, hashes)
        if restored.refused:
            first = restored.refused[0]
            raise ReentryRefused(f"What a probe changed cannot be put back: {first.path}: {first.reason}")

    def _walk(
        self, frame: FrameType, block: OpenBlock | None, names: Mapping[int, Collection[str]]
    ) -> Walked:
        """The state; of each frame these names, though one may be used no more behind the probe."""
        frames = frames_of(frame, self.scope, lambda each: names[id(each)])
        objects = block.objects if block else {}
        return walk(frames, objects, self.scope, left_out=self._brought_to)

    def _brought(self, code: CodeType) -> Collection[str]:
        return self.brought.get((self.scope.relative(code.co_filename), code.co_qualname), ())

    def _brought_to(self, module: Mapping[str, Any]) -> Collection[str]:
        return self.brought.get((self.scope.relative(str(module.get("__file__"))), MODULE), ())


def _set_back(modes: Mapping[str, Any]) -> None:
    for name, mode in all_modes().items():
        if name in modes and mode.read() != modes[name]:
            mode.set(modes[name])


def _in_short(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[0]
