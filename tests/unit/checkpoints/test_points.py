"""What the ranks of a job keep at one entry point is one state, if it is of all of them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from flor.checkpoints.manifest import Manifest, OpaqueRecord
from flor.checkpoints.points import files_of, of_rank, of_whole_points, points
from unit.checkpoints.given import manifest_of

SHARED, OWN = b"weights" * 10, b"random state"


def kept(entry: str, rank: int = 0, facts: Mapping[str, Any] | None = None, **other: Any) -> Manifest:
    found = manifest_of({"shared": SHARED, "own": OWN + bytes([rank])}, entry)
    return msgspec.structs.replace(found, rank=rank, facts=dict(facts or {}), **other)


def of_job(entry: str, rank: int, size: int = 2, **other: Any) -> Manifest:
    return kept(entry, rank, {"job": [rank, size]}, **other)


def of_child(process: int) -> Manifest:
    """Of a job whose ranks are children of one process, even numbers being rank 0."""
    return kept("0/0 top(0)", 0, {"job": [process % 2, 2]}, process=process, ts=process)


def test_a_state_of_a_job_is_whole_when_every_rank_has_kept_it() -> None:
    manifests = [of_job("0/0 top(0)", 0), of_job("0/0 top(1)", 0), of_job("0/0 top(1)", 1)]

    lacking, whole = points(manifests)

    assert (lacking.is_complete, lacking.rank_text) == (False, "1 of 2 ranks")
    assert (whole.is_complete, whole.rank_text) == (True, "")
    assert of_whole_points(manifests) == manifests[1:]


def test_what_ranks_have_in_common_counts_once() -> None:
    opaque = [OpaqueRecord("stream", "it is a file")]
    ranks = [of_job("0/0 top(1)", rank, opaque=opaque, new_bytes=50 + rank) for rank in (1, 0)]

    [point] = points(ranks)

    assert point.first is ranks[1]
    assert point.size_bytes == ranks[0].graph_bytes + len(SHARED) + 2 * (len(OWN) + 1)
    assert (point.new_bytes, point.opaque) == (101, opaque)


def test_processes_that_do_not_train_together_are_states_of_their_own() -> None:
    sweep = [kept("0/0 top(0)", rank) for rank in range(3)]
    child = kept("0/0 top(0)", process=77)

    assert [point.is_complete for point in points([*sweep, child])] == [True] * 4


def test_neither_two_parts_of_one_rank_nor_two_jobs_make_a_whole() -> None:
    twice = [of_job("0/0 top(0)", 1), of_job("0/0 top(0)", 1)]
    jobs = [of_job("0/0 top(1)", 0, size=2), of_job("0/0 top(1)", 1, size=3)]

    assert of_whole_points([*twice, *jobs]) == []


def test_what_is_meant_by_a_rank_is_its_main_process_else_the_last_child_that_was_it() -> None:
    children = [of_child(process) for process in (10, 11, 20, 21)]

    assert of_rank([kept("0/0 top(0)"), *children], 0) == [kept("0/0 top(0)")]
    assert of_rank(children, 0) == [children[2]]
    assert of_rank(children, 1) == [children[3]]
    assert of_rank(children, 2) == []


def test_of_a_file_that_says_most_which_has_written_it() -> None:
    mine, stale, theirs = {"size": 3, "is_seen": True}, {"size": 1}, {"size": 2, "is_seen": True}
    first = of_job("0/0 top(1)", 0)
    first.facts["files"] = {"log0": mine, "log1": stale, "best": mine}
    second = of_job("0/0 top(1)", 1)
    second.facts["files"] = {
        "": {"size": None, "is_unsure": True},
        "log1": theirs,
        "best": theirs,
        "log0": stale,
    }

    assert files_of([first, second]) == {"log0": mine, "log1": theirs, "best": mine}
    assert files_of([of_job("0/0 top(1)", 0), second]) is None
