"""Files that are many, large, odd, secret, or change under git's eyes."""

import os

import pytest

from flor.config import Config


def test_edits_within_a_second_that_keep_the_size_are_seen(user):
    user.write("notes.txt", "untracked 00\n")
    user.take()

    for number in range(25):
        user.write("train.py", f"print('{number:03}')\n")
        user.write("notes.txt", f"untracked {number:02}\n")
        files = user.taken_files()
        assert files["train.py"] == f"print('{number:03}')\n".encode()
        assert files["notes.txt"] == f"untracked {number:02}\n".encode()


def test_an_edit_that_keeps_size_and_time_is_seen(user):
    for name in ("train.py", "notes.txt"):
        user.write(name, "aaaa\n")
        user.age(name)
    user.take()
    for name in ("train.py", "notes.txt"):
        user.write(name, "bbbb\n")
        user.age(name)

    files = user.taken_files()

    assert (files["train.py"], files["notes.txt"]) == (b"bbbb\n", b"bbbb\n")


def test_a_file_that_became_ignored_leaves_the_snapshot(user):
    user.write("notes.txt")
    assert "notes.txt" in user.taken_files()
    user.write(".gitignore", "notes.txt\n")

    assert "notes.txt" not in user.taken_files()


def test_a_file_that_the_user_tracks_although_ignored_is_taken(user):
    user.write(".gitignore", "*.cfg\n")
    user.write("forced.cfg", "a\n")
    assert "forced.cfg" not in user.taken_files()
    user.git("add", "--force", "forced.cfg")
    user.write("forced.cfg", "b\n")

    assert user.taken_files()["forced.cfg"] == b"b\n"


def test_2001_untracked_files_are_too_many(user):
    for number in range(2001):
        user.write(f"data/{number:04}.txt", "x")
    user.write("model.py", "x = 1\n")
    user.write("train.py", "print('two')\n")

    taken = user.take()

    assert user.files(taken.version.commit) == {"train.py": b"print('two')\n", "model.py": b"x = 1\n"}
    assert taken.version.left_out[-1] == (
        "1981 more files: more than 2,000 untracked files or 50 MB, and not a source file"
    )


def test_2000_untracked_files_are_all_taken(user):
    for number in range(2000):
        user.write(f"data/{number:04}.txt", "x")

    taken = user.take()

    assert len(user.git("ls-tree", "-r", "--name-only", taken.version.commit).splitlines()) == 2001
    assert taken.version.left_out == ()


def test_5000_small_untracked_files_are_not_taken(user):
    for number in range(5000):
        user.write(f"data/{number:04}.json", "{}")

    taken = user.take()

    assert set(user.files(taken.version.commit)) == {"train.py"}


def test_a_200_mb_untracked_file_is_named_and_not_read(user):
    path = user.write("weights.bin", "")
    os.truncate(path, 200_000_000)

    taken = user.take()

    assert taken.version.left_out == ("weights.bin: larger than 5 MB",)
    assert "weights.bin" not in user.files(taken.version.commit)


def test_a_tracked_file_that_grew_too_large_is_left_out_not_kept_stale(user):
    user.write("table.csv", "small\n")
    user.commit()
    os.truncate(user.root / "table.csv", 6_000_000)

    taken = user.take()

    assert "table.csv" not in user.files(taken.version.commit)
    assert taken.version.left_out == ("table.csv: larger than 5 MB",)


def test_a_large_file_that_the_user_committed_is_in_the_snapshot(user):
    user.write("table.csv", b"0" * 6_000_000)
    user.commit()

    assert len(user.taken_files()["table.csv"]) == 6_000_000


def test_links_are_kept_as_links_also_in_a_loop(user):
    (user.root / "loop").symlink_to(".")
    (user.root / "a").symlink_to("b")
    (user.root / "b").symlink_to("a")
    (user.root / "out").symlink_to("/etc/hostname")

    files = user.taken_files()

    assert {name: files[name] for name in ("loop", "a", "b", "out")} == {
        "loop": b".",
        "a": b"b",
        "b": b"a",
        "out": b"/etc/hostname",
    }


@pytest.mark.parametrize(
    "name",
    [
        "new\nline.py",
        'tab\tquote"back\\slash.py',
        " space .py",
        "*.py",
        ":(glob)x.py",
        "-option.py",
        "#x",
        "ünï.py",
    ],
)
def test_odd_names_are_kept(user, name):
    user.write(name, "odd\n")
    assert user.taken_files()[name] == b"odd\n"
    user.commit()
    user.write(name, "changed\n")
    assert user.taken_files()[name] == b"changed\n"
    (user.root / name).unlink()
    assert name not in user.taken_files()


def test_names_that_are_no_valid_text_are_kept_and_shown_by_escapes(user):
    for name in (b"caf\xe9.py", b"large\xff"):
        with open(os.path.join(os.fsencode(user.root), name), "wb") as opened:
            opened.write(b"odd\n")
            opened.truncate(6_000_000 if b"large" in name else 4)

    taken = user.take()

    assert user.files(taken.version.commit)["caf\udce9.py"] == b"odd\n"
    assert taken.version.left_out == ("large\\xff: larger than 5 MB",)


def test_a_pipe_is_not_waited_for(user):
    os.mkfifo(user.root / "untracked")
    (user.root / "train.py").unlink()
    os.mkfifo(user.root / "train.py")

    taken = user.take()

    assert user.files(taken.version.commit) == {}
    assert taken.version.left_out == ("train.py: neither a file nor a link",)


def test_executable_files_stay_executable(user):
    user.write("run.sh", "#!/bin/sh\n").chmod(0o755)

    commit = user.take().version.commit

    assert user.git("ls-tree", commit, "run.sh").startswith("100755")


def test_secrets_are_never_committed_unless_tracked(user):
    user.write("id_ed25519", "tracked by the user\n")
    user.commit()
    secrets = (".env", ".env.production", "a/.netrc", "server.pem", "x.key", "id_rsa", ".npmrc", ".pypirc")
    more = ("kaggle.json", "credentials", "gcp/credentials.json", "mine.secret")
    for name in (*secrets, *more):
        user.write(name, "SECRET\n")
    user.write("id_ed25519", "changed\n")

    taken = user.take(Config(exclude=("*.secret",)))

    assert user.files(taken.version.commit) == {"train.py": b"print('one')\n", "id_ed25519": b"changed\n"}
    assert len(taken.version.left_out) == len(secrets) + len(more)
    assert "SECRET" not in all_objects(user)


def all_objects(user):
    names = user.git(
        "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"
    ).splitlines()
    blobs = [name.split()[0] for name in names if name.endswith("blob")]
    return "".join(user.git("cat-file", "blob", name) for name in blobs)
