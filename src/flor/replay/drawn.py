"""Random generators around a probe: what they were before it, which of them it drew from, and put back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from flor.checkpoints import randomness
from flor.checkpoints.environment import global_generators
from flor.checkpoints.paths import Paths
from flor.checkpoints.walked import Walked

_MOST = 100
"""So many generators of a program's own are looked at around each evaluation."""
_OF_NUMPY = ("._bit_generator", ".bit_generator")
"""What has the state of a generator of numpy, which is what a person knows."""


@dataclass(frozen=True, slots=True)
class State:
    """A generator as it was."""

    name: str
    generator: Any
    content: bytes


@dataclass(slots=True)
class Generators:
    """The random generators that a probe may draw from: the global ones, and those that a walk reached."""

    _own: list[tuple[str, Any]] = field(default_factory=list)

    def learn(self, walked: Walked) -> None:
        """Those of the program's own that this walk reached; they take the place of those known before."""
        numbers = _generators_in(walked)[:_MOST]
        found = [walked.objects[number] for number in numbers]
        if list(map(id, found)) != [id(generator) for _, generator in self._own]:
            paths = Paths.readable(walked.graph)
            names = (_name(paths.text(number)) for number in numbers)
            self._own = list(zip(names, found, strict=True))

    def states(self) -> list[State]:
        """Each as it is now."""
        every = [*global_generators().items(), *self._own]
        read = ((name, each, randomness.read(each)) for name, each in every)
        return [State(name, each, content) for name, each, content in read if content is not None]


def put_back(states: Sequence[State]) -> Iterator[str]:
    """Make generators what they were; the names of those that were not."""
    for each in states:
        if randomness.read(each.generator) != each.content:
            randomness.write(each.generator, each.content)
            yield each.name


def _generators_in(walked: Walked) -> list[int]:
    """The nodes of all but the global ones."""
    known = {id(part) for each in global_generators().values() for part in _parts(each)}
    nodes = enumerate(walked.graph.nodes)
    kinds = randomness.KINDS
    return [at for at, node in nodes if node.kind in kinds and id(walked.objects[at]) not in known]


def _parts(generator: Any) -> tuple[Any, ...]:
    """The objects that have the state of a global generator."""
    return (generator, getattr(generator, "_bit_generator", None))


def _name(path: str) -> str:
    return next((path.removesuffix(end) for end in _OF_NUMPY if path.endswith(end)), path)
