"""Answers in the files of a run: each with its verdict, and what later replays make of earlier ones."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flor.entities import RunId, Verdict
from flor.query import frame
from flor.runs import cache, hindsight, metadata, outdated, parquet, verdicts
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from flor.runs.metadata import Answered
from flor.runs.schema import RECORDS
from unit.runs import given

RUN = RunId("a" * 16)
STAMPS = count()
"""Of replays, of which no two begin at the same time."""
LETTERS = {"v": Verdict.VERIFIED, "u": Verdict.UNVERIFIED, "d": Verdict.DIVERGED}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A store with a run of four iterations."""
    found = Layout(tmp_path / ".flor")
    given.seal(found, RUN, given.losses(4), names={"loss": 4}, loops={"epoch": "index"})
    return found


def answer(
    layout: Layout,
    letters: str,
    *,
    name: str = "probe",
    value: float = 1.0,
    it: Sequence[int] = (),
    **about: object,
) -> None:
    """Keep an answer: a letter for each iteration, a dot where it has no value.

    Args:
        it: where all of them stand, instead.
    """
    places = [place for place, letter in enumerate(letters) if letter != "."]
    fields = {"source": "replay", "vf": value, **({"it": it} if it else {})}
    table = given.losses(4, name, **fields).take(pa.array(places, pa.int64()))
    found = [LETTERS[letter] for letter in letters if letter != "."]
    facts = {"probe": "p", "replay": f"{next(STAMPS):06}", **verdicts.counts(found), **about}
    answered = [Answered(name=name, **facts)]
    about_run = Catalog.open(layout).entry(RUN).metadata
    hindsight.keep(layout, about_run, hindsight.in_order(answered, table, {}, verdicts.spread(table, found)))


def shown(layout: Layout, name: str = "probe") -> list[tuple[object, ...]]:
    """Iteration, value and verdict of each row."""
    found = frame.dataframe(Catalog.open(layout), (name,), provenance=True)
    if f"{name}_verdict" not in found:
        return []
    return [tuple(row) for row in found[["epoch", name, f"{name}_verdict"]].values]


def counted(layout: Layout) -> list[tuple[object, ...]]:
    """What is told of each answer, the oldest first."""
    told = Catalog.open(layout).answered(RUN)
    return [(one.obtained, one.verified, one.diverged, one.unverified, one.iterations) for one in told]


def test_each_value_keeps_its_verdict(layout: Layout) -> None:
    answer(layout, "vvu.")

    assert shown(layout) == [(1, 1.0, "verified"), (2, 1.0, "verified"), (3, 1.0, "unverified")]
    assert [tuple(row) for row in Catalog.open(layout).answered(RUN)[0].verdicts] == [
        ("verified", 2),
        ("unverified", 1),
    ]


def test_the_columns_of_the_file_and_the_source_stay_what_they_are(layout: Layout) -> None:
    answer(layout, "vudv")

    table = pq.read_table(layout.sealed / f"{RUN}.1.parquet")
    assert table.column_names == RECORDS.names
    assert table["source"].to_pylist() == ["replay"] * 4


def test_only_names_that_replays_answered_have_verdicts(layout: Layout) -> None:
    answer(layout, "vvvv")

    found = frame.dataframe(Catalog.open(layout), ("loss", "probe"), provenance=True)

    assert list(found.columns[5:]) == ["loss", "loss_source", "probe", "probe_source", "probe_verdict"]
    assert found["probe_source"].tolist() == ["replay"] * 4
    assert "probe_verdict" not in frame.dataframe(Catalog.open(layout), ("probe",))


def test_a_later_replay_verifies_what_was_not(layout: Layout) -> None:
    answer(layout, "uuuu")

    answer(layout, "vvvv")

    assert [row[2] for row in shown(layout)] == ["verified"] * 4
    assert counted(layout) == [(4, 4, 0, 0, None)]
    assert len(Catalog.open(layout).entry(RUN).parts) == 2


def test_what_was_verified_stays_as_it_is(layout: Layout) -> None:
    answer(layout, "vvuu", value=1.0)

    answer(layout, "uuuv", value=2.0)

    assert shown(layout) == [
        (1, 1.0, "verified"),
        (2, 1.0, "verified"),
        (3, 2.0, "unverified"),
        (4, 2.0, "verified"),
    ]
    assert counted(layout) == [(2, 2, 0, 0, None), (2, 1, 0, 1, None)]


def test_what_was_verified_twice_is_told_once(layout: Layout) -> None:
    answer(layout, "vvuu")

    answer(layout, "vvvv")

    assert counted(layout) == [(4, 4, 0, 0, None)]


def test_a_later_divergence_takes_nothing_that_was_verified(layout: Layout) -> None:
    answer(layout, "vvvv")
    for _ in range(2):
        answer(layout, "dddd", value=2.0, iterations=[])

    assert [row[1:] for row in shown(layout)] == [(1.0, "verified")] * 4
    assert counted(layout) == [(4, 4, 0, 0, None), (0, 0, 0, 0, [])]


