"""`flor fsck`, `gc` and `doctor` in a store with some history, and some damage."""

import json
import os
import time

import pytest

from journeys.cli_user import CliUser

HOUR_S = 3_600


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A project with two runs that nobody has looked at yet."""
    user = CliUser.with_repository(tmp_path_factory.mktemp("journey") / "project")
    user.train()
    user.train("lr=0.01")
    return user


@pytest.fixture
def user(recorded, tmp_path):
    return recorded.copied(tmp_path)


@pytest.fixture
def store(user):
    """The user's store, its runs sealed."""
    user.json("runs")
    return user.folder / ".flor"


def flip_a_bit(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def make_old(path):
    os.utime(path, (time.time() - 2 * HOUR_S,) * 2)


def test_fsck_reads_every_file_of_a_whole_store(user, store):
    findings = user.json("fsck")

    assert {finding["state"] for finding in findings} == {"whole"}
    assert {finding["role"] for finding in findings} == {"sealed", "cache", "manifest", "pack"}
    assert f"{len(findings)} files" in user.flor("fsck").stdout


def test_fsck_changes_nothing(user):
    before = sorted((user.folder / ".flor").rglob("*"))

    assert user.flor("fsck").returncode == 0
    assert sorted((user.folder / ".flor").rglob("*")) == before


def test_fsck_reports_a_sealed_file_cut_short_and_the_other_run_is_still_listed(user, store):
    path = min((store / "runs").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-100])

    done = user.process("fsck")

    assert done.returncode == 1
    assert f"damaged: runs/{path.name}" in done.stdout
    assert len(user.json("runs")) == 1


def test_fsck_reports_a_journal_cut_short_and_again_after_it_was_sealed(user):
    path = min((user.folder / ".flor" / "journals").glob("*.journal"))
    path.write_bytes(path.read_bytes()[:-10])

    done = user.flor("fsck", "--json")

    assert done.returncode == 1
    [torn] = [finding for finding in json.loads(done.stdout) if finding["state"] != "whole"]
    assert torn["path"] == f"journals/{path.name}"
    assert torn["state"] == "torn"
    assert torn["readable_parts"] > 0
    assert len(user.json("runs")) == 2
    assert "torn: runs/" in user.flor("fsck").stdout


def test_a_damaged_cache_rebuilds_itself(user, store):
    flip_a_bit(store / "cache" / "catalog", 100)
    assert "damaged: cache/catalog" in user.flor("fsck").stdout

    assert len(user.json("runs")) == 2
    assert user.flor("fsck").returncode == 0


def test_gc_shows_what_can_go_with_sizes_and_a_dry_run_deletes_nothing(user, store):
    done = user.flor("gc", "--dry-run")

    assert done.returncode == 0
    assert "cache" in done.stdout
    assert " kB" in done.stdout or " B" in done.stdout
    assert (store / "cache" / "catalog").exists()


def test_gc_asks_and_deletes_only_what_loses_nothing(user, store):
    left_over = store / "runs" / "0123456789abcdef.0.parquet.1.aa.tmp"
    left_over.write_bytes(b"half a file")
    make_old(left_over)
    before = user.json("runs")

    assert user.process("gc", answer="n\n").returncode == 1
    assert left_over.exists()
    assert user.process("gc", answer="y\n").returncode == 0

    assert not left_over.exists()
    assert user.json("runs") == before


def test_gc_deletes_the_blobs_of_removed_runs_and_no_others(user):
    user.write("keep.py", "import flor, numpy as np\nflor.log('w', np.arange(5000) + flor.arg('n', 0))\n")
    user.train(script="keep.py")
    user.train("n=1", script="keep.py")
    blobs = sorted((user.folder / ".flor" / "blobs").rglob("*.npy"))
    for path in blobs:
        make_old(path)
    user.flor("rm", "last", "--yes")

    assert user.flor("gc", "--yes").returncode == 0

    assert len(blobs) == 2
    assert len(sorted((user.folder / ".flor" / "blobs").rglob("*.npy"))) == 1
    user.write("load.py", "import flor\nprint(flor.dataframe('w')['w'].iloc[-1].load()[:3])\n")
    assert user.train(script="load.py").stdout.strip() == "[0 1 2]"


def test_gc_with_nothing_to_delete_says_so_and_asks_nothing(tmp_path):
    done = CliUser(tmp_path).flor("gc")

    assert (done.returncode, done.stdout) == (0, "Nothing to delete.\n")


def test_doctor_names_every_setting_with_its_source(user):
    user.write("pyproject.toml", "[tool.flor]\ncapture = true\n")
    done = user.flor("doctor", "--json", FLOR_EPSILON="0.05")

    assert done.returncode == 0
    examined = json.loads(done.stdout)
    settings = {setting["setting"]: (setting["value"], setting["source"]) for setting in examined["settings"]}
    assert settings["epsilon"] == (0.05, "FLOR_EPSILON")
    assert settings["capture"] == (True, f"{user.folder}/pyproject.toml")
    assert settings["strict"] == (False, "default")
    assert examined["project"]["store"] == str(user.folder / ".flor")
    assert examined["versions"]["pyarrow"]


def test_doctor_warns_of_git_clean(user):
    assert "git clean -x" in user.flor("doctor").stdout


def test_doctor_names_two_owners_of_the_import_name(user, tmp_path):
    other = tmp_path / "site" / "Flor-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: Flor\nVersion: 1.0\n")
    (other / "top_level.txt").write_text("flor\n")
    (other / "RECORD").write_text("flor/__init__.py,,\n")

    done = user.flor("doctor", PYTHONPATH=os.pathsep.join([user.source, str(tmp_path / "site")]))

    assert "warning  import name" in done.stdout
    assert "Flor" in done.stdout
    assert "pip uninstall Flor" in done.stdout


def test_doctor_says_that_a_setting_cannot_be_read(user):
    done = user.flor("doctor", FLOR_CAPTURE="perhaps")

    assert done.returncode == 1
    assert "FLOR_CAPTURE" in done.stdout
    assert "problem" in done.stdout


def test_doctor_names_settings_that_are_none_with_the_closest(user):
    user.write("pyproject.toml", "[tool.flor]\ncaptur = true\n")
    done = user.flor("doctor")

    assert done.returncode == 0
    assert "warning  settings: `captur` in" in done.stdout
    assert "Closest: capture." in done.stdout


def test_doctor_works_outside_git(tmp_path):
    done = CliUser(tmp_path).flor("doctor")

    assert done.returncode == 0
    assert "no git repository" in done.stdout


def test_doctor_says_what_to_do_without_git_on_path(user, tmp_path):
    done = user.flor("doctor", PATH=str(tmp_path))

    assert done.returncode == 0
    assert "git is not on PATH" in done.stdout
