"""Enters a program at a past moment: executes the way there, restores, and lets it go on."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

from flor.checkpoints.compare import Difference, differences
from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.frames import UNBOUND, FrameState, frames_of
from flor.checkpoints.graph import Graph
from flor.checkpoints.mentions import live_names_of
from flor.checkpoints.packs import hash_of
from flor.checkpoints.places import Blocks, Place, Role
from flor.checkpoints.reference import Reference
from flor.checkpoints.restore import restore
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore, Kept
from flor.checkpoints.walk import walk
from flor.checkpoints.walked import Walked
from flor.errors import ReentryRefused
from flor.project import Project
from flor.record import loops, tracked
from flor.record.arguments import as_type_of
from flor.record.context import Loop, Node, Root, chain, current, leave
from flor.record.keeper import Keeper, OpenBlock
from flor.record.session import NO_DEFAULT, Session
from flor.replay.binding import Names, user_frame
from flor.replay.reentry import Itinerary
from flor.replay.runtime import BlockIsOver

T = TypeVar("T")
_SEQUENCES = (list, tuple, range, str, bytes)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a program stands that has arrived: what a `Keeper` goes on with (see `Keeper.adopt`)."""

    blocks: Blocks
    opened: list[OpenBlock]  # the player's own list: a block that closes leaves it
    position: int  # of the next checkpoint: how many the process had kept when it stood here


