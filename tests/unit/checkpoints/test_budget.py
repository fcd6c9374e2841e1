"""Which kept states go when there is too little room."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flor.checkpoints.budget import Checkpoint, Pack, Plan, Wanted, plan
from flor.checkpoints.entry import EntryPoint, parse

STATE = 1_000_000


def state(run: str, entry: str, *hashes: str) -> Checkpoint:
    return Checkpoint(Path(run, f"{entry}.manifest"), 100, run, parse(entry), frozenset(hashes))


def pack(name: str, *hashes: str, is_spared: bool = False) -> Pack:
    blobs = dict.fromkeys(hashes, STATE)
    return Pack(Path(f"{name}.safetensors"), sum(blobs.values()) + 100 * len(blobs), blobs, is_spared)


def training(run: str, count: int) -> tuple[list[Checkpoint], list[Pack]]:
    """A run whose whole state changes in every epoch."""
    kept = [state(run, f"0/0 top({i})", f"{run}{i}") for i in range(count)]
    return kept, [pack(f"{run}{i}", f"{run}{i}") for i in range(count)]


def trained(*runs: str, count: int = 20) -> tuple[list[Checkpoint], list[Pack]]:
    found = [training(run, count) for run in runs]
    return [one for kept, _ in found for one in kept], [one for _, packs in found for one in packs]


def stay(kept: Iterable[Checkpoint], done: Plan, run: str) -> list[int]:
    return [
        one.entry.iteration for one in kept if one.run == run and one not in (*done.thinned, *done.unwanted)
    ]


def room(states: float) -> float:
    return states * (STATE + 300)


def test_within_the_budget_nothing_goes() -> None:
    kept, packs = trained("old", "new")

    assert plan(kept, packs, Wanted(("old", "new"), budget_bytes=room(40))).goes == []


def test_over_the_budget_the_oldest_run_thins_out_to_log_spaced_states() -> None:
    kept, packs = trained("old", "new")

    done = plan(kept, packs, Wanted(("old", "new"), budget_bytes=room(30)))

    assert stay(kept, done, "old") == [0, 4, 12, 16, 18, 19]
    assert stay(kept, done, "new") == list(range(20))
    assert {one.path.stem for one in done.dead} == {
        f"old{i}" for i in range(20) if i not in (0, 4, 12, 16, 18, 19)
    }


def test_newer_runs_follow_only_if_that_is_not_enough() -> None:
    kept, packs = trained("old", "middle", "new")

    done = plan(kept, packs, Wanted(("old", "middle", "new"), budget_bytes=room(33)))

    assert stay(kept, done, "old") == stay(kept, done, "middle") == [0, 4, 12, 16, 18, 19]
    assert stay(kept, done, "new") == list(range(20))


def test_in_the_end_the_first_and_the_newest_state_of_each_run_stay() -> None:
    kept, packs = trained("old", "new")

    done = plan(kept, packs, Wanted(("old", "new"), budget_bytes=0))

    assert stay(kept, done, "old") == stay(kept, done, "new") == [0, 19]
    assert done.left_bytes > 0


def test_a_run_that_nobody_knows_is_older_than_all_others() -> None:
    kept, packs = trained("old", "unknown")

    done = plan(kept, packs, Wanted(("old",), budget_bytes=room(30)))

    assert stay(kept, done, "old") == list(range(20))


def test_of_a_running_run_nothing_goes() -> None:
    kept, packs = trained("running", "new")

    done = plan(kept, packs, Wanted(("running", "new"), running={"running"}, budget_bytes=0))

    assert stay(kept, done, "running") == list(range(20))
    assert stay(kept, done, "new") == [0, 19]


def test_what_stands_inside_an_iteration_goes_with_its_top() -> None:
    entries = [
        f"0/0 {kind}" for i in range(4) for kind in (f"top({i})", f"step({i}, 0, 7)", f"after({i}, 0)")
    ]
    kept = [state("a", entry, entry) for entry in (*entries, "0/0 done", "0 end")]

    done = plan(kept, [pack(one.path.stem, *one.hashes) for one in kept], Wanted(budget_bytes=room(11)))

    assert [str(one.entry) for one in done.thinned] == ["0/0 top(1)", "0/0 step(1, 0, 7)", "0/0 after(1, 0)"]


def test_a_run_is_not_thinned_for_nothing() -> None:
    kept = [
        state("a", f"0/0 {kind}", f"w{i + after}")
        for i in range(5)
        for kind, after in ((f"top({i})", 0), (f"after({i}, 0)", 1))
    ]

    done = plan(kept, [pack(f"w{i}", f"w{i}") for i in range(6)], Wanted(budget_bytes=room(5.5)))

    assert done.dead != ()
    assert done.left_bytes <= room(5.5)


def test_many_steps_of_one_iteration_thin_out() -> None:
    kept = [state("a", f"0/0 step(0, 0, {j})", str(j)) for j in range(20)]

    done = plan(kept, [pack(str(j), str(j)) for j in range(20)], Wanted(budget_bytes=room(10)))

    assert [one.entry.step for one in kept if one not in done.thinned] == [0, 4, 12, 16, 18, 19]


def test_each_block_thins_out_for_itself() -> None:
    kept = [state("a", f"{fold}/0 top({i})", f"{fold}{i}") for fold in range(2) for i in range(4)]

    done = plan(kept, [pack(str(one.path), *one.hashes) for one in kept], Wanted(budget_bytes=0))

    assert [str(one.entry) for one in kept if one not in done.thinned] == [
        "0/0 top(0)", "0/0 top(3)", "1/0 top(0)", "1/0 top(3)",
    ]  # fmt: skip


def test_a_blob_that_another_run_needs_keeps_its_pack() -> None:
    kept = [state("new", "0/0 top(0)", "backbone", "head")]

    done = plan(kept, [pack("old", "backbone"), pack("new", "head")], Wanted())

    assert done.goes == []


def test_a_mostly_dead_pack_is_written_anew_and_a_mostly_live_one_stays() -> None:
    kept = [state("a", "0/0 top(0)", "1", "4", "5")]

    done = plan(kept, [pack("dying", "1", "2", "3"), pack("living", "4", "5", "6")], Wanted())

    [rewrite] = done.rewrites
    assert (rewrite.pack.path.stem, rewrite.needed) == ("dying", {"1"})
    assert rewrite.size_bytes == 2 * (STATE + 100)
    assert done.dead == ()


def test_of_a_blob_in_two_packs_one_copy_stays() -> None:
    kept = [state("a", "0/0 top(0)", "1")]

    done = plan(kept, [pack("one", "1"), pack("two", "1")], Wanted())

    assert [one.path.stem for one in done.dead] == ["two"]


def test_a_spared_pack_stays_although_nobody_needs_it() -> None:
    assert plan([], [pack("young", "1", is_spared=True)], Wanted()).goes == []


def test_of_an_unwanted_run_nothing_stays_and_others_lose_nothing() -> None:
    kept, packs = trained("gone", "other", count=3)
    shared = state("other", "0/0 top(9)", "gone2")

    done = plan([*kept, shared], packs, Wanted(unwanted={"gone"}))

    assert stay(kept, done, "gone") == []
    assert [one.path.stem for one in done.dead] == ["gone0", "gone1"]


blobs = st.sampled_from([f"blob{i}" for i in range(12)])
points = st.builds(EntryPoint, st.sampled_from(["top", "done", "end"]), iteration=st.integers(0, 9))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), points, st.frozensets(blobs, max_size=5)), max_size=20),
    st.lists(st.sets(blobs, min_size=1), max_size=8),
    st.floats(0, 2e7),
    st.sets(st.sampled_from("abc")),
)
def test_what_a_state_that_stays_needs_stays(
    states: Sequence[tuple[str, EntryPoint, frozenset[str]]],
    contents: Sequence[set[str]],
    budget_bytes: float,
    unwanted: set[str],
) -> None:
    kept = [
        Checkpoint(Path(str(number)), 100, run, entry, hashes)
        for number, (run, entry, hashes) in enumerate(states)
    ]
    packs = [pack(str(number), *sorted(content)) for number, content in enumerate(contents)]

    done = plan(kept, packs, Wanted("abc", unwanted=unwanted, budget_bytes=budget_bytes))

    anew = {rewrite.pack.path: rewrite.needed for rewrite in done.rewrites}
    left = {digest for one in packs if one not in done.dead for digest in anew.get(one.path, one.blobs)}
    had = {digest for one in packs for digest in one.blobs}
    for one in kept:
        if one not in (*done.thinned, *done.unwanted):
            assert one.hashes & had <= left
    assert done.left_bytes <= done.size_bytes
