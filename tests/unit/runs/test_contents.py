"""Contents kept by their hash, and the hashes of files that stay as they are."""

import hashlib
import os
from pathlib import Path

import pytest

from flor.errors import Unreadable
from flor.runs import contents
from flor.runs.contents import Changed, Contents, Digests, State, finish, hashing, state_of
from flor.runs.hashes import HashCache


def written(folder: Path, content: bytes, age_s: float = 0) -> Path:
    path = folder / "data.bin"
    path.write_bytes(content)
    return path


def state(path: Path) -> State:
    found = state_of(str(path))
    assert found
    return found


def test_a_file_is_copied_while_it_is_hashed(tmp_path: Path) -> None:
    store, content = Contents(tmp_path / "files"), os.urandom(3_000_000)
    path = written(tmp_path, content)

    steps = store.keep(str(path), state(path))
    found = finish(steps)

    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert store.path(found.sha256).read_bytes() == content
    store.put(found.sha256, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


def test_a_file_that_changes_meanwhile_is_not_kept(tmp_path: Path) -> None:
    store = Contents(tmp_path / "files")
    path = written(tmp_path, os.urandom(3_000_000))
    steps = store.keep(str(path), state(path))
    next(steps)
    with path.open("ab") as file:
        file.write(b"more")

    with pytest.raises(Changed):
        finish(steps)

    assert [one for one in store.folder.rglob("*") if one.is_file()] == []


def test_a_file_that_is_replaced_meanwhile_is_not_kept(tmp_path: Path) -> None:
    path = written(tmp_path, os.urandom(3_000_000))
    steps = hashing(str(path), state(path))
    next(steps)
    (tmp_path / "other").write_bytes(path.read_bytes())
    os.replace(tmp_path / "other", path)

    with pytest.raises(Changed):
        finish(steps)


def test_given_up_midway_nothing_is_left(tmp_path: Path) -> None:
    store = Contents(tmp_path / "files")
    path = written(tmp_path, os.urandom(3_000_000))
    steps = store.keep(str(path), state(path))
    next(steps)
    steps.close()

    assert list(store.folder.iterdir()) == []


def test_the_name_that_git_gives_to_a_content(tmp_path: Path) -> None:
    path = written(tmp_path, b"hello\n")

    assert finish(hashing(str(path), None, oid_length=40)).oid == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_damaged_content_is_not_put_anywhere(tmp_path: Path) -> None:
    store = Contents(tmp_path / "files")
    digest = store.keep_bytes(b"content")
    store.path(digest).write_bytes(b"damaged")

    with pytest.raises(Unreadable):
        store.put(digest, tmp_path / "back")
    with pytest.raises(Unreadable):
        store.put("0" * 64, tmp_path / "back")

    assert not (tmp_path / "back").exists()


def test_the_beginning_of_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, b"abcdef")

    assert contents.sha256_of_prefix(str(path), 3) == hashlib.sha256(b"abc").hexdigest()
    assert contents.sha256_of_prefix(str(path), 7) is None
    assert contents.sha256_of_prefix(str(path), 0) == hashlib.sha256(b"").hexdigest()


def test_hashes_are_remembered_of_files_that_have_settled(tmp_path: Path) -> None:
    cache = HashCache(tmp_path / "cache" / "hashes")
    old, new = State(1, 1, 1, 1), state(written(tmp_path, b"new"))
    cache.add("/old", old, Digests("a"))
    cache.add("/new", new, Digests("b"))
    cache.save()

    again = HashCache(cache.path)
    assert again.get("/old", old) == Digests("a")
    assert again.get("/old", State(2, 1, 1, 1)) is None
    assert again.get("/new", new) is None


@pytest.mark.parametrize("content", [b"", b"no frame", b"FLRm" + bytes(20)])
def test_a_damaged_cache_is_no_cache(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hashes"
    path.write_bytes(content)
    cache = HashCache(path)

    assert cache.get("/x", State(1, 1, 1, 1)) is None
    cache.add("/x", State(1, 1, 1, 1), Digests("a"))
    cache.save()
    assert HashCache(path).get("/x", State(1, 1, 1, 1)) == Digests("a")
