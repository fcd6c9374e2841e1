"""How the items of a loop are drawn: what has to be done to draw again from where a loop stood."""

import gc
import itertools
import sys
from enum import Enum
from typing import Any

_SEQUENCES = (list, tuple, range, str, bytes, bytearray)
_EMPTY: tuple[Any, ...] = ([], (), range(0), range(1 << 99), "", "é", b"", bytearray())
_BY_POSITION: Any = type("ByPosition", (), {"__getitem__": None})
_POSITIONED = frozenset(type(iter(each)) for each in (*_EMPTY, _BY_POSITION()))
"""Iterators of builtin sequences, and of anything that is asked for its items by position."""

_VIEWS: tuple[Any, ...] = ({}, {}.keys(), {}.values(), {}.items())
_MAPPING_VIEWS = tuple(type(each) for each in _VIEWS)
_OVER_MAPPINGS = frozenset(type(turn(each)) for each in _VIEWS[1:] for turn in (iter, reversed))
_WITHOUT_SOURCE = (
    *(itertools.count, itertools.repeat, itertools.product, itertools.permutations),
    *(itertools.combinations, itertools.combinations_with_replacement),
)
_OVER_ITERATORS: tuple[Any, ...] = (
    *(enumerate, zip, itertools.islice, itertools.cycle, itertools.pairwise, type(reversed([]))),
)
"""Iterators in C that draw from others, and call nothing of the program's."""


class Draw(Enum):
    """What a loop is over."""

    POSITION = "position"  # a sequence: any position can be set
    AGAIN = "again"  # drawn again, it gives the same, whatever the program does meanwhile
    STATES = "states"  # each draw may use random numbers, and what the program does


def how_drawn(iterable: Any, iterator: Any = None) -> Draw:
    """How the items of an iterable are drawn.

    Args:
        iterator: what `iter` made of it, if that is not hidden behind a progress bar.
    """
    is_bare_sequence = iterator is None and type(iterable) in _SEQUENCES
    if is_bare_sequence or type(iterator) in _POSITIONED:
        return Draw.POSITION
    return Draw.AGAIN if _is_same_again(iterable) or _is_steady(iterator) else Draw.STATES


def _is_same_again(iterable: Any) -> bool:
    if type(iterable) in _SEQUENCES or type(iterable) in _MAPPING_VIEWS:
        return True
    if type(iterable).__module__.partition(".")[0] == "tqdm" and hasattr(iterable, "iterable"):
        return _is_same_again(iterable.iterable)
    return _is_steady(iterable) or _is_plain_loader(iterable)


def _is_steady(iterator: Any) -> bool:
    """Whether an iterator draws from nothing but sequences, mappings and counters."""
    kind = type(iterator)
    if kind in _POSITIONED or kind in _OVER_MAPPINGS or kind in _WITHOUT_SOURCE:
        return True
    if kind not in _OVER_ITERATORS:
        return False
    return all(_is_source(each) for each in _parts(iterator))


def _parts(iterator: Any) -> list[Any]:
    """What an iterator in C refers to; the iterators of `zip` stand in a tuple."""
    found: list[Any] = []
    for each in gc.get_referents(iterator):
        found += each if type(iterator) is zip and type(each) is tuple else [each]
    return found


def _is_source(part: Any) -> bool:
    """Whether a part of an iterator is one that may be drawn again, or none at all."""
    return not hasattr(type(part), "__next__") or _is_steady(part)


def _is_plain_loader(iterable: Any) -> bool:
    """A DataLoader over a map-style dataset whose order is drawn by torch's own samplers."""
    data: Any = sys.modules.get("torch.utils.data")
    if data is None or not issubclass(type(iterable), getattr(data, "DataLoader", ())):
        return False
    try:
        samplers = (iterable.sampler, iterable.batch_sampler)
        is_map = iterable._dataset_kind == data._DatasetKind.Map
        return bool(is_map) and all(each is None or _is_torchs(each) for each in samplers)
    except Exception:  # noqa: BLE001  (a subclass of the program's own; observing must not break training)
        return False


def _is_torchs(sampler: Any) -> bool:
    """Whether a sampler draws random numbers only when it begins: torch's own do."""
    kind = type(sampler)
    if not kind.__module__.startswith("torch.utils.data"):
        return kind in _SEQUENCES
    if hasattr(sampler, "sampler"):
        return _is_torchs(sampler.sampler)
    return kind.__name__ != "RandomSampler" or sampler.generator is None or not _draws_on(sampler)


def _draws_on(sampler: Any) -> bool:
    """Whether a RandomSampler draws more numbers as it goes on."""
    return bool(sampler.replacement or sampler.num_samples > len(sampler.data_source))
