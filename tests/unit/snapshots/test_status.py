"""Reading `git status --porcelain=v2 -z --branch`."""

from flor.snapshots.status import Change, parse

OID = b"0" * 40
FIRST = b"# branch.oid " + b"a" * 40 + b"\0# branch.head main\0"


def entry(state, path, submodule=b"N..."):
    return b"1 %b %b 100644 100644 100644 %b %b %b\0" % (state, submodule, OID, OID, path)


def test_an_unborn_branch_has_no_head():
    status = parse(b"# branch.oid (initial)\0# branch.head main\0", b"")

    assert (status.head, status.branch, status.changes) == (None, "main", ())


def test_a_detached_head_has_no_branch():
    status = parse(b"# branch.oid abc\0# branch.head (detached)\0", b"")

    assert (status.head, status.branch) == ("abc", None)


def test_staged_changes_need_nothing_for_they_are_in_the_index():
    status = parse(FIRST + entry(b"M.", b"staged.py") + entry(b"MM", b"both.py"), b"")

    assert [change.path for change in status.changes] == ["both.py"]


def test_any_byte_but_nul_may_stand_in_a_name():
    status = parse(FIRST + entry(b".M", b"a b\nc \xff") + b"? new\nline\0", b"")

    assert [change.path for change in status.changes] == ["a b\nc \udcff", "new\nline"]


def test_a_deleted_file_is_told_apart():
    assert parse(FIRST + entry(b".D", b"a"), b"").changes == (Change("a", True, is_deleted=True),)


def test_an_unmerged_entry_counts_as_changed():
    record = b"u UU N... 100644 100644 100644 100644 %b %b %b conflict.py\0" % (OID, OID, OID)

    assert parse(FIRST + record, b"").changes == (Change("conflict.py", True),)


def test_a_submodule_is_dirty_if_it_holds_what_is_not_committed():
    moved, modified = entry(b".M", b"moved", b"SC.."), entry(b".M", b"modified", b"S.M.")

    changes = parse(FIRST + moved + modified, b"").changes

    assert [(change.path, change.is_dirty) for change in changes] == [("moved", False), ("modified", True)]
    assert all(change.is_submodule for change in changes)


def test_folders_that_git_could_not_open_are_named():
    warning = b"warning: could not open directory 'secret/': Permission denied\nwarning: something else\n"

    assert parse(FIRST, warning).unreadable == ("secret/",)
