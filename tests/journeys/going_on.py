"""A process that goes on with a run from a moment that it reaches by itself, without restoring anything."""

import json
import textwrap
from dataclasses import dataclass

import pyarrow as pa

from flor.entities import Run, RunId
from flor.runs import supersede
from flor.runs.supersede import Superseded
from workplace import Started, Workplace

TRAIN = """
    import os, signal, sys, flor
    lr = flor.arg("lr", 0.1)
    for epoch in flor.loop("epoch", range(5)):
        for step in flor.loop("step", range(3)):
            flor.log("loss", lr / (1 + epoch * 3 + step))
        flor.log("accuracy", 10.0 * epoch)
        if epoch == 3 and "die" in sys.argv:
            flor.log("late", True)
            for step in flor.loop("extra", "ab"):
                flor.log("more", step)
            os.kill(os.getpid(), signal.SIGKILL)
"""

BEGIN = """
    import sys
    import flor
    from flor.record import opening, reopening, session
    from flor.record.context import Root
    from flor.record.keeper import Keeper
    from flor.record.recorder import RecordingSession
    from flor.runs.catalog import Catalog
    from flor.runs.layout import Layout

    project = opening.project_of_process()
    run = Catalog.open(Layout(project.home)).find(sys.argv.pop(1))
    opened = reopening.reopen(project, run, int(sys.argv[1]), lambda *_: None, entry="0/0 top(3)")
    root = Root(opened.spool.write)
    recording = RecordingSession(project)
    session.install(recording)
    recording.go_on(root, opened, Keeper.of(opened))
"""

REST = """
    lr = 0.1
    for epoch in range(int(sys.argv[2]), int(sys.argv[3])):
        with flor.iteration("epoch", epoch, epoch):
            for step in flor.loop("step", range(3)):
                flor.log("loss", lr / (1 + epoch * 3 + step))
            flor.log("accuracy", 10.0 * epoch)
"""


@dataclass(frozen=True)
class GoingOn:
    """A run of `train.py` that was killed in its fourth epoch, and what goes on with it."""

    place: Workplace
    id: RunId

    @classmethod
    def killed(cls, place: Workplace, script: str = TRAIN) -> "GoingOn":
        place.write("train.py", script)
        place.python("train.py", "die", code=-9)
        return cls(place, place.catalog().runs[-1].run)

    def run(self) -> Run:
        return self.place.catalog().find(self.id)

    def seq_after(self, name: str, epoch: int) -> int:
        """Of the last record of this name in an epoch, counting from 1."""
        return next(row.seq for row in self.place.rows(name)[::-1] if row.name == name and row.it[0] == epoch)

    def mark(self, after_epoch: int = 3) -> Superseded:
        """Let the run end after an epoch."""
        seq = self.seq_after("accuracy", after_epoch)
        return supersede.mark(self.place.layout, self.id, 0, 0, seq)

    def go_on(self, first_seq: int, *arguments: object, code: int = 0, script: str = REST) -> str:
        """Go on in a process of its own, to its end; what it says of errors."""
        return self.place.python(*self.command(script, first_seq, *arguments), code=code).stderr

    def start(self, first_seq: int, script: str) -> Started:
        """Go on in the background."""
        return self.place.start(*self.command(script, first_seq))

    def command(self, script: str, *arguments: object, before: str = "") -> list[str]:
        """What Python is given to go on."""
        parts = (before, BEGIN, script)
        self.place.write("go_on.py", "".join(map(textwrap.dedent, parts)))
        return ["go_on.py", self.id, *map(str, arguments)]


def plain(table: pa.Table) -> list[tuple[object, ...]]:
    """Records as tuples of path, iterations, name, and value."""
    return [
        (
            row["path"],
            tuple(row["it"]),
            row["name"],
            row["vf"] if row["vf"] is not None else json.dumps(row["vs"]),
        )
        for row in table.to_pylist()
    ]