def test_of_two_values_at_one_place_both_go_or_none(layout: Layout) -> None:
    answer(layout, "uuuv", it=[1])

    answer(layout, "vvvv", value=2.0, it=[1])

    assert [row[1:] for row in shown(layout)] == [(2.0, "verified")] * 4
    answer(layout, "vvvu", value=3.0, it=[1])
    assert [row[1:] for row in shown(layout)] == [(2.0, "verified")] * 4


def test_a_replay_of_some_iterations_changes_only_their_verdicts(layout: Layout) -> None:
    answer(layout, "uuuu")

    answer(layout, ".v..", iterations=[(0, 0, 1)])

    assert [row[2] for row in shown(layout)] == ["unverified", "verified", "unverified", "unverified"]
    assert counted(layout) == [(3, 0, 0, 3, None), (1, 1, 0, 0, [(0, 0, 1)])]


def test_an_answer_that_is_found_again_as_a_whole_is_no_longer_told_twice(layout: Layout) -> None:
    answer(layout, "uu..", iterations=[(0, 0, 0), (0, 0, 1)])

    answer(layout, "uuu.", iterations=[(0, 0, 0), (0, 0, 1), (0, 0, 2)])

    assert counted(layout) == [(3, 0, 0, 3, [(0, 0, 0), (0, 0, 1), (0, 0, 2)])]


def test_what_an_answer_covers_besides_is_remembered(layout: Layout) -> None:
    answer(layout, "u...", iterations=[(0, 0, 0), (0, 0, 3)])

    answer(layout, "v...", iterations=[(0, 0, 0)])

    assert counted(layout) == [(0, 0, 0, 0, [(0, 0, 0), (0, 0, 3)]), (1, 1, 0, 0, [(0, 0, 0)])]


def test_where_a_later_replay_diverges_what_was_not_verified_is_asked_again(layout: Layout) -> None:
    answer(layout, "vvuu", iterations=[(0, 0, at) for at in range(4)])

    answer(layout, "..d.", value=2.0, iterations=[])

    assert [row[1:] for row in shown(layout)] == [
        (1.0, "verified"),
        (1.0, "verified"),
        (2.0, "diverged"),
        (1.0, "unverified"),
    ]
    assert counted(layout) == [(3, 2, 0, 1, []), (1, 0, 1, 0, [])]


@pytest.mark.parametrize("meanwhile", [[], [(0, 0, 2)]])
def test_what_is_in_doubt_before_it_diverges_is_asked_again_too(
    meanwhile: list[tuple[int, int, int]], layout: Layout
) -> None:
    answer(layout, "vvuv")
    answer(layout, "..u.", iterations=meanwhile)

    answer(layout, "..d.", iterations=[])

    assert [row[2] for row in shown(layout)] == ["verified", "verified", "diverged", "verified"]
    assert [one.iterations for one in Catalog.open(layout).answered(RUN)] == [[], []]


def test_what_had_diverged_and_what_another_probe_gave_goes_as_a_whole(layout: Layout) -> None:
    answer(layout, "dddd")
    answer(layout, ".u..", value=2.0)
    assert [row[1:] for row in shown(layout)] == [(2.0, "unverified")]

    answer(layout, "v...", value=3.0, probe="q")

    assert shown(layout) == [(1, 3.0, "verified")]


@pytest.mark.parametrize("later", ["vvvv", ".v..", "..d.", "d..u", "vv.u"])
def test_an_earlier_file_that_comes_back_gives_way_again(later: str, layout: Layout) -> None:
    answer(layout, "uuvu")
    early = layout.sealed / f"{RUN}.1.parquet"
    content = early.read_bytes()
    places = [(0, 0, place) for place, letter in enumerate(later) if letter != "."]
    answer(layout, later, value=2.0, iterations=[] if "d" in later else places)
    expected = shown(layout), counted(layout)

    early.write_bytes(content)

    assert (shown(layout), counted(layout)) == expected
    assert not outdated.is_behind([cache.read_metadata(path) for path in layout.sealed.glob("*.parquet")])


def test_what_another_probe_gave_does_not_come_back_through_several_replays(layout: Layout) -> None:
    answer(layout, "vvvv")
    early = layout.sealed / f"{RUN}.1.parquet"
    content = early.read_bytes()
    answer(layout, "vv..", probe="q", value=2.0)
    answer(layout, "vv..", probe="q", value=3.0)

    early.write_bytes(content)

    assert [row[1] for row in shown(layout)] == [3.0, 3.0]
    assert not early.exists()


def test_one_replay_may_answer_twice_as_it_gets_surer(layout: Layout) -> None:
    answer(layout, "vu.u")
    answer(layout, "uuuu", replay="today", value=3.0, iterations=[(0, 0, 0)])
    early = layout.sealed / f"{RUN}.2.parquet"
    content = early.read_bytes()
    answer(layout, "vvvu", replay="today", value=2.0)
    answer(layout, "vvvv", name="other")

    for _ in range(2):
        assert [row[1:] for row in shown(layout)] == [(2.0, "verified")] * 3 + [(2.0, "unverified")]
        assert len(shown(layout, "other")) == 4
        early.write_bytes(content)


