"""Paths below the folder of a run, as they are where it is executed again."""

from pathlib import Path, PurePosixPath

import pytest

from flor.replay import mapping
from flor.replay.mapping import Relocation

TREE = "/home/ada/project/.flor/worktrees/7/tree"
MOVED = Relocation(
    ("/home/ada/project", "/data/project"), TREE, ("/home/ada/project/.venv", "/home/ada/project/.flor")
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/ada/project", TREE),
        ("/home/ada/project/src/a.py", f"{TREE}/src/a.py"),
        ("/home/ada/project/", f"{TREE}/"),
        ("/data/project/src", f"{TREE}/src"),
        ("/home/ada/projects/a.py", "/home/ada/projects/a.py"),
        ("/home/ada", "/home/ada"),
        ("src/a.py", "src/a.py"),
        ("", ""),
        ("/home/ada/project/.venv/lib/x.py", "/home/ada/project/.venv/lib/x.py"),
        ("/home/ada/project/.venvs", f"{TREE}/.venvs"),
        ("/home/ada/project/../other/x", "/home/ada/project/../other/x"),
        ("/home/ada/other/../project/x", f"{TREE}/x"),
        ("/home/ada/project/a/../b", f"{TREE}/a/../b"),
        (f"{TREE}/src", f"{TREE}/src"),
    ],
)
def test_a_path_below_the_original_is_mapped_and_no_other(path: str, expected: str) -> None:
    assert MOVED.path(path) == expected
    assert MOVED.path(MOVED.path(path)) == MOVED.path(path)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--data=/home/ada/project/data", f"--data={TREE}/data"),
        ("file:///home/ada/project/x", f"file://{TREE}/x"),
        ("sqlite:////home/ada/project/x.db", f"sqlite:///{TREE}/x.db"),
        ("/a:/home/ada/project/src:/data/project", f"/a:{TREE}/src:{TREE}"),
        ("-I/home/ada/project/include", f"-I{TREE}/include"),
        ('{"out": "/home/ada/project/out"}', f'{{"out": "{TREE}/out"}}'),
        ("/mnt/home/ada/project/x", "/mnt/home/ada/project/x"),
        ("/home/ada/project2/x", "/home/ada/project2/x"),
        ("/home/ada/project/.venv/bin:/bin", "/home/ada/project/.venv/bin:/bin"),
        ("lr=0.1", "lr=0.1"),
    ],
)
def test_paths_within_a_word_are_mapped(word: str, expected: str) -> None:
    assert MOVED.text(word) == expected


def test_containers_that_can_be_changed_are_changed_in_place() -> None:
    table = {
        "pkg": "/home/ada/project/src/pkg",
        "paths": ["/data/project/a", 3, PurePosixPath("/data/project")],
    }
    inner = table["paths"]

    mapped = MOVED.value(table)

    assert mapped is table
    assert table["paths"] is inner
    assert table == {"pkg": f"{TREE}/src/pkg", "paths": [f"{TREE}/a", 3, PurePosixPath(TREE)]}
    assert MOVED.value(("/data/project/x", b"y")) == (f"{TREE}/x", b"y")


def test_where_the_folder_is_mounted_over_nothing_is_mapped() -> None:
    same = Relocation(("/home/ada/project",), "/home/ada/project")

    assert same.is_identity
    assert same.path("/home/ada/project/x") == "/home/ada/project/x"
    assert mapping.strays({"m": "/home/ada/project/m.py"}, same) == ()


def test_modules_of_the_original_are_strays() -> None:
    files = {
        "ours": f"{TREE}/ours.py",
        "numpy": "/home/ada/project/.venv/lib/numpy/__init__.py",
        "today": "/home/ada/project/today.py",
    }

    assert mapping.strays(files, MOVED) == ("today (/home/ada/project/today.py)",)


@pytest.mark.parametrize(
    ("link", "target", "expected"),
    [
        ("data", "storage/data", "storage/data"),
        ("a/b/data", "../../storage", "../../storage"),
        ("data", "/home/ada/project/storage", f"{TREE}/storage"),
        ("data", "/mnt/data", "/mnt/data"),
        ("data", "../shared", "/home/ada/shared"),
        ("a/data", "../../shared", "/home/ada/shared"),
        ("data", "../project/storage", f"{TREE}/storage"),
        ("python", ".venv/bin/python", "/home/ada/project/.venv/bin/python"),
    ],
)
def test_a_link_leads_to_what_it_meant_and_never_into_the_original(
    link: str, target: str, expected: str
) -> None:
    assert mapping.redirected(link, target, "/home/ada/project", MOVED) == expected


def test_search_paths_begin_with_what_is_put_first() -> None:
    assert mapping.with_first(["/a", "/b"], "/c:/a:") == "/a:/b:/c"
    assert MOVED.search_path("/home/ada/project/src:lib:/usr/lib") == f"{TREE}/src:lib:/usr/lib"


def test_fields_travel_as_json() -> None:
    import json
    from dataclasses import asdict

    assert Relocation.of(json.loads(json.dumps(asdict(MOVED)))) == MOVED
    assert Path(MOVED.target).is_absolute()
