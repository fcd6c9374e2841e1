"""One verdict for each value; the numbers of a report are those of the verdicts."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import pytest

from flor.checkpoints.entry import EntryPoint
from flor.executors.tasks import Outcome
from flor.replay import judging
from flor.replay.agreement import Difference
from flor.replay.answers import Answers, Told
from flor.replay.edits import Edits
from flor.replay.executing import Ended, Recorded, Work
from flor.replay.judging import Audit, Judgement
from flor.replay.marks import Mark
from flor.replay.planning.plans import Plan, Segment, Visit
from flor.replay.varying import Varying
from flor.runs.schema import RECORDS
from unit.query.given import a_run
from unit.runs import given

FIRST, SECOND = EntryPoint("top", 0, 0, 1), EntryPoint("top", 0, 0, 2)
EXECUTED = Segment((Visit(0, 0, 0), Visit(0, 0, 1)))
LOADED = Segment((Visit(0, 0, 2, entry=SECOND, is_cut=True),))
AUDITED, REFUTED = Audit(is_done=True), Audit(is_done=True, difference="weights 1.0 was 2.0")
AGREEING, DIFFERING = Mark(checked=str(FIRST)), Mark(checked=str(FIRST), differences=["w"], paths=["w"])
OVER = Mark(is_over=True)


def work(*segments: Segment) -> Work:
    """What is asked of a run."""
    empty = RECORDS.empty_table()
    return Work(
        run=a_run(0),
        plan=Plan(run="0", level="outer", segments=segments),
        files={},
        edits=Edits(),
        names=("probe", "clock"),
        hashes={"probe": "p", "clock": "c"},
        recorded=[Recorded(empty, {})],
        loops={},
        version="v",
        lengths={(0, 0): 3},
        loop_names={(0, 0): "epoch"},
        kept=(FIRST, SECOND),
        replan=lambda _: Plan(run="0", level="whole", segments=()),
        texts={},
        patches=(),
    )


def ended(
    segment: Segment,
    names: Sequence[str],
    proofs: Sequence[int],
    marks: Sequence[Mark] = (AGREEING, OVER),
    differences: Sequence[Difference] = (),
) -> Ended:
    """A segment that gave these values, each with the mark that proves it (-1: none)."""
    records = given.losses(len(names), source="replay")
    found = Answers(records, tuple(differences), names=tuple(names), proofs=tuple(proofs))
    outcome = Outcome("task", 0, None, 1.0, None, "")
    return Ended(work(EXECUTED, LOADED), segment, outcome, Told((), tuple(marks)), found, {}, ())


def letters(judged: Judgement) -> list[str]:
    """Of each segment the first letters of its verdicts."""
    return ["".join(verdict[0] for verdict in found) for found in judged.verdicts]


def assert_counted(judged: Judgement) -> None:
    """The report says nothing else than the verdicts."""
    counted, report = Counter(chain(*judged.verdicts)), judged.report
    assert (report.verified, report.unverified, report.diverged) == tuple(
        counted[verdict] for verdict in ("verified", "unverified", "diverged")
    )
    assert report.obtained == counted.total()


EXECUTING = ended(EXECUTED, ("probe", "clock", "probe"), (0, 0, -1))
LOADING = ended(LOADED, ("probe", "clock"), (-1, -1), (OVER,))
CLOCK = Varying(frozenset({"clock"}))
OTHERWISE = Difference("loss", "epoch", (1,), "1.0", "2.0")


@pytest.mark.parametrize(
    ("audit", "varying", "expected"),
    [
        (judging.NO_AUDIT, Varying(), ["vvu", "uu"]),
        (AUDITED, Varying(), ["vvu", "vv"]),
        (AUDITED, CLOCK, ["vuu", "vu"]),
        (Audit(failure="it was killed"), Varying(), ["vvu", "uu"]),
        (REFUTED, Varying(), ["ddd", "dd"]),
    ],
)
def test_a_value_is_proved_by_a_state_reached_later_or_by_an_audit_of_what_was_loaded(
    audit: Audit, varying: Varying, expected: list[str]
) -> None:
    judged = judging.judge([EXECUTING, LOADING], audit, varying)

    assert letters(judged) == expected
    assert_counted(judged)


@pytest.mark.parametrize(
    ("marks", "differences", "varying", "expected"),
    [
        ((DIFFERING, OVER), (), Varying(), ["dd", "dd"]),
        ((DIFFERING, OVER), (), Varying(paths=frozenset("w")), ["vu", "vv"]),
        ((AGREEING, OVER), (OTHERWISE,), Varying(), ["dd", "dd"]),
        ((AGREEING, OVER), (OTHERWISE,), Varying(frozenset({"loss"})), ["vu", "vv"]),
    ],
)
def test_of_a_run_that_comes_out_differently_every_value_diverges(
    marks: Sequence[Mark], differences: Sequence[Difference], varying: Varying, expected: list[str]
) -> None:
    differing = ended(EXECUTED, ("probe", "probe"), (0, -1), marks, differences)

    judged = judging.judge([differing, LOADING], AUDITED, varying)

    assert letters(judged) == expected
    assert_counted(judged)


def test_what_an_audit_logs_is_no_answer() -> None:
    audit = ended(Segment((Visit(0, 0, 1),), is_audit=True), ("probe",), (0,))

    judged = judging.judge([LOADING, audit], AUDITED)

    assert letters(judged) == ["vv"]
    assert judged.report.segments == 1
    assert_counted(judged)


def test_behind_a_way_that_came_out_differently_no_audit_helps() -> None:
    way = Mark(checked=str(FIRST), differences=["w"], paths=["w"], is_prefix=True)
    outside = Segment(jumps=(EntryPoint("done", 0, 0, 3),), records_outside=True)

    judged = judging.judge([ended(outside, ("probe",), (-1,), (way, OVER))], AUDITED)

    assert letters(judged) == ["u"]
    assert judged.report.reason == "what comes before the loop came out differently: w"
