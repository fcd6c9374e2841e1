"""From which moments a run can be gone on with, and what is said where it cannot."""

import pytest

from flor.checkpoints.manifest import Manifest, OpaqueRecord
from flor.entities import Status
from flor.errors import CannotResume
from flor.replay.resumption import DAMAGED, candidates, refuse_unless_stopped, told
from unit.query.given import a_run

GENERATOR = OpaqueRecord("noise", "it is a generator")


def kept(entry: str, *opaque: OpaqueRecord) -> Manifest:
    return Manifest(1, "r", 0, 0, entry, 0, 0, 0, "graph", 0, [], list(opaque), [], {"name": "epoch"})


def test_the_latest_is_tried_first_and_the_start_last() -> None:
    tries, passed = candidates([kept("0/0 top(0)"), kept("0/0 top(1)"), kept("0/0 top(2)")])

    assert [str(one.entry) for one in tries] == ["0/0 top(2)", "0/0 top(1)", "0/0 top(0)", "start"]
    assert passed == []


def test_what_is_not_kept_stands_in_the_way_unless_executing_makes_it() -> None:
    manifests = [kept("0/0 top(0)", GENERATOR), kept("0/0 top(1)", GENERATOR), kept("0/0 top(2)", GENERATOR)]

    tries, passed = candidates(manifests)

    assert [str(one.entry) for one in tries] == ["0/0 top(0)", "start"]
    assert list(told(passed)) == [
        "passed over: after epoch 2: noise was not kept: it is a generator",
        "passed over: after epoch 1: noise was not kept: it is a generator",
        "what is not kept would be no hindrance, were it made anew in each iteration before it is used",
    ]


def test_a_state_of_which_the_store_lacks_a_part_is_passed_over() -> None:
    tries, passed = candidates([kept("0/0 top(0)"), kept("0/0 top(1)")], {"0/0 top(1)": DAMAGED})

    assert [str(one.entry) for one in tries] == ["0/0 top(0)", "start"]
    assert "after epoch 1: the store lacks a part of it; `python -m flor fsck`" in str(passed[0])


@pytest.mark.parametrize(
    ("facts", "reason", "remedy"),
    [
        ({"status": Status.RUNNING}, "it is still running", "Stop it first"),
        ({"status": Status.FINISHED}, "it has finished", "`python -m flor runs`"),
        ({"version": None}, "it has no code version", "inside a git repository"),
    ],
)
def test_a_run_that_cannot_be_resumed_is_told_with_what_to_do(
    facts: dict[str, object], reason: str, remedy: str
) -> None:
    with pytest.raises(CannotResume, match=reason) as refused:
        refuse_unless_stopped(a_run(1, **{"status": Status.INTERRUPTED, "version": "c0ffee", **facts}))

    assert remedy in refused.value.hint
