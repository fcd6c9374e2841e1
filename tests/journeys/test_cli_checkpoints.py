"""`flor checkpoints`, and what other commands say and do about kept training states."""

import json
import os
import time

import pytest

from flor.checkpoints.store import CheckpointStore
from journeys.cli_user import CliUser

TRAIN = """import flor
import numpy as np

weights, frozen = np.zeros(5000), np.random.default_rng(0).random(20_000)
seed = flor.arg("seed", 0)
noise = np.random.default_rng(seed)
unread = (x for x in "a generator")
with flor.checkpointing(weights=weights, frozen=frozen, unread=unread):
    for epoch in flor.loop("epoch", range(4)):
        weights += noise.random(5000)
        for page in flor.loop("page", "ab"):
            flor.log("mean", float(weights.mean()))
"""
ENTRIES = [f"0/0 {kind}" for i in range(4) for kind in (f"top({i})", f"after({i}, 0)")]
ENTRIES += ["0/0 top(4)", "0/0 done", "0 end"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A project with two runs, each of which kept every state."""
    user = CliUser.with_repository(tmp_path_factory.mktemp("journey") / "project")
    user.write("train.py", TRAIN)
    user.write("pyproject.toml", "[tool.flor]\nepsilon = 1\n")
    user.train()
    user.train("seed=1")
    return user


@pytest.fixture
def user(recorded, tmp_path):
    return recorded.copied(tmp_path)


@pytest.fixture
def folder(user):
    return user.folder / ".flor" / "checkpoints"


def make_old(folder):
    for path in folder.glob("*/*"):
        os.utime(path, (time.time() - 2 * 3600,) * 2)


def runs(user):
    return [run["run"] for run in user.json("runs")]


def is_whole(folder, run):
    store = CheckpointStore(folder)
    return bool(store.kept(run)) and all(
        store.content(digest) is not None for kept in store.kept(run) for digest in kept.manifest.hashes()
    )


def test_json_lists_the_entry_points_of_a_run_in_the_order_reached(user):
    listed = user.json("checkpoints", "last")

    assert [list(one) for one in listed] == [["run", "entry", "size_bytes", "new_bytes", "opaque"]] * len(
        ENTRIES
    )
    assert [one["entry"] for one in listed] == ENTRIES
    assert {one["run"] for one in listed} == {runs(user)[-1]}
    assert all(one["new_bytes"] <= one["size_bytes"] for one in listed)
    assert {"path": "unread", "reason": "it is a generator"} in listed[0]["opaque"]


def test_without_a_run_the_states_of_all_runs_are_listed(user):
    assert [one["run"] for one in user.json("checkpoints")] == [run for run in runs(user) for _ in ENTRIES]
    assert [row["entry"] for row in user.rows("checkpoints")] == ENTRIES * 2


def test_a_terminal_shows_words_sizes_and_what_was_not_kept(user):
    shown = user.terminal("checkpoints", "last", columns=120)

    assert "before epoch 1" in shown
    assert "after epoch 3" in shown
    assert "epoch 3, after page (nested loop 1)" in shown
    assert "11 kept," in shown
    assert "x deduplicated" in shown
    assert "it is a generator" in shown


def test_a_run_that_kept_nothing_says_how_to(tmp_path):
    user = CliUser.with_repository(tmp_path / "project")
    user.train()

    assert "flor.checkpointing(model=model)" in user.terminal("checkpoints")
    assert user.json("checkpoints") == []


def test_show_and_stat_mention_kept_states(user, folder):
    assert "11 kept," in user.read("show", "last")

    files = [path for path in folder.rglob("*") if path.is_file()]
    assert user.json("stat")["folders"]["checkpoints"] == {
        "files": len(files), "size_bytes": sum(path.stat().st_size for path in files),
    }  # fmt: skip


def test_sql_has_the_same_columns(user):
    rows = user.json("query", "SELECT * FROM checkpoints ORDER BY run, entry")

    listed = sorted(user.json("checkpoints"), key=lambda one: (one["run"], one["entry"]))
    assert [row | {"opaque": json.loads(row["opaque"])} for row in rows] == listed


def test_a_removed_run_takes_its_states_with_it_and_leaves_what_others_need(user, folder):
    old, new = runs(user)
    before = sum(path.stat().st_size for path in folder.rglob("*"))

    assert user.flor("rm", old, "--yes").returncode == 0

    assert {one["run"] for one in user.json("checkpoints")} == {new}
    assert is_whole(folder, new)
    assert sum(path.stat().st_size for path in folder.rglob("*")) < before
    assert user.flor("fsck").returncode == 0


def test_gc_thins_out_the_oldest_run_over_the_budget_and_a_dry_run_only_shows_it(user, folder):
    old, new = runs(user)
    taken = sum(path.stat().st_size for path in folder.rglob("*"))
    budget = {"FLOR_STORAGE_BUDGET_GB": str((taken - 30_000) / 1e9)}

    dry = user.flor("gc", "--dry-run", **budget)
    listed = json.loads(user.flor("gc", "--dry-run", "--json", **budget).stdout)
    before = user.json("checkpoints")
    done = user.flor("gc", "--yes", **budget)

    assert "checkpoint beyond the storage budget" in dry.stdout
    assert {
        one["path"].split("/")[1].partition(".")[0] for one in listed if "checkpoint beyond" in one["reason"]
    } == {old}
    assert len(before) == 2 * len(ENTRIES)
    assert done.returncode == 0, done.stderr
    after = [one["entry"] for one in user.json("checkpoints", old)]
    assert [entry for entry in after if "top" in entry] == ["0/0 top(0)", "0/0 top(3)", "0/0 top(4)"]
    assert after[-2:] == ["0/0 done", "0 end"]
    assert len(user.json("checkpoints", new)) == len(ENTRIES)
    assert is_whole(folder, old)
    assert is_whole(folder, new)


def test_gc_says_when_the_budget_cannot_be_met(user):
    done = user.flor("gc", "--yes", FLOR_STORAGE_BUDGET_GB="0")

    assert "more than the budget" in done.stderr
    assert len(user.json("checkpoints")) < 2 * len(ENTRIES)


def test_gc_takes_out_states_whose_run_is_gone(user, folder):
    old, new = runs(user)
    for path in (user.folder / ".flor" / "runs").glob(f"{old}.*"):
        path.unlink()
    make_old(folder)

    user.read("gc", "--yes")

    assert list(folder.glob(f"{old}.*/*.manifest")) == []
    assert is_whole(folder, new)


def test_gc_compresses_packs_and_everything_is_read_as_before(user, folder):
    before = {digest for kept in CheckpointStore(folder).all() for digest in kept.manifest.hashes()}
    contents = {digest: bytes(CheckpointStore(folder).content(digest)) for digest in before}
    taken = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))

    dry = user.flor("gc", "--compress", "--dry-run")
    done = user.flor("gc", "--compress", "--yes")

    assert "would be compressed" in dry.stderr
    assert "Compressed" in done.stderr
    assert sum(path.stat().st_size for path in folder.rglob("*.safetensors")) < taken
    assert {digest: bytes(CheckpointStore(folder).content(digest)) for digest in before} == contents
    assert user.flor("fsck").returncode == 0
    assert "Compressed 0 packs" in user.flor("gc", "--compress", "--yes").stderr


def test_fsck_names_a_flipped_bit_and_the_states_that_need_it(user, folder):
    pack = min(folder.glob("*/*.safetensors"))
    content = bytearray(pack.read_bytes())
    content[-3] ^= 1
    pack.write_bytes(content)

    done = user.flor("fsck")

    assert done.returncode == 1
    assert f"damaged: checkpoints/{pack.parent.name}/{pack.name} (pack)" in done.stdout
    assert "(manifest)" in done.stdout
