"""A few runs, looked at with `flor runs`, `show`, `diff`, `stat` and `rm`."""

import re

import pytest

from journeys.cli_user import CliUser


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """Someone who ran a script three times, the last time after an edit. (Not to be changed: see `own`.)"""
    user = CliUser.with_repository(tmp_path_factory.mktemp("journey") / "project")
    user.train()
    user.train("lr=0.01")
    text = (user.folder / "train.py").read_text()
    user.write("train.py", text.replace("50.0", "60.0"))
    user.train("epochs=2")
    user.json("runs")
    return user


@pytest.fixture(scope="module")
def ids(user):
    return [run["run"] for run in user.json("runs")]


@pytest.fixture
def own(user, tmp_path):
    return user.copied(tmp_path)


def test_runs_lists_what_each_run_was_given_and_reached(user):
    runs = user.json("runs")

    assert [run["args"] for run in runs] == [
        {"lr": 0.1, "epochs": 3},
        {"lr": 0.01, "epochs": 3},
        {"lr": 0.1, "epochs": 2},
    ]
    assert [run["values"]["accuracy"] for run in runs] == [52.0, 52.0, 61.0]
    assert [(run["status"], run["filename"], run["projid"]) for run in runs] == [
        ("finished", "train.py", "project")
    ] * 3
    assert list(runs[0]) == [
        "run",
        "projid",
        "tstamp",
        "filename",
        "status",
        "rank_count",
        "duration_s",
        "args",
        "values",
        "version",
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", runs[0]["tstamp"])


def test_piped_runs_are_tab_separated_and_complete(user, ids):
    rows = user.rows("runs")

    assert [row["run"] for row in rows] == ids
    assert rows[1]["args"] == '{"lr": 0.01, "epochs": 3}'
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", rows[0]["tstamp"])


def test_a_terminal_shows_short_ids_and_fits(user, ids):
    shown = user.terminal("runs", columns=120)

    header, *lines = shown.splitlines()
    assert header.split() == ["run", "when", "script", "status", "duration", "arguments", "last", "values"]
    assert [line.split()[0] for line in lines] == [run[:6] for run in ids]
    assert "lr=0.01 epochs=3" in lines[1]
    assert max(map(len, shown.splitlines())) <= 120


def test_a_narrow_terminal_still_shows_how_each_run_ended(user, ids):
    shown = user.terminal("runs", columns=80).splitlines()

    assert all("finished" in line for line in shown[1:])
    assert max(map(len, shown)) <= 80


def chosen(user, *arguments):
    return [run["run"] for run in user.json("runs", *arguments)]


def test_runs_can_be_chosen_by_arguments_results_and_status(user, ids):
    assert chosen(user, "--where", "lr < 0.05") == ids[1:2]
    assert chosen(user, "--where", "accuracy > 60 AND status = 'finished'") == ids[2:]
    assert chosen(user, "--limit", "2") == ids[1:]
    assert chosen(user, "--limit", "0") == []


def test_a_predicate_that_makes_no_sense_is_an_error_with_a_remedy(user):
    done = user.flor("runs", "--where", "acuracy > 60")

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "accuracy" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["id", "prefix", "tstamp", "last"])
def test_a_run_is_named_by_id_prefix_time_or_last(user, name):
    run = user.json("runs")[-1]
    names = {
        "id": run["run"],
        "prefix": run["run"][:7],
        "tstamp": run["tstamp"].replace("T", " "),
        "last": "last",
    }

    assert user.json("show", names[name])["run"] == run["run"]


def test_a_run_that_is_not_there_is_an_error(user):
    done = user.flor("show", "nonsense")

    assert (done.returncode, done.stdout) == (1, "")
    assert "nonsense" in done.stderr


def test_show_tells_all_that_is_known(user):
    run = user.json("show", "last")

    assert run["status"] == "finished"
    assert run["records"] == 2 + 2 * 4 + 2
    assert run["loops"] == [{"path": "epoch", "iterations": 2}, {"path": "epoch/step", "iterations": 4}]
    loss = {"name": "loss", "path": "epoch/step", "kinds": ["float"], "sources": ["log"], "count": 8}
    assert loss in run["names"]
    assert run["environment"]["packages"]["numpy"]
    assert "60.0" in user.git("show", f"{run['version']}:train.py")

    page = user.flor("show", "last").stdout
    assert "epoch/step" in page
    assert "61.0" in page
    assert run["version"] in page


