"""A probe is an observer: what its evaluation changes is found out and put back."""

import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from flor.checkpoints import randomness
from flor.checkpoints.compare import differences
from flor.checkpoints.environment import all_modes, global_generators
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
from flor.replay.marks import Mark

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
class Observers:
    """The probes of a process: what each was found to change.

    Args:
        tell: is told when a probe changes something, or raises.
    """

    scope: Scope
    tell: Callable[[Mark], None]
    _perturbs: dict[int, bool] = field(default_factory=dict)  # by line, once it was evaluated

    @contextmanager
    def watch(self, line: int, frame: FrameType, block: OpenBlock | None) -> Iterator[None]:
        """Evaluate a probe; random state and modes are put back, the rest of the state where it changes.

        An exception of the probe is told, and goes no further.
        """
        whole = None if self._perturbs.get(line) is False else self._whole(frame, block)
        generators, modes = _random_state(), {name: mode.read() for name, mode in all_modes().items()}
        try:
            yield
        except Exception as error:  # noqa: BLE001  (a probe of the user's; the other rows survive it)
            self.tell(Mark(raised=_in_short(error), raised_at=self._place(error, frame)))
            traceback.print_exc()
        finally:
            _put_back(generators, modes)
            if whole is not None:
                self._restore(line, whole, frame, block)

    def _place(self, error: BaseException, frame: FrameType) -> tuple[str, int]:
        """The line of the probe."""
        lines = [line for each, line in traceback.walk_tb(error.__traceback__) if each is frame]
        return self.scope.relative(frame.f_code.co_filename), lines[0] if lines else 0

    def _whole(self, frame: FrameType, block: OpenBlock | None) -> _Whole:
        live = live_names_of(self.scope)
        # A name that has no value yet may get one: lines that come with a probe bind names of their own.
        names = {
            id(each): names_bound_in(each).keys() & live(each) for each in project_frames(frame, self.scope)
        }
        walked = self._walk(frame, block, names)
        contents = [bytes(leaf.view()) for leaf in walked.leaves]
        hashes = [hash_of(memoryview(content)) for content in contents]
        return _Whole(walked.graph, hashes, dict(zip(hashes, contents, strict=True)), names)

    def _restore(self, line: int, whole: _Whole, frame: FrameType, block: OpenBlock | None) -> None:
        now = self._walk(frame, block, whole.names)
        hashes = [hash_of(leaf.view()) for leaf in now.leaves]
        found = differences(whole.graph, whole.hashes, now.graph, hashes, _MOST, allow_new_names=True)
        if not self._perturbs.get(line):
            self._perturbs[line] = bool(found)
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
        return walk(frames, block.objects if block else {}, self.scope, None)


def _random_state() -> list[tuple[Any, bytes]]:
    read = ((each, randomness.read(each)) for each in global_generators().values())
    return [(each, state) for each, state in read if state is not None]


def _put_back(generators: list[tuple[Any, bytes]], modes: Mapping[str, Any]) -> None:
    for generator, state in generators:
        if randomness.read(generator) != state:
            randomness.write(generator, state)
    for name, mode in all_modes().items():
        if name in modes and mode.read() != modes[name]:
            mode.set(modes[name])


def _in_short(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[0]
