"""What goes into a snapshot."""

import pytest

from flor.snapshots.selection import Candidate, Rules, Shape, matcher, name, printable, select

MB = 1_000_000


def untracked(path, size=1, shape=Shape.FILE):
    return Candidate(path, False, shape, size)


def tracked(path, size=1, shape=Shape.FILE, is_dirty=False):
    return Candidate(path, True, shape, size, is_dirty)


def test_changed_and_new_files_are_taken_and_deleted_ones_removed():
    candidates = [tracked("a.py"), tracked("gone.py", shape=Shape.MISSING), untracked("b.py")]

    chosen = select(candidates, Rules())

    assert chosen.add == ("a.py", "b.py")
    assert chosen.remove == ("gone.py",)
    assert chosen.left_out == ()


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.local",
        "deploy/.envrc",
        "server.pem",
        "tls/server.KEY",
        "id_rsa",
        "home/id_ed25519",
        ".netrc",
        ".npmrc",
        ".pypirc",
        "kaggle.json",
        "credentials",
        "aws/credentials.json",
        "credentials/token.txt",
    ],
)
def test_an_untracked_secret_is_left_out_and_named(path):
    chosen = select([untracked(path)], Rules())

    assert chosen.add == ()
    assert chosen.left_out == (f"{path}: untracked, and its name is that of a secret or excluded",)


@pytest.mark.parametrize(
    "path", ["environment.py", "my.env.py", "id_rsa.py", "keys.py", "pem.txt", "id_rsa_2"]
)
def test_a_name_that_only_resembles_a_secret_is_taken(path):
    assert select([untracked(path)], Rules()).add == (path,)


def test_a_tracked_secret_is_taken_for_the_user_has_committed_it():
    assert select([tracked(".env")], Rules()).add == (".env",)


def test_patterns_of_the_project_extend_the_secrets():
    rules = Rules(exclude=("*.csv", "notes/private/", "/build"))
    paths = ["a.csv", "x/b.csv", "notes/private/c.py", "build/d.py", "notes/e.py", "x/build/f.py"]

    chosen = select([untracked(path) for path in paths], rules)

    assert chosen.add == ("notes/e.py",)  # a lone name applies at every depth, as in a .gitignore without /


def test_a_pattern_with_a_slash_is_relative_to_the_top():
    matches = matcher(["data/raw"])

    assert matches("data/raw/x.csv")
    assert not matches("old/data/raw/x.csv")


def test_2000_untracked_files_are_taken_whatever_they_are():
    chosen = select([untracked(f"data/{number}.txt") for number in range(2000)], Rules())

    assert len(chosen.add) == 2000


def test_beyond_2000_untracked_files_only_source_files_are_taken():
    candidates = [untracked(f"data/{number}.txt") for number in range(2000)] + [untracked("train.py")]

    chosen = select(candidates, Rules())

    assert chosen.add == ("train.py",)
    assert len(chosen.left_out) == 21
    assert chosen.left_out[-1].startswith("1980 more files: more than 2,000 untracked files or 50 MB")


def test_beyond_50_mb_only_source_files_are_taken():
    candidates = [untracked(f"{number}.bin", 4 * MB) for number in range(13)] + [untracked("conf/a.yaml")]

    assert select(candidates, Rules()).add == ("conf/a.yaml",)


def test_among_too_many_source_files_those_that_were_imported_come_first():
    candidates = [untracked(f"{number:04}.py") for number in range(2001)]

    chosen = select(candidates, Rules(loaded=frozenset({"2000.py"})))

    assert len(chosen.add) == 2000
    assert "2000.py" in chosen.add
    assert "1999.py" not in chosen.add


def test_a_large_untracked_file_is_left_out_and_does_not_count():
    candidates = [untracked("model.bin", 200 * MB), untracked("notes.txt")]

    chosen = select(candidates, Rules())

    assert chosen.add == ("notes.txt",)
    assert chosen.left_out == ("model.bin: larger than 5 MB",)


def test_a_large_changed_tracked_file_is_removed_never_kept_stale():
    chosen = select([tracked("table.csv", 6 * MB)], Rules())

    assert chosen.remove == ("table.csv",)
    assert chosen.left_out == ("table.csv: larger than 5 MB",)


def test_what_is_no_file_is_named():
    candidates = [
        untracked("vendored/", shape=Shape.REPOSITORY),
        untracked("locked.py", shape=Shape.UNREADABLE),
        tracked("pipe", shape=Shape.OTHER),
        tracked("lib", shape=Shape.SUBMODULE, is_dirty=True),
    ]

    chosen = select(candidates, Rules())

    assert chosen.add == ("lib",)
    assert chosen.remove == ("pipe",)
    assert chosen.left_out == (
        "lib: submodule with uncommitted changes",
        "pipe: neither a file nor a link",
        "vendored/: nested repository",
        "locked.py: not readable",
    )


def test_where_untracked_files_are_refused_none_is_taken():
    chosen = select([tracked("a.py"), untracked("b.py")], Rules(refusal="because"))

    assert chosen.add == ("a.py",)
    assert chosen.left_out == ("b.py: because",)


def test_untracked_files_of_other_projects_in_the_repository_are_passed_over():
    rules = Rules(below="vision", loaded=frozenset({"common/tool.py"}))
    paths = ["vision/a.py", "speech/b.py", "visionary/c.py", "common/tool.py"]

    chosen = select([*map(untracked, paths), tracked("speech/d.py")], rules)

    assert chosen.add == ("vision/a.py", "speech/d.py")
    assert chosen.left_out == ("common/tool.py: imported, but untracked and outside vision",)


def test_the_store_never_goes_in():
    rules = Rules(store="kept")
    candidates = [untracked(".flor/x"), untracked("sub/.flor/x"), tracked(".flor/y"), untracked("kept/z")]

    chosen = select(candidates, rules)

    assert chosen.add == ()
    assert chosen.remove == (".flor/y",)
    assert chosen.left_out == ()


def test_a_name_in_another_encoding_is_shown_by_escapes():
    assert printable("caf\udce9\n.py") == "caf\\xe9\\n.py"
    assert name([("caf\udce9", "why")]) == ("caf\\xe9: why",)
