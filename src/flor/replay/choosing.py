"""Which kept state of a run is asked for: `epoch=3` is that after the third iteration. Pure."""

from collections.abc import Mapping, Sequence

from flor.checkpoints import naming
from flor.checkpoints.entry import parse
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.points import of_rank
from flor.errors import CheckpointNotFound, FlorError

Context = Mapping[str, int]
"""Of a main loop how many iterations are over; of loops around it, which iteration is meant."""


def choose(kept: Sequence[Manifest], run: str, context: Context, rank: int = 0) -> Manifest:
    """The state that is asked for, of one rank; without a context the newest.

    Raises:
        CheckpointNotFound: it was not kept; the message names the nearest that was.
        FlorError: the context stands for several.
    """
    mine = of_rank(kept, rank)
    mine.sort(key=lambda each: each.position)
    names = naming.main_loops(mine)
    places = [_place(each, names) for each in mine]
    # Only loops around are named: whatever was kept last in that iteration.
    is_around = context.keys().isdisjoint(names.values())
    asked = [dict(each.around) for each in mine] if is_around else places
    found = [each for each, place in zip(mine, asked, strict=True) if _agrees(place, context)]
    if not found:
        raise CheckpointNotFound(run, told(context) or "any moment", _nearest(places, context))
    _refuse_several(found, run, context)
    return found[-1]


def told(context: Context) -> str:
    """`fold=2, epoch=3`."""
    return ", ".join(f"{name}={number}" for name, number in context.items())


def _place(manifest: Manifest, names: Mapping[naming.MainLoop, str]) -> dict[str, int]:
    """Where the run stood between iterations of a main loop; {} inside of one, and elsewhere."""
    point = parse(manifest.entry)
    name, over = names.get((point.block, point.loop)), manifest.facts.get("iterations")
    if point.kind == "top":
        over = point.iteration
    if name is None or over is None or point.kind not in ("top", "done"):
        return {}
    return {**dict(manifest.around), name: over}


def _agrees(place: Context, context: Context) -> bool:
    return all(place.get(name) == number for name, number in context.items())


def _nearest(places: Sequence[Context], context: Context) -> str:
    """The place before the wanted one, else the first behind it; "" where nothing was kept."""
    known = [place for place in places if place]
    alike = [place for place in known if context.keys() <= place.keys()] or known
    before = [
        place for place in alike if all(place.get(name, 0) <= number for name, number in context.items())
    ]
    nearest = before[-1] if before else next(iter(alike), {})
    return told(nearest)


def _refuse_several(found: Sequence[Manifest], run: str, context: Context) -> None:
    """Raise if the states found stand in several iterations of loops around."""
    around = {tuple(each.around): each.around for each in found}
    if context and len(around) > 1:
        first = told(dict(next(iter(around.values()))))
        raise FlorError(
            f"{told(context)} of run {run} stands for {len(around)} states.",
            f"Say which: {first}, for example.",
        )
