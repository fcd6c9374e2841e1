"""`flor resume` at every kind of entry point: the run cannot be told from one that was never killed.

`make test-matrix` resumes every script of the matrix, killed at every one of its moments.
They use torch, each of them.
"""

from pathlib import Path

import pytest

from exactness.interpreters import Forking, Fresh
from exactness.matrix import named
from exactness.resume import Report, at_entry, flor_resume, killed_and_resumed, uninterrupted

AT_THE_END = "digest 1"

CASES = [
    ("main_function", AT_THE_END, "start", "its start"),
    ("unseeded_model", AT_THE_END, "0/0 top(0)", "before epoch 1"),
    ("best_checkpoint_file", AT_THE_END, "0/0 top(2)", "after epoch 2"),
    ("batch_norm", AT_THE_END, "0/0 after(1, 1)", "epoch 2, after test_batch (nested loop 2)"),
    ("adam_groups", "loss 13 SIGTERM", "0/0 step(4, 0, 1)", "epoch 5, step 2 (nested loop 1)"),
    ("two_loops_one_block", AT_THE_END, "0/0 done", "warmup done"),
    ("kfold", AT_THE_END, "2/0 top(1)", "fold 3, after epoch 1"),
    ("several_blocks", AT_THE_END, "0 end", "end"),
]


def resumed(name: str, moment: str, entry: str, interpreters: tuple[Forking, Fresh], folder: Path) -> Report:
    """The script, killed at the moment and gone on with at the entry point, or at one before."""
    [script], (forking, fresh) = named(name), interpreters
    wanted = uninterrupted(script, forking, folder)
    resume = at_entry(entry, flor_resume(fresh))
    return killed_and_resumed(script, moment, wanted, forking, resume, folder)


@pytest.mark.parametrize(("name", "moment", "entry", "words"), CASES)
def test_a_run_goes_on_from_an_entry_point_as_if_it_had_never_been_killed(
    name: str, moment: str, entry: str, words: str, one_thread: Forking, fresh: Fresh, tmp_path: Path
) -> None:
    report = resumed(name, moment, entry, (one_thread, fresh), tmp_path)

    assert (report.outcome, report.problems) == ("resumed", [])
    assert report.entry == words
    assert "differs" not in report.said


def test_where_a_graph_is_needed_that_was_not_kept_it_goes_back_further(
    one_thread: Forking, fresh: Fresh, tmp_path: Path
) -> None:
    report = resumed("hidden_graph", AT_THE_END, "0/0 top(3)", (one_thread, fresh), tmp_path)

    assert (report.outcome, report.problems) == ("resumed", [])
    assert "It cannot go on from there: A backward pass reached penalty" in report.said
    assert report.entry == "after epoch 2"
