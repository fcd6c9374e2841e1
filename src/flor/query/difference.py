"""What differs between two runs, as a value. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flor.entities import Run


class Missing(Enum):
    """Stands where one of the two runs has no such thing."""

    MISSING = ""

    def __str__(self) -> str:
        return self.value


MISSING = Missing.MISSING

_MEASURED = frozenset({"peak_memory_bytes"})


@dataclass(frozen=True, slots=True)
class Pair:
    """One named thing in both runs."""

    name: str
    left: Any
    right: Any

    @property
    def differs(self) -> bool:
        """Whether the two are not the same: type and every bit count, and NaN equals NaN."""
        return repr(self.left) != repr(self.right)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs side by side."""

    left: Run
    right: Run
    code: str | None  # unified diff; None where one of them has no code version that can be read
    arguments: tuple[Pair, ...]
    environment: tuple[Pair, ...]
    values: tuple[Pair, ...]


def compare(left: Run, right: Run, code: str | None) -> Difference:
    """The two runs side by side, in the order in which names were first used."""
    return Difference(
        left,
        right,
        code,
        pairs(left.args, right.args),
        pairs(_conditions(left), _conditions(right)),
        pairs(left.values, right.values),
    )


def _conditions(run: Run) -> dict[str, Any]:
    """What surrounded the run, without what was measured of it."""
    return flattened({name: fact for name, fact in run.environment.items() if name not in _MEASURED})


def pairs(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Pair, ...]:
    """One pair for each name of either side."""
    names = dict.fromkeys([*left, *right])
    return tuple(Pair(name, left.get(name, MISSING), right.get(name, MISSING)) for name in names)


def flattened(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The mapping without levels: `{"packages": {"numpy": "2"}}` is `{"packages.numpy": "2"}`."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(flattened(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat
