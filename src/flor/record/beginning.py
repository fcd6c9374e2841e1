"""Keeps the random state with which a run began, as its first entry point."""

from flor.checkpoints import randomness
from flor.checkpoints.randomness import States
from flor.record.process_run import ProcessRun
from flor.runs.layout import Layout


def read() -> States:
    """The random state of this process now; {} where it cannot be read."""
    try:
        return randomness.read_all()
    except Exception:  # noqa: BLE001  (observing must not break training)
        return {}


def keep(run: ProcessRun, states: States) -> None:
    """Write it in the background."""

    def write() -> None:
        from flor.checkpoints import start
        from flor.checkpoints.store import CheckpointStore

        name = run.identity.name
        try:
            store = CheckpointStore(Layout(run.project.home).checkpoints)
            start.keep(store, name.run, name.rank, name.process, states)
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            run.fault(error)

    if states:
        run.tick_tasks.append(write)
