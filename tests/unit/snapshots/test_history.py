"""Reading versions back."""

import os
from datetime import datetime

import pytest

from flor.entities import RunId
from flor.errors import GitError
from flor.snapshots import history

FIRST, SECOND = RunId("a" * 16), RunId("b" * 16)


def run(user, run, code, tstamp="2026-01-02 03:04:05.000006"):
    user.write("train.py", code)
    user.run(run, tstamp)
    return user.git("rev-parse", "flor.shadow")


def test_a_repository_without_runs_has_no_versions(user):
    assert history.versions(user.repository) == []


def test_versions_are_listed_oldest_first_without_the_users_commits(user):
    base = user.head()
    run(user, FIRST, "1\n", "2026-01-02 03:04:05.000006")
    run(user, SECOND, "2\n", "2026-01-03 03:04:05.000000")

    rows = history.versions(user.repository)

    assert [row.subject.split("::")[1] for row in rows] == ["Snapshot", "Auto-commit"] * 2
    assert [row.run for row in rows] == [None, FIRST, None, SECOND]
    assert rows[1].tstamp == datetime(2026, 1, 2, 3, 4, 5, 6)
    assert rows[3].tstamp == datetime(2026, 1, 3, 3, 4, 5)
    assert rows[0].parent == base
    assert [row.parent for row in rows[1:]] == [row.vid for row in rows[:-1]]
    assert rows[0].tree == rows[1].tree != rows[2].tree


def test_the_same_code_before_and_after_other_code_is_three_versions(user):
    for number, code in enumerate(["1\n", "2\n", "1\n"]):
        run(user, f"{number:016}", code)

    assert len(history.versions(user.repository)) == 6


def test_what_the_user_commits_to_the_branch_by_hand_hides_nothing(user):
    run(user, FIRST, "1\n")
    user.git("checkout", "--quiet", "--force", "flor.shadow")
    user.commit("by hand")
    user.git("checkout", "--quiet", "main")
    run(user, SECOND, "2\n")

    assert [row.run for row in history.versions(user.repository)] == [None, FIRST, None, SECOND]
    assert history.find(user.repository, FIRST) is not None
    assert [commit.subject for commit in history.commits(user.repository)][2] == "by hand"


def test_files_of_a_version_are_text_or_none(user):
    user.write("sub/héllo.txt", "grüße\n")
    user.write("image.png", b"\x89PNG\0\0")
    user.write("latin.txt", b"caf\xe9\n")
    vid = run(user, FIRST, "1\n")

    found = {row.filename: row.contents for row in history.files(user.repository, vid)}

    assert found == {
        "image.png": None,
        "latin.txt": None,
        "sub/héllo.txt": "grüße\n",
        "train.py": "1\n",
    }


def test_a_text_that_many_versions_share_is_one_object(user):
    user.write("common.py", "shared " * 100)
    vids = [run(user, FIRST, "1\n"), run(user, SECOND, "2\n")]

    rows = list(history.files_of(user.repository, vids))

    common = [row.contents for row in rows if row.filename == "common.py"]
    assert [row.vid for row in rows] == [vids[0]] * 2 + [vids[1]] * 2
    assert common[0] is common[1]


def test_a_large_file_is_listed_without_its_contents(user):
    user.write("large.txt", "x" * 5_000_001)
    user.commit()
    vid = run(user, FIRST, "1\n")

    assert {row.filename: row.contents is None for row in history.files(user.repository, vid)} == {
        "large.txt": True,
        "train.py": False,
    }


def test_an_unknown_version_is_an_error(user):
    with pytest.raises(GitError, match="There is no version feedface"):
        list(history.files(user.repository, "feedface"))


def test_the_difference_of_two_versions_is_a_unified_diff(user):
    first, second = run(user, FIRST, "lr = 1\n"), run(user, SECOND, "lr = 2\n")

    text = history.diff(user.repository, first, second)

    assert "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-lr = 1\n+lr = 2\n" in text
    assert history.diff(user.repository, first, first) == ""


def test_the_difference_pays_no_heed_to_the_users_taste(user):
    first, second = run(user, FIRST, "lr = 1\n"), run(user, SECOND, "lr = 2\n")
    plain = history.diff(user.repository, first, second)
    for setting in ("diff.external=false", "color.ui=always", "diff.noprefix=true", "core.pager=false"):
        user.git("config", *setting.split("="))

    assert history.diff(user.repository, first, second) == plain


def test_a_run_is_found_by_its_trailer_also_after_the_history_was_rewritten(user):
    old = run(user, FIRST, "1\n")
    run(user, SECOND, "2\n")
    user.git("checkout", "--quiet", "--", ".")
    environ = os.environ | {"FILTER_BRANCH_SQUELCH_WARNING": "1"}
    user.git("filter-branch", "--env-filter", "export GIT_AUTHOR_NAME=Eve", "flor.shadow", env=environ)

    found = history.find(user.repository, FIRST)

    assert found != old
    assert user.git("show", f"{found}:train.py") == "1"
    assert history.find(user.repository, RunId("c" * 16)) is None


def test_runs_that_ended_are_known(user):
    run(user, FIRST, "1\n")
    user.take()

    assert history.closed_runs(user.repository) == {FIRST}


def test_signed_commits_and_mailmaps_do_not_disturb_reading(user):
    user.write(".mailmap", "Someone Else <else@example.org> <ada@example.org>\n")
    run(user, FIRST, "1\n")
    user.git("config", "log.showSignature", "true")
    user.git("config", "log.mailmap", "true")

    [snapshot, _] = history.commits(user.repository)

    assert snapshot.author.startswith("Ada <ada@example.org> ")
