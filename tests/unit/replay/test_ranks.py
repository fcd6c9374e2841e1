"""Ranks that are executed again wait for each other."""

import threading
from pathlib import Path

import pytest

from flor.replay import ranks


def test_a_single_process_is_the_first_and_waits_for_nobody(tmp_path: Path) -> None:
    ranks.wait_for_others(tmp_path, "over", 0, 1)

    assert ranks.own(1) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_rank_is_the_one_that_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")

    assert (ranks.own(4), ranks.own(1)) == (3, 0)


def test_nobody_goes_on_before_all_have_come(tmp_path: Path) -> None:
    gone_on: list[int] = []

    def come(rank: int) -> None:
        ranks.wait_for_others(tmp_path, "put 0", rank, 3)
        gone_on.append(rank)

    first = [threading.Thread(target=come, args=(rank,)) for rank in (0, 1)]
    for each in first:
        each.start()
    first[0].join(0.2)
    before = list(gone_on)
    come(2)
    for each in first:
        each.join()

    assert before == []
    assert sorted(gone_on) == [0, 1, 2]
