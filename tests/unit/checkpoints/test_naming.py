"""What an entry point is called where a user reads it."""

import msgspec

from flor.checkpoints.manifest import Manifest
from flor.checkpoints.naming import in_words, main_loops
from unit.checkpoints.given import manifest_of


def kept(entry: str, name: str = "", **facts: object) -> Manifest:
    named = {"name": name} if name else {}
    return msgspec.structs.replace(manifest_of({}, entry), facts=named, **facts)


def test_points_of_an_epoch_loop_are_told_by_its_name_counting_from_1() -> None:
    points = [
        kept("start"),
        kept("0/0 top(0)", "epoch"),
        kept("0/0 step(0, 0, 9)", "batch"),
        kept("0/0 after(0, 1)", "validate"),
        kept("0/0 top(3)", "epoch"),
        kept("0/0 done", "epoch"),
        kept("0 end"),
    ]

    assert in_words(points) == [
        "start",
        "before epoch 1",
        "epoch 1, batch 10 (nested loop 1)",
        "epoch 1, after validate (nested loop 2)",
        "after epoch 3",
        "epoch done",
        "end",
    ]


def test_a_block_inside_a_loop_is_told_by_the_iteration_of_that() -> None:
    points = [kept(f"{n}/0 top(0)", "epoch", around=[("fold", n + 1)]) for n in range(2)]

    assert in_words(points) == ["fold 1, before epoch 1", "fold 2, before epoch 1"]


def test_points_that_would_be_called_the_same_are_told_apart_by_block_and_loop() -> None:
    points = [
        kept("0/0 top(0)", "epoch"),
        kept("0/1 top(0)", "epoch"),
        kept("1/0 top(0)", "epoch"),
        kept("1 end"),
    ]

    assert in_words(points) == [
        "block 1, loop 1, before epoch 1",
        "block 1, loop 2, before epoch 1",
        "block 2, loop 1, before epoch 1",
        "end",
    ]


def test_other_ranks_and_processes_say_so() -> None:
    points = [kept("0/0 top(0)", "epoch", rank=1), kept("0/0 top(0)", "epoch", process=77)]

    assert in_words(points) == ["rank 1, before epoch 1", "process 77, before epoch 1"]


def test_a_loop_without_a_known_name_is_told_by_its_number() -> None:
    assert in_words([kept("0/0 after(2, 0)"), kept("0/1 top(2)")]) == [
        "loop 1, iteration 3, after nested loop 1", "after loop 2, iteration 2",
    ]  # fmt: skip


def test_the_names_of_main_loops_are_known_from_any_of_their_points() -> None:
    points = [
        kept("0/0 top(0)"),
        kept("0/0 after(0, 0)", "batch"),
        kept("0/0 done", "epoch"),
        kept("0/1 top(0)", "x"),
    ]

    assert main_loops(points) == {(0, 0): "epoch", (0, 1): "x"}
