"""The files that a run had written, as they stood at an entry point."""

from pathlib import Path

from flor.replay import standing
from flor.runs.contents import Contents


def test_files_are_as_they_were_or_away(tmp_path: Path) -> None:
    contents, root = Contents(tmp_path / "files"), tmp_path / "tree"
    contents.folder.mkdir()
    digest = contents.keep_bytes(b"then")
    root.mkdir()
    for name in ("log.txt", "lost.pt", "removed.txt"):
        (root / name).write_text("of the beginning, and longer")
    appending = (root / "log.txt").open("a")
    known = {"size": 4, "mtime_ns": 1_000_000_000, "sha256": digest, "is_kept": True}
    then = {
        "log.txt": known,
        "out/best.pt": known,
        "lost.pt": {"size": 3, "mtime_ns": 1, "sha256": "0" * 64},
        "other/lost.pt": {"size": 3, "mtime_ns": 1},
        "removed.txt": {"size": None},
        str(tmp_path / "elsewhere.txt"): known,
    }

    lacking = standing.put(then, root, contents)
    appending.write("+more")
    appending.close()

    assert lacking == ("lost.pt", "other/lost.pt")
    assert (root / "log.txt").read_text() == "then+more"
    assert (root / "out" / "best.pt").read_text() == "then"
    assert sorted(path.name for path in root.rglob("*")) == ["best.pt", "log.txt", "other", "out"]
    assert not (tmp_path / "elsewhere.txt").exists()


def test_what_stands_already_is_not_written_again(tmp_path: Path) -> None:
    contents = Contents(tmp_path / "files")
    contents.folder.mkdir()
    then = {"a": {"size": 4, "mtime_ns": 5_000, "sha256": contents.keep_bytes(b"then")}}
    standing.put(then, tmp_path, contents)
    (tmp_path / "a").chmod(0o444)
    before = (tmp_path / "a").stat()

    standing.put(then, tmp_path, contents)

    assert (tmp_path / "a").stat() == before
    assert standing.put(None, tmp_path, contents) == ()
