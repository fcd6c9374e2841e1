"""Which kept state is meant by `epoch=3`."""

import msgspec
import pytest

from flor.checkpoints.manifest import Manifest
from flor.errors import CheckpointNotFound, FlorError
from flor.replay.choosing import choose
from unit.checkpoints.given import manifest_of


def kept(
    entry: str, position: int, name: str = "", iterations: int | None = None, **fields: object
) -> Manifest:
    facts = {"name": name} if name else {}
    facts |= {} if iterations is None else {"iterations": iterations}
    return msgspec.structs.replace(manifest_of({}, entry, position), facts=facts, **fields)


EPOCHS = [
    kept("0/0 top(0)", 0, "epoch"),
    kept("0/0 after(0, 0)", 1, "step"),
    kept("0/0 top(2)", 2, "epoch"),
    kept("0/0 top(4)", 3, "epoch"),
    kept("0/0 done", 4, "epoch", iterations=5),
    kept("0 end", 5),
]
FOLDS = [
    kept(f"{fold}{entry}", 10 * fold + place, name, around=[("fold", fold + 1)])
    for fold in range(3)
    for place, (entry, name) in enumerate([("/0 top(0)", "epoch"), ("/0 top(1)", "epoch"), (" end", "")])
]


def entry(manifests: list[Manifest], **context: int) -> str:
    return choose(manifests, "run", context).entry


def test_the_state_after_an_iteration_stands_at_the_header_of_the_next() -> None:
    assert entry(EPOCHS, epoch=2) == "0/0 top(2)"
    assert entry(EPOCHS, epoch=0) == "0/0 top(0)"


def test_after_the_last_iteration_it_stands_where_the_loop_ended() -> None:
    assert entry(EPOCHS, epoch=5) == "0/0 done"


def test_without_a_context_it_is_the_newest() -> None:
    assert entry(EPOCHS) == "0 end"


def test_any_main_loop_counts_by_its_name() -> None:
    assert entry([kept("0/0 top(7)", 0, "Runde #1")], **{"Runde #1": 7}) == "0/0 top(7)"


@pytest.mark.parametrize(("wanted", "nearest"), [(1, 0), (3, 2), (9, 5)])
def test_what_was_not_kept_is_refused_with_the_nearest_before_it(wanted: int, nearest: int) -> None:
    with pytest.raises(CheckpointNotFound, match=f"nearest that was kept is epoch={nearest}"):
        entry(EPOCHS, epoch=wanted)


def test_before_everything_that_was_kept_the_first_is_the_nearest() -> None:
    with pytest.raises(CheckpointNotFound, match="nearest that was kept is epoch=4"):
        entry(EPOCHS[3:], epoch=1)


def test_a_loop_that_is_none_is_refused_with_one_that_is() -> None:
    with pytest.raises(CheckpointNotFound, match="nearest that was kept is epoch=5"):
        entry(EPOCHS, epohc=2)


def test_of_a_run_that_kept_nothing_nothing_is_found() -> None:
    with pytest.raises(CheckpointNotFound, match="None of this run was kept"):
        entry([])


def test_a_loop_around_tells_which_of_several_states_is_meant() -> None:
    assert entry(FOLDS, fold=2, epoch=1) == "1/0 top(1)"
    with pytest.raises(FlorError, match=r"stands for 3 states\.\nSay which: fold=1"):
        entry(FOLDS, epoch=1)


def test_a_loop_around_alone_means_the_last_state_of_its_iteration() -> None:
    assert entry(FOLDS, fold=2) == "1 end"


def test_only_the_main_process_is_asked() -> None:
    others = [kept("0/0 top(2)", 0, "epoch", rank=1), kept("0/0 top(2)", 0, "epoch", process=9)]

    with pytest.raises(CheckpointNotFound):
        entry(others, epoch=2)