def test_diff_shows_code_arguments_and_results_side_by_side(user, ids):
    difference = user.json("diff", ids[0], "last")

    assert '+    flor.log("accuracy", 60.0 + epoch)' in difference["code"]
    assert difference["args"]["epochs"] == {"left": 3, "right": 2, "differs": True}
    assert difference["args"]["lr"]["differs"] is False
    assert difference["values"]["accuracy"] == {"left": 52.0, "right": 61.0, "differs": True}
    assert difference["environment"]["packages.numpy"]["differs"] is False

    page = user.flor("diff", ids[0], "last").stdout
    assert '-    flor.log("accuracy", 50.0 + epoch)' in page
    assert re.search(r"\*\s+epochs\s+3\s+2", page)
    assert "packages.numpy" not in page


def test_diff_of_a_run_with_itself_finds_nothing(user):
    page = user.flor("diff", "last", "last").stdout

    assert page.count("the same") >= 2


def test_stat_counts_runs_records_and_bytes(user):
    counted = user.json("stat")

    assert counted["runs"] == 3
    assert counted["status"] == {"finished": 3}
    assert counted["records"] == 17 + 17 + 12
    assert counted["folders"]["runs"]["size_bytes"] > 0
    assert counted["size_bytes"] == sum(folder["size_bytes"] for folder in counted["folders"].values())


def test_rm_asks_and_a_no_leaves_everything(own, ids):
    done = own.flor("rm", ids[0], answer="n\n")

    assert done.returncode == 1
    assert "nothing was done" in done.stderr
    assert [run["run"] for run in own.json("runs")] == ids


def test_rm_removes_the_records_and_never_touches_git(own, ids):
    before = own.git("for-each-ref"), own.git("status", "--porcelain")

    done = own.flor("rm", ids[0][:8], ids[2], answer="y\n")

    assert done.returncode == 0, done.stderr
    assert [run["run"] for run in own.json("runs")] == ids[1:2]
    assert [row["run"] for row in own.rows("query", "SELECT DISTINCT run FROM logs")] == ids[1:2]
    everything = b"".join(path.read_bytes() for path in (own.folder / ".flor").rglob("*") if path.is_file())
    assert ids[0].encode() not in everything
    assert (own.git("for-each-ref"), own.git("status", "--porcelain")) == before


def test_on_a_terminal_rm_shows_what_it_will_remove_and_asks(own, ids):
    shown = own.terminal("rm", "last", answer="y\n")

    assert "Remove 1 run [y/N]?" in shown
    assert "epochs=2" in shown
    assert [run["run"] for run in own.json("runs")] == ids[:2]


def test_rm_with_nobody_there_removes_nothing(own, ids):
    done = own.flor("rm", "last", answer="")

    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert len(own.json("runs")) == 3


def test_in_a_part_of_a_monorepo_questions_are_about_its_own_runs(tmp_path):
    user = CliUser.with_repository(tmp_path / "project")
    for name in ("vision", "speech"):
        (user.folder / name).mkdir()
        user.write(f"{name}/pyproject.toml", "[tool.flor]\n")
        user.write(f"{name}/train.py", (user.folder / "train.py").read_text())
        user.train(script=f"{name}/train.py")
    vision = CliUser(user.folder / "vision")

    assert [run["projid"] for run in user.json("runs")] == ["vision", "speech"]
    assert [run["filename"] for run in vision.json("runs")] == ["vision/train.py"]
    assert {row["projid"] for row in vision.rows("dataframe", "loss")} == {"vision"}
    assert vision.rows("query", "SELECT DISTINCT projid FROM logs") == [{"projid": "vision"}]


def test_a_folder_without_runs_has_an_empty_list_and_no_store_is_made(tmp_path):
    user = CliUser(tmp_path)

    assert user.json("runs") == []
    assert user.json("stat")["runs"] == 0
    assert user.flor("show", "last").returncode == 1
    assert list(tmp_path.iterdir()) == []
