"""The user's files, watched while a program is executed again."""

from pathlib import Path

from flor.replay import watching


def test_files_that_are_new_gone_or_changed_are_named(tmp_path: Path) -> None:
    for name in ("kept.txt", "changed.txt", "gone.txt", "sub/deep.txt", ".flor/journal"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    watch = watching.begin(tmp_path, tmp_path / ".flor")

    unchanged = watch.changed()
    (tmp_path / "changed.txt").write_text("y")
    (tmp_path / "gone.txt").unlink()
    (tmp_path / "sub" / "new.txt").write_text("x")
    (tmp_path / ".flor" / "journal").write_text("y")

    assert watch.is_whole
    assert unchanged == ()
    assert watch.changed() == ("changed.txt", "gone.txt", "sub/new.txt")
