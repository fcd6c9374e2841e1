"""One probe with all that puts it into its old file."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flor.replay.probes import Probe
from flor.replay.propagation import splicing
from flor.replay.propagation.importing import Import
from flor.replay.propagation.placing import Place
from flor.replay.propagation.refusing import Refused
from flor.replay.propagation.splicing import Edit
from flor.replay.propagation.statements import Module
from flor.replay.trees import parsed


@dataclass(frozen=True)
class Planned:
    """One probe with the edits that put it into its old file."""

    probe: Probe
    module: Module
    edits: tuple[Edit, ...]
    main: Edit  # the one with the call
    row: int  # which line of that edit's text the call stands on, from 0
    score: float
    hash: str
    brought: tuple[str, ...]

    @property
    def carried(self) -> list[Edit]:
        """The edits that only come along."""
        return [edit for edit in self.edits if edit is not self.main and edit.is_line]


def edit_at(place: Place, text: str, order: tuple[int, ...], has_room: bool = False) -> Edit:
    """The edit that puts a statement at a place.

    Raises:
        Refused: there is no room for it.
    """
    if place.block.is_elif and place.index == 0:
        raise Refused("its place is before an `elif`")
    edit = splicing.insertion(place.block, place.index, text, order, has_room)
    if edit is None:
        raise Refused("its place is on the line of another statement, where it has no room")
    return edit


def import_edits(imports: Sequence[Import], place: Place) -> list[Edit]:
    """The edits that put imports in."""
    return [edit_at(place, each.line, (-1,)) for each in imports]


def path(place: Place) -> str:
    """Where a place is in the old version's tree."""
    return f"{place.block.module.filename}:{'/'.join(reversed(list(_steps(place))))}"


def _steps(place: Place) -> Iterator[str]:
    yield f"{place.block.field}{place.index}"
    owner = place.block.owner
    while owner is not None:
        yield f"{owner.block.field}{owner.position}"
        owner = owner.parent


def hash_of(said: Sequence[str]) -> str:
    """The hash of what was put in, by its meaning and place."""
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]


def check(plan: Planned) -> None:
    """The old file must still be Python afterwards, and hold the new text in its encoding.

    Raises:
        Refused: it would not.
    """
    try:
        for text in splicing.changed_regions(plan.module, plan.edits):
            parsed(text)
    except SyntaxError as error:
        raise Refused(f"it cannot be put there: {error.msg}") from error
    encoding = plan.module.text.encoding
    try:
        for edit in plan.edits:
            edit.text.encode(encoding)
    except (UnicodeEncodeError, LookupError) as error:
        raise Refused(
            f"{plan.module.filename} of this version is in {encoding}, which cannot hold it"
        ) from error
