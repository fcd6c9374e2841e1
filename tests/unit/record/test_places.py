"""Which files are a program's own data."""

import sys
from pathlib import Path

import pytest

from flor.config import Config
from flor.project import Project
from flor.record.places import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "alias").symlink_to(root)
    return Places.of(Project(root, "project", root / ".flor", Config(), None, None))


@pytest.mark.parametrize(
    ("path", "known_as"),
    [
        ("data/x.csv", "data/x.csv"),
        ("./data/../x.csv", "x.csv"),
        (".cache/x.bin", ".cache/x.bin"),
        (".flor/journals/a.journal", None),
        (".git/HEAD", None),
        ("model.py", None),
        ("lib/libx.so.1", None),
        ("venv/lib/python3.11/site-packages/x/data.json", None),
        ("/proc/meminfo", None),
        ("/usr/share/zoneinfo/UTC", None),
        ("/etc/hosts", None),
        ("/home/u/.netrc", None),
        (
            "/home/u/.cache/torch/hub/checkpoints/resnet.pth.tar",
            "/home/u/.cache/torch/hub/checkpoints/resnet.pth.tar",
        ),
        ("/home/u/.cache/matplotlib/fontlist.json", None),
        ("/mnt/data/x.csv", "/mnt/data/x.csv"),
        (f"{sys.prefix}/lib/x.txt", None),
    ],
)
def test_what_is_read(places: Places, path: str, known_as: str | None) -> None:
    assert places.key(path, places.root, is_written=False) == known_as


def test_code_that_is_written_is_data(places: Places) -> None:
    assert places.key("made.py", places.root, is_written=True) == "made.py"
    assert places.key("__pycache__/made.pyc", places.root, is_written=True) is None


def test_the_project_has_one_name_by_whichever_way_it_is_reached(places: Places, tmp_path: Path) -> None:
    assert places.key(str(tmp_path / "alias" / "x.csv"), "/", is_written=False) == "x.csv"
    assert places.key("x.csv", str(tmp_path / "alias"), is_written=False) == "x.csv"
    assert places.whole("x.csv") == str(tmp_path / "project" / "x.csv")


def test_a_home_folder_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not Places.of(Project(tmp_path, "home", tmp_path / ".flor", Config(), None, None)).is_listable
    below = tmp_path / "project"
    assert Places.of(Project(below, "project", below / ".flor", Config(), None, None)).is_listable
