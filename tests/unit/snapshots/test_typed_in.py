"""Code that stands in no file is committed beside the files, and nowhere else."""

from flor.config import Config
from flor.entities import RunId
from flor.snapshots import history, shadow

RUN = RunId("0123456789abcdef")


def test_typed_in_code_is_in_the_snapshot_and_not_in_the_working_tree(user):
    before = user.belongings()

    taken = user.take(typed_in={"deep/nb.cells.py": b"x = 1\r\n"})

    assert user.files(taken.version.commit) == {
        "train.py": b"print('one')\n",
        "deep/nb.cells.py": b"x = 1\r\n",
    }
    assert user.belongings() == before


def test_the_next_snapshot_holds_it_only_if_it_is_given_again(user):
    user.take(typed_in={"nb.cells.py": b"1"})

    assert set(user.taken_files()) == {"train.py"}
    assert user.taken_files(typed_in={"nb.cells.py": b"2"})["nb.cells.py"] == b"2"


def test_equal_code_reuses_the_commit(user):
    first = user.take(typed_in={"nb.cells.py": b"1"})
    again = user.take(typed_in={"nb.cells.py": b"1"})

    assert again.version.commit == first.version.commit


def test_further_versions_name_their_run_which_is_still_to_be_closed(user):
    user.take(typed_in={"nb.cells.py": b"1"})
    second = user.take(typed_in={"nb.cells.py": b"2"}, run=RUN)

    assert user.git("log", "-1", "--format=%s|%(trailers)", "flor.shadow").strip() == (
        f"FLOR::Snapshot|Flor-Run: {RUN}"
    )
    assert history.find(user.repository, RUN) == second.version.commit
    assert history.closed_runs(user.repository) == frozenset()
    shadow.close(user.repository, second.version, RUN, "2026-01-02 03:04:05.000006")
    assert history.closed_runs(user.repository) == {RUN}


def test_names_that_are_excluded_or_those_of_secrets_are_left_out_and_named(user):
    taken = user.take(
        Config(exclude=("private*",)),
        typed_in={"private.cells.py": b"1", "credentials.cells.py": b"2", "nb.cells.py": b"3"},
    )

    assert set(user.files(taken.version.commit)) == {"train.py", "nb.cells.py"}
    assert taken.version.left_out == (
        "private.cells.py: its name is that of a secret or excluded",
        "credentials.cells.py: its name is that of a secret or excluded",
    )


def test_a_repository_without_a_commit_takes_it_too(user):
    user.git("checkout", "--quiet", "--orphan", "fresh")
    user.git("rm", "--quiet", "-r", "-f", ".")

    assert user.taken_files(typed_in={"nb.cells.py": b"1"}) == {"nb.cells.py": b"1"}
