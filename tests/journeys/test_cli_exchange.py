"""Two clones exchange their runs through a remote with `flor push` and `flor pull`."""

import shutil

import pytest

from journeys.cli_user import TRAIN, CliUser

KEEP = "import flor, numpy as np\nflor.log('w', np.arange(5000) + flor.arg('n', 0))\n"
LOAD = "import flor\nprint(flor.dataframe('w')['w'].iloc[-1].load()[:3])\n"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with two clones of one project, each with a run of its own, and their remote."""
    folder = tmp_path_factory.mktemp("exchange")
    first = CliUser.with_repository(folder / "first")
    first.git("init", "--quiet", "--bare", "../remote.git")
    first.git("remote", "add", "origin", "../remote.git")
    first.git("push", "--quiet", "origin", "main")
    first.git("clone", "--quiet", "--branch", "main", "../remote.git", "../second")
    second = CliUser(folder / "second")
    first.train("lr=0.5")
    second.train("lr=0.25")
    return folder


@pytest.fixture
def users(recorded, tmp_path):
    shutil.copytree(recorded, tmp_path / "exchange", symlinks=True)
    for name in ("first", "second"):
        CliUser(tmp_path / "exchange" / name).git("remote", "set-url", "origin", "../remote.git")
    return CliUser(tmp_path / "exchange" / "first"), CliUser(tmp_path / "exchange" / "second")


def third(users):
    """A fresh clone."""
    folder = users[0].folder.parent / "third"
    users[0].git("clone", "--quiet", "--branch", "main", "../remote.git", str(folder))
    return CliUser(folder)


def pushed(user):
    """The names of the files of records that the user has pushed or pulled."""
    return user.git("ls-tree", "-r", "--name-only", "refs/flor/records").split()


def rates(user):
    return sorted(run["args"]["lr"] for run in user.json("runs"))


def test_a_fresh_clone_gets_the_whole_history(users):
    first, _ = users
    first.read("push")
    clone = third(users)

    done = clone.process("pull")

    assert done.returncode == 0, done.stderr
    assert "1 record file" in done.stdout
    assert rates(clone) == [0.5]
    assert clone.rows("dataframe", "loss") == first.rows("dataframe", "loss")
    [run] = clone.json("runs")
    assert "flor.loop" in clone.git("show", f"{run['version']}:train.py")
    assert clone.git("status", "--porcelain") == ""


def test_the_records_of_many_runs_travel_in_one_bundle(users):
    first, _ = users
    for number in range(3):
        first.train(f"lr={number + 1}")

    assert len(first.json("push")["records"]) == 4

    names = pushed(first)
    assert [name.split("/")[0] for name in names] == ["bundles", "bundles"]
    clone = third(users)
    assert len(clone.json("pull")["records"]) == 4
    assert rates(clone) == [0.5, 1, 2, 3]
    for command in (["dataframe", "loss"], ["query", "SELECT * FROM logs ORDER BY tstamp, seq"]):
        assert clone.rows(*command) == first.rows(*command)
    [run, *_] = clone.json("runs")
    assert clone.json("show", run["run"])["environment"] == first.json("show", run["run"])["environment"]


def test_a_later_push_sends_only_the_runs_since(users):
    first, second = users
    first.read("push")
    second.read("pull")
    first.train("lr=0.125")

    assert len(first.json("push")["records"]) == 1
    assert len(second.json("push")["records"]) == 1
    assert len(first.json("pull")["records"]) == 1
    assert len(second.json("pull")["records"]) == 1
    assert len(pushed(first)) == 6
    assert rates(first) == rates(second) == [0.125, 0.25, 0.5]


def test_arrays_go_with_the_records_that_name_them(users):
    first, _ = users
    first.write("keep.py", KEEP)
    first.train(script="keep.py")
    clone = third(users)
    clone.write("load.py", LOAD)

    assert len(first.json("push")["blobs"]) == 1
    assert len(clone.json("pull")["blobs"]) == 1

    assert clone.train(script="load.py").stdout.strip() == "[0 1 2]"
    assert first.json("push")["blobs"] == clone.json("pull")["blobs"] == []


def test_a_blob_that_was_damaged_on_the_way_is_refused(users):
    first, _ = users
    first.write("keep.py", KEEP)
    first.train(script="keep.py")
    first.read("push")
    [blob] = [name for name in pushed(first) if name.startswith("blobs/")]
    other = first.git("hash-object", "-w", "train.py").strip()
    tree = first.git("ls-tree", "-r", "refs/flor/records").splitlines()
    entries = [f"{line.partition(' ')[0]} blob {other}\t{blob}" if blob in line else line for line in tree]
    first.git("read-tree", "--empty")
    for entry in entries:
        mode, _, rest = entry.split(maxsplit=2)
        content, name = rest.split("\t")
        first.git("update-index", "--add", "--cacheinfo", f"{mode},{content},{name}")
    commit = first.git("commit-tree", first.git("write-tree").strip(), "-m", "damaged").strip()
    first.git("push", "--quiet", "--force", "origin", f"{commit}:refs/flor/records")
    clone = third(users)

    done = clone.flor("pull")

    assert done.returncode == 0
    assert "damaged" in done.stderr
    assert len(clone.json("runs")) == 2
    assert not (clone.folder / ".flor" / "blobs").exists()


def test_records_in_the_older_form_are_still_read(users):
    first, second = users
    [run] = first.json("runs")
    name = f"{run['run']}.0.parquet"
    content = first.git("hash-object", "-w", f".flor/runs/{name}").strip()
    first.git("read-tree", "--empty")
    first.git("update-index", "--add", "--cacheinfo", f"100644,{content},{name}")
    commit = first.git("commit-tree", first.git("write-tree").strip(), "-m", "FLOR::Records").strip()
    first.git("push", "--quiet", "origin", f"{commit}:refs/flor/records")

    assert first.json("push")["records"] == []
    assert second.json("pull")["records"] == [name]
    assert rates(second) == [0.25, 0.5]
    assert "has been pushed" in second.flor("rm", run["run"], "--yes").stderr


def test_both_sides_are_merged(users):
    first, second = users

    first.read("push")
    second.read("push")
    second.read("pull")
    first.read("pull")

    assert rates(first) == rates(second) == [0.25, 0.5]


def test_pushing_and_pulling_again_moves_nothing(users):
    first, _ = users
    assert len(first.json("push")["records"]) == 1

    nothing = {"remote": "origin", "versions": 0, "records": [], "blobs": []}
    assert first.json("push") == first.json("pull") == nothing


def test_removing_a_pushed_run_says_that_there_is_a_copy(users):
    first, _ = users
    first.read("push")

    done = first.flor("rm", "last", "--yes")

    assert done.returncode == 0
    assert "has been pushed" in done.stderr
    assert rates(first) == []


def test_removing_a_run_that_was_not_pushed_says_nothing_of_it(users):
    first, _ = users

    assert "pushed" not in first.flor("rm", "last", "--yes").stderr


def test_without_a_remote_the_error_says_how_to_add_one(tmp_path):
    user = CliUser.with_repository(tmp_path / "project")

    done = user.flor("push")

    assert done.returncode == 1
    assert "git remote add origin" in done.stderr


def test_outside_git_there_is_nothing_to_push(tmp_path):
    done = CliUser(tmp_path).flor("push")

    assert done.returncode == 1
    assert "no git repository" in done.stderr


PROBE = 'flor.log("accuracy", 50.0 + epoch)\n'


def replay(user, probe, *where):
    """Ask for `probe`, which logs this today."""
    user.write("train.py", TRAIN.replace(PROBE, f'{PROBE}    flor.log("probe", {probe})\n'))
    done = user.process("replay", "probe", *where, "--yes")
    assert done.returncode == 0, done.stderr


def answers(user):
    """What the runs have as `probe`."""
    return [row["probe"] for row in user.json("dataframe", "probe")]


def test_answers_that_were_replaced_come_back_from_nowhere(users):
    first, _ = users
    replay(first, "epoch")
    first.read("push")
    early = third(users)
    early.read("pull")
    assert answers(early) == [0, 1, 2]
    replay(first, "-epoch")
    assert answers(first) == [0, -1, -2]

    first.read("push")
    first.read("pull")
    early.read("pull")

    assert answers(first) == [0, -1, -2]
    assert answers(early) == [0, -1, -2]


def test_answers_that_were_replaced_in_part_count_once(users):
    first, _ = users
    replay(first, "epoch", "epoch <= 2")
    replay(first, "-epoch", "epoch = 1")
    replay(first, "-epoch")
    first.read("push")
    late = third(users)

    late.read("pull")

    assert answers(late) == answers(first) == [0, -1, -2]
