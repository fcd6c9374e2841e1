"""What is decided about one file that a run wrote, or may have written."""

from dataclasses import replace

import pytest

from flor.replay import rewinding
from flor.replay.rewinding import Act, Now, Plan
from flor.runs.files import OTHERS, EntryFile, Input, Output, RunFiles, Tree

NOW = Now(10, 50, 1, is_binary=True, prefix="h10")
SEEN = Output(10, 50, 1, is_new=True, is_seen=True)
THEN = EntryFile(6, 40, 1, "h6", is_kept=True, is_seen=True)


def decide(
    then: EntryFile | None,
    last: Output | None,
    now: Now | None,
    *,
    read: Input | None = None,
    is_complete: bool = True,
    names: frozenset[str] | None = None,
    others: frozenset[str] = frozenset(),
    is_partial: bool = False,
) -> Act | str | None:
    """What is done to the file; a reason; or nothing."""
    run = RunFiles(
        {"f": read} if read else {},
        {"f": last} if last else {},
        Tree(began_ns=10, alive_ns=60, is_complete=is_complete),
    )
    entry = {"f": then} if then else {}
    entry |= {OTHERS: EntryFile(None, is_unsure=True)} if is_partial else {}
    kept = {"h6": True, "old": True}
    plan: Plan = rewinding.decide(run, entry, {"f": now}, names, kept, others)
    if plan.unknown:
        return plan.unknown[0][1]
    return plan.actions[0].act if plan.actions else None


@pytest.mark.parametrize(
    ("then", "last", "now", "act"),
    [
        (THEN, SEEN, NOW, Act.RESTORE),
        (THEN, SEEN, replace(NOW, prefix="h6"), Act.TRUNCATE),
        (THEN, SEEN, replace(NOW, size=6, prefix="h6"), Act.LEAVE),
        (THEN, SEEN, Now(6, 40, 1), Act.LEAVE),
        (THEN, SEEN, None, Act.RESTORE),
        (EntryFile(6, 40, 1, is_appended=True, is_seen=True), SEEN, NOW, Act.TRUNCATE),
        (None, SEEN, NOW, Act.REMOVE),
        (EntryFile(None), SEEN, NOW, Act.REMOVE),
        (None, SEEN, None, None),
    ],
)
def test_what_the_run_wrote_is_put_back(
    then: EntryFile | None, last: Output, now: Now | None, act: Act | None
) -> None:
    assert decide(then, last, now) == act


def test_what_cannot_be_shown_or_had_is_named() -> None:
    not_kept = EntryFile(6, 40, 1, "lost", is_seen=True)
    unseen = Output(10, 50, 1, is_new=True)

    assert "not kept" in str(decide(not_kept, SEEN, NOW))
    assert "not kept" in str(decide(EntryFile(6, 40, 1, is_seen=True), SEEN, NOW))
    assert "being written" in str(decide(EntryFile(None, is_unsure=True), SEEN, NOW))
    assert decide(None, unseen, replace(NOW, is_binary=False)) == rewinding.NOT_SHOWN
    assert decide(None, unseen, NOW) == Act.REMOVE
    assert decide(None, unseen, NOW, others=frozenset({"f"})) == rewinding.NOT_SHOWN
    assert decide(None, SEEN, NOW, others=frozenset({"f"})) == Act.REMOVE
    assert "not compared" in str(decide(None, unseen, NOW, is_partial=True))
    assert decide(None, SEEN, NOW, is_partial=True) == Act.REMOVE
    assert "link" in str(decide(THEN, SEEN, replace(NOW, is_plain=False)))


@pytest.mark.parametrize("then", [THEN, None])
def test_what_was_changed_after_the_run_is_left_alone(then: EntryFile | None) -> None:
    late = replace(NOW, mtime_ns=60 + rewinding.ENDED_AFTER_NS + 1)

    assert "after the run had ended" in str(decide(then, SEEN, late))
    assert decide(then, SEEN, late, is_complete=False) in (Act.RESTORE, Act.REMOVE)
    much_later = replace(NOW, mtime_ns=60 + rewinding.DEAD_AFTER_NS + 1)
    assert "after the run had ended" in str(decide(then, SEEN, much_later, is_complete=False))


def test_what_was_there_before_the_run_is_restored_if_it_was_read() -> None:
    over = Output(10, 50, 1, is_new=False, is_seen=True)
    read = Input(3, 5, "old", "store")

    assert decide(None, over, NOW, read=read) == Act.RESTORE
    assert decide(None, over, Now(3, 50, 1, prefix="old"), read=read) is None
    assert "before the run" in str(decide(None, over, NOW))
    assert "removed it" in str(decide(None, Output(None, is_new=False, is_seen=True), None))


def test_a_file_that_only_the_tree_shows_is_told_apart_by_the_names_at_the_start() -> None:
    assert decide(None, None, NOW, names=frozenset(), is_complete=False) == Act.REMOVE
    assert "before the run" in str(decide(None, None, NOW, names=frozenset({"f"}), is_complete=False))
    assert "before the run" in str(decide(None, None, NOW, names=None, is_complete=False))
