"""What a run recorded after the moment it is gone on from: taken off, and kept to be compared."""

from dataclasses import dataclass

from flor.checkpoints.entry import parse
from flor.checkpoints.store import CheckpointStore, Kept
from flor.entities import Run
from flor.replay.resumption import START, Candidate
from flor.runs import supersede
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from flor.runs.supersede import Superseded


@dataclass(frozen=True, slots=True)
class Tail:
    """What was taken off a run."""

    records: Superseded
    first_position: int  # of the checkpoints to come
    arguments: frozenset[str]  # inputs of the run that are left


def cut(layout: Layout, run: Run, at: Candidate, rank: int = 0) -> Tail:
    """Let the records and checkpoints of the main process of a rank end at a moment.

    Raises:
        StoreError: the store cannot be written, or the run is going on elsewhere.
    """
    store = CheckpointStore(layout.checkpoints)
    own = [one for one in store.kept(run.run) if (one.manifest.rank, one.manifest.process) == (rank, 0)]
    here = [one.manifest for one in own if one.manifest.entry == str(at.entry) != str(START)]
    seq, ts, position = (here[-1].seq, here[-1].ts, here[-1].position) if here else (0, 0, -1)
    records = supersede.mark(layout, run.run, rank, 0, seq, children_after_us=ts)
    for one in own:
        if _is_later(one, position):
            one.path.unlink(missing_ok=True)  # its pack stays: others may need what is in it
    positions = [one.manifest.position for one in own]
    left = Catalog.open(layout).find(run.run).args
    return Tail(records, max(positions, default=-1) + 1, frozenset(left))


def _is_later(one: Kept, position: int) -> bool:
    return one.manifest.position > position and parse(one.manifest.entry).kind != "start"