def test_where_stores_meet_that_did_not_know_of_each_other_the_later_probe_counts(layout: Layout) -> None:
    answer(layout, "vvvv")
    early = layout.sealed / f"{RUN}.1.parquet"
    content = early.read_bytes()
    early.unlink()
    answer(layout, "vv..", probe="q", value=2.0)
    early.rename(early.with_name(f"{RUN}.2.parquet"))

    early.write_bytes(content)

    assert [row[1] for row in shown(layout)] == [2.0, 2.0]


def test_who_leaves_the_store_as_it_is_sees_both(layout: Layout) -> None:
    answer(layout, "uuuu")
    early = layout.sealed / f"{RUN}.1.parquet"
    content = early.read_bytes()
    answer(layout, "vvvv")
    early.write_bytes(content)

    listed = Catalog.open(layout, seal=False)

    assert len(frame.dataframe(listed, ("probe",))) == 8
    assert early.exists()
    assert len(frame.dataframe(Catalog.open(layout), ("probe",))) == 4


def test_answers_of_other_names_stay(layout: Layout) -> None:
    answer(layout, "uuuu", name="other")

    answer(layout, "vvvv")

    assert [row[2] for row in shown(layout, "other")] == ["unverified"] * 4


def test_values_of_loops_outlive_the_answer_that_they_came_with(layout: Layout) -> None:
    loop = given.losses(1, source="loop", kind="text", path="page", vf=None, vs="cover").drop_columns("name")
    loop = loop.add_column(4, RECORDS.field("name"), pa.nulls(1, RECORDS.field("name").type))
    value = given.losses(1, "probe", source="replay", path="page")
    for letter in "uuv":
        table = pa.concat_tables([loop, value] if letter == "u" else [value])
        answered = [Answered(name="probe", probe="p", replay=letter, **verdicts.counts([LETTERS[letter]]))]
        sure = verdicts.spread(table.unify_dictionaries().combine_chunks(), [LETTERS[letter]])
        loops = {"page": "none"} if letter == "u" else {}
        known = Catalog.open(layout).entry(RUN).metadata
        hindsight.keep(layout, known, hindsight.in_order(answered, table, loops, sure))

    found = frame.dataframe(Catalog.open(layout), ("probe",), provenance=True)
    assert [tuple(row) for row in found[["page", "page_value", "probe_verdict"]].values] == [
        (1, "cover", "verified")
    ]
    tables = [pq.read_table(path)["source"].to_pylist() for path in layout.sealed.glob("*.parquet")]
    assert sorted(source for table in tables for source in table) == [*["log"] * 4, "loop", "replay"]


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"verified": 4}, "verified"),
        ({"diverged": 9}, "diverged"),
        ({"verified": 3, "unverified": 1}, "unverified"),
        ({}, "unverified"),
    ],
)
def test_of_files_that_only_count_verdicts_no_value_counts_as_surer_than_is_known(
    counts: dict[str, int], told: str, layout: Layout
) -> None:
    answer(layout, "vvvv")
    _rewrite(layout, 0, Answered(name="probe", probe="p", replay="t", **counts))

    assert [row[2] for row in shown(layout)] == [told] * 4


def test_where_records_are_missing_their_verdicts_are_not_given_to_others(layout: Layout) -> None:
    answer(layout, "vvvu")
    [one] = Catalog.open(layout).answered(RUN)
    _rewrite(layout, 1, one)

    assert [row[2] for row in shown(layout)] == ["unverified"] * 3


def test_where_a_run_goes_on_its_answers_keep_their_verdicts_among_the_new_records(layout: Layout) -> None:
    answer(layout, "vuvu")
    about = given.described(RUN, 4, names={"loss": 4}, loops={"epoch": "index"})
    later = given.losses(4, "later")
    parquet.write(layout.sealed / f"{RUN}.2.parquet", later, about)

    assert [row[2] for row in shown(layout)] == ["verified", "unverified"] * 2


def test_verdicts_are_kept_in_lengths_of_equal_ones() -> None:
    table = given.losses(5, source="replay")
    found = [LETTERS[letter] for letter in "vvudd"]

    kept = verdicts.lengths(verdicts.spread(table, found))

    assert kept == [("verified", 2), ("unverified", 1), ("diverged", 2)]
    one = Answered(name="loss", probe="p", replay="t", verdicts=kept)
    assert verdicts.column(verdicts.of_file(table, [one])).to_pylist() == [each.value for each in found]
    assert msgspec.json.decode(msgspec.json.encode(one), type=Answered) == one


def _rewrite(layout: Layout, first: int, answered: Answered) -> None:
    """Leave only some records in the file of answers, and this to be told of them."""
    path = layout.sealed / f"{RUN}.1.parquet"
    about = msgspec.structs.replace(cache.read_metadata(path), answered=[answered])
    parquet.write(path, pq.read_table(path, schema=RECORDS).slice(first), metadata.pack(about))
