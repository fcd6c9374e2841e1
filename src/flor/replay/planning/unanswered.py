"""What of a replay is left to do: what earlier ones answered is not asked again. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

Loop = tuple[int, int]
"""A main loop of a run: block and loop."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an earlier replay of a run looked at, "no row here" included."""

    probe: str  # hash of the statement as it was carried into the version
    iterations: Collection[int] | None = None  # of its only main loop, from 0; None: all, and what is around


@dataclass(frozen=True, slots=True)
class Left:
    """What is left to ask of a run."""

    iterations: Mapping[Loop, tuple[int, ...]] | None  # None: all
    is_outside_wanted: bool

    @property
    def is_nothing(self) -> bool:
        """Whether everything is answered."""
        return self.has_no_iterations and not self.is_outside_wanted

    @property
    def has_no_iterations(self) -> bool:
        """Whether every iteration is answered."""
        return self.iterations is not None and not any(self.iterations.values())


def left(
    wanted: Mapping[Loop, Collection[int]] | None, probes: Collection[str], answers: Iterable[Answer]
) -> Left:
    """What of the wanted iterations has no answer yet for one of the probes.

    A changed probe has another hash: it is asked again, everywhere. Of a run with several main loops only a
    whole answer is taken for one.
    """
    known = [answer for answer in answers if answer.probe in probes]
    if probes and all(
        any(one.probe == probe and one.iterations is None for one in known) for probe in probes
    ):
        return Left({}, False)
    if wanted is None or len(wanted) != 1:
        return Left(
            None if wanted is None else {key: tuple(sorted(its)) for key, its in wanted.items()}, True
        )
    [(key, iterations)] = wanted.items()
    done = [_answered(probe, known) for probe in probes]
    missing = [at for at in sorted(iterations) if not all(at in each for each in done)] if done else []
    return Left({key: tuple(missing)}, True)


def _answered(probe: str, known: Iterable[Answer]) -> set[int]:
    """The iterations that are answered for one probe."""
    return {at for one in known if one.probe == probe and one.iterations is not None for at in one.iterations}