@dataclass(slots=True)
class Player:
    """A session that takes a program to an entry point of a run; from there on it logs to `sink`.

    Args:
        kept: the checkpoints of the process that is entered again, by entry point.
        arguments: the run's inputs as they were recorded.
        sink: takes what is logged from the target on.
        on_arrival: told when the target is reached; the session it returns, if any, is `flor` from there on.
        on_refusal: told why the target cannot be reached, before that is raised.
        keeper: once it is set, on arrival, it takes the entry points that the program reaches.
    """

    itinerary: Itinerary
    kept: Mapping[EntryPoint, Kept]
    store: CheckpointStore
    scope: Scope
    arguments: Mapping[str, Any]
    sink: Callable[[Node, str, Any], None]
    on_arrival: Callable[[], Session | None] = lambda: None
    on_refusal: Callable[[Exception], None] = lambda _: None
    then: Session | None = None
    has_arrived: bool = False
    prefix_differences: list[Difference] = field(default_factory=list)
    keeper: Keeper | None = None
    _blocks: Blocks = field(default_factory=Blocks)
    _open: list[OpenBlock] = field(default_factory=list)
    _skipping: bool = False
    _is_ending: bool = False  # the item that was yielded stands for the end of a loop
    _over: str = ""  # how the loop that is over was left
    _left_at: int = 0
    _names: Names | None = None
    _root: Root = field(init=False)

    def __post_init__(self) -> None:
        self._root = Root(self._write)

    # -- what flor.* means -------------------------------------------------

    @property
    def recorded(self) -> Project | None:
        return self.then.recorded if self.then else None

    @property
    def run_level(self) -> Root:
        """Where the stacks of the program end."""
        return self._root

    def root(self) -> Root:
        if self.then:
            return self.then.root()
        current.set(self._root)
        return self._root

    def arg(self, name: str, default: Any) -> Any:
        if self.then:
            return self.then.arg(name, default)
        if name in self.arguments:
            return as_type_of(default, self.arguments[name])
        if default is NO_DEFAULT:
            raise ReentryRefused(f"The run has no argument {name!r}.")
        return default

    def loop(self, name: str, iterable: Iterable[T]) -> Iterator[T]:
        if self.then:
            return self.then.loop(name, iterable)
        node = current.get() or self.root()
        if not self._open:
            return loops.iterate(name, iterable, node)
        if self.keeper:
            return tracked.iterate(name, iterable, node, self.keeper)
        return self._tracked(name, iterable, node)

    def iteration(self, name: str, index: int | None, value: Any) -> AbstractContextManager[None]:
        if self.then:
            return self.then.iteration(name, index, value)
        return loops.driven(name, index, value, current.get() or self.root())

    def checkpointing(self, objects: dict[str, Any]) -> AbstractContextManager[None]:
        return self.then.checkpointing(objects) if self.then else self._checkpointing(objects)

    @contextmanager
    def _checkpointing(self, objects: Mapping[str, Any]) -> Iterator[None]:
        node = current.get() or self.root()
        around = [(link.loop.name, link.number) for link in chain(node) if link.loop]
        opened = OpenBlock(self._blocks.open(), objects, around)
        self._open.append(opened)
        try:
            yield
        finally:
            if self.keeper and opened is self.keeper.block:
                self.keeper.reach(opened.place.end(), sys._getframe(2))
            self._open.remove(opened)
            if self.keeper:
                self.keeper.termination.follow(is_open=bool(self._open))

    def adoptable(self) -> Standing:
        """What a `Keeper` goes on with from the target on. The running loops tell `keeper` of their headers.

        Call it when the player has arrived, and set `keeper` to the one that has adopted this.
        """
        target = self.kept.get(self.itinerary.target)
        for block in self._open:
            block.has_top = target is not None
        return Standing(self._blocks, self._open, target.manifest.position + 1 if target else 0)

    def commit(self) -> None:
        if self.then:
            return self.then.commit()
        raise ReentryRefused("flor.commit() ends a run; such a process cannot be entered again yet.")

    def close(self) -> None:
        if self.then:
            self.then.close()

    # -- what the rewritten program asks -----------------------------------

    def replace(self, line: int) -> bool:
        """Whether the nested loop that would begin here is over: its effect is restored now."""
        main = self._open[0].place.main if self._open and not self.has_arrived else None
        if main is None:
            return False
        number = self._open[0].place.number
        jump = self.itinerary.nested_jump(number, main.loop, main.reached, main.nested_begun)
        if jump is None:
            return False
        node = current.get() or self.root()
        Loop(node, str(self.kept[jump].manifest.facts["name"]))  # it counts as one that was executed
        self._open[0].place.loop_begins(main)
        with self._telling():
            self._restore(jump, user_frame())
        return True

    def ended_normally(self) -> bool:
        return self._over == "exhausted"

    def is_skipping(self, line: int) -> bool:
        return self._skipping

    def is_over(self, line: int) -> bool:
        is_over, self._is_ending = self._is_ending, False
        return is_over

    def names(self) -> dict[str, Any] | None:
        frame = user_frame()
        names = self._names
        if names is None or frame.f_code.co_qualname != names.qualname:
            return None
        return names.names if self.scope.relative(frame.f_code.co_filename) == names.filename else None

    def names_are_done(self) -> None:
        self._names = None

    def was_left_at(self, line: int) -> bool:
        return line == self._left_at

    def jump_is_done(self) -> None:
        return None

    # -- the way -----------------------------------------------------------

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.on_refusal(error)
            raise

    def _write(self, node: Node, name: str, value: Any) -> None:
        if self.has_arrived:
            self.sink(node, name, value)

    def _tracked(self, name: str, iterable: Iterable[Any], parent: Node) -> Iterator[Any]:
        """Iterate as the recorder does; at the headers on the way, jump and restore."""
        place = self._place(parent)
        around = Loop(parent, name)
        around.place = place
        number, how, is_jumped = 0, "", False
        try:
            iterator = iter(iterable)
            while True:
                entry = place.header()
                if self.keeper:
                    self.keeper.reach(entry, sys._getframe(1), {"name": name})
                elif place.role is Role.MAIN and not self.has_arrived:
                    with self._telling():
                        for skipped in self._header(place, iterator, iterable, sys._getframe(1)):
                            number += 1
                            current.set(Node(around, number, loops.simple(skipped)))
                            yield skipped
                            place.header()
                    if self._is_ending:
                        is_jumped = True
                        yield None  # the rewritten loop ends as it was recorded to end
                        return
                try:
                    item = next(iterator)
                except StopIteration:
                    how = tracked.EXHAUSTED
                    return
                number += 1
                current.set(Node(around, number, loops.simple(item)))
                yield item
                del item
        finally:
            leave(around)
            if self.keeper and not is_jumped:
                facts = {"name": name, "iterations": number}
                tracked.ended(self.keeper, place, sys._getframe(1), facts, how)
            else:
                place.ended(is_left=True)

    def _place(self, parent: Node) -> Place:
        around = (link.loop.place for link in reversed(chain(parent)) if link.loop and link.loop.place)
        block = self._open[0]
        inside = next((place for place in around if place.block is block.place), None)
        place = block.place.loop_begins(inside)
        if place.role is Role.MAIN:
            block.reference = None
        return place

    def _header(
        self, place: Place, iterator: Iterator[Any], iterable: Iterable[Any], frame: FrameType
    ) -> Iterator[Any]:
        """At the header of a main loop on the way: the items that are only counted, then a restore."""
        block, number = self._open[0], self._open[0].place.number
        if place.reached == 0:
            self._look(block, frame)
            if jump := self.itinerary.block_jump(number):
                self._restore(jump, frame)
                raise BlockIsOver
            if jump := self.itinerary.loop_jump(number, place.loop):
                self._restore(jump, frame)
                self._is_ending = True
                return
            first = self.itinerary.first_iteration(number, place.loop)
            if first:
                yield from self._skip(first, iterator, iterable)
                self._restore(first, frame)
                _set_position(iterator, first.iteration)
        here = EntryPoint("top", number, place.loop, place.reached)
        if self.itinerary.is_reached_at(here):
            self._arrive()

    def _skip(self, first: EntryPoint, iterator: Iterator[Any], iterable: Iterable[Any]) -> Iterator[Any]:
        if type(iterable) not in _SEQUENCES:
            raise ReentryRefused(
                f"{first} stands in a loop over {type(iterable).__name__}, which is no sequence."
            )
        self._skipping = True
        for _ in range(first.iteration):
            yield None
        self._skipping = False

    def _look(self, block: OpenBlock, frame: FrameType) -> None:
        """Walk the state at the first header: by it the objects are known that stay the same.

        What the way there made differently (an unseeded model, a set in another order) is put back
        as it was recorded.
        """
        main = block.place.main
        top = EntryPoint("top", block.place.number, main.loop if main else 0, 0)
        walked = self._walk(block, frame)
        block.reference = Reference.of(walked)
        if top in self.kept:
            self.prefix_differences += self._differences(top, walked)
            if self.prefix_differences:
                self._restore(top, frame)
                block.reference = Reference.of(self._walk(block, frame))

    def _restore(self, entry: EntryPoint, frame: FrameType) -> None:
        block = self._open[0]
        manifest = self.kept[entry].manifest
        graph = Graph.from_bytes(self.store.content(manifest.graph))
        walked = self._walk(block, frame)
        hashes = [leaf.hash for leaf in manifest.leaves]
        restored = restore(graph, hashes, self.store.content, walked, block.reference, _hashes(walked))
        if restored.refused:
            first = restored.refused[0]
            raise ReentryRefused(f"{entry} cannot be restored: {first.path}: {first.reason}")
        self._bind(restored.names, frame)
        self._over, self._left_at = str(manifest.facts.get("how", "")), int(manifest.facts.get("line", 0))
        if self.itinerary.target == entry:
            self._arrive()

    def _bind(self, names: Sequence[Mapping[str, Any]], frame: FrameType) -> None:
        """Names of a module are bound in its dict; those of a function by the function itself."""
        bound = {name: value for name, value in names[-1].items() if value is not UNBOUND}
        if frame.f_code.co_qualname == "<module>":
            for name in names[-1].keys() - bound.keys():
                frame.f_globals.pop(name, None)
            frame.f_globals.update(bound)
            return
        filename = self.scope.relative(frame.f_code.co_filename)
        self._names = Names(filename, frame.f_code.co_qualname, bound)

    def _walk(self, block: OpenBlock, frame: FrameType) -> Walked:
        frames: Sequence[FrameState] = frames_of(frame, self.scope, live_names_of(self.scope))
        return walk(frames, block.objects, self.scope, block.reference)

    def _differences(self, entry: EntryPoint, walked: Walked) -> list[Difference]:
        manifest = self.kept[entry].manifest
        graph = Graph.from_bytes(self.store.content(manifest.graph))
        return differences(graph, [leaf.hash for leaf in manifest.leaves], walked.graph, _hashes(walked))

    def _arrive(self) -> None:
        if not self.has_arrived:
            self.has_arrived = True
            self.then = self.on_arrival()


def _hashes(walked: Walked) -> list[str]:
    return [hash_of(leaf.view()) for leaf in walked.leaves]


def _set_position(iterator: Iterator[Any], position: int) -> None:
    set_position = getattr(iterator, "__setstate__", None)
    if set_position is None:
        raise ReentryRefused(f"The position of {type(iterator).__name__} cannot be set.")
    set_position(position)


def by_entry(kept: Iterable[Kept]) -> dict[EntryPoint, Kept]:
    """Checkpoints by their entry points."""
    return {parse(one.manifest.entry): one for one in kept}
