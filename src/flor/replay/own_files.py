"""Files of a run that is resumed: first as at its start, then as at the moment it goes on from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flor.entities import Run
from flor.replay import outputs
from flor.replay.outputs import Held, PutBack
from flor.replay.rewinding import Act, Plan
from flor.runs import files
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """What has to be done with the files that a run has written."""

    at_start: Held
    at_entry: Held

    @classmethod
    def of(cls, run: Run, entry: Mapping[str, Any] | None, root: Path, layout: Layout) -> "OwnFiles":
        """Save what stands in them; nothing is changed.

        Args:
            entry: what the manifest of the moment says of files; {} for the start of the run.

        Raises:
            StoreError: it cannot be saved.
        """
        outputs.fetch(run, root, layout)
        known = files.of(run)
        others = outputs.written_by_others(Catalog.open(layout, seal=False), run)
        before = outputs.plan(known, {}, root, layout, others)
        reset = {action.path for action in before.actions}
        decided = outputs.plan(known, entry, root, layout, others)
        actions = [replace(one, may_be_reset=True) if one.path in reset else one for one in decided.actions]
        held = outputs.hold(Plan(tuple(actions), decided.unknown), root, layout, runs_before=True)
        return cls(outputs.hold(before, root, layout), held)

    def restored(self) -> frozenset[str]:
        """The files that get back what stood in them when the run read them."""
        plans = (self.at_start.plan, self.at_entry.plan)
        return frozenset(path for plan in plans for path in plan.paths(Act.RESTORE))

    def rewind(self) -> None:
        """Make them what they were when the run began: its beginning may read them."""
        self.at_start.carry_out()

    def put_back(self) -> PutBack:
        """Make them what they were at the moment that the run goes on from."""
        return self.at_entry.carry_out()

    def undo(self) -> None:
        """Make them what they were when somebody asked for the run to be resumed."""
        self.at_start.give_back()
        self.at_entry.give_back()
