"""Facts about files: names as text, and what the processes and parts of a run say together."""

import os

from hypothesis import given
from hypothesis import strategies as st

from flor.runs import files


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_every_name_comes_back_from_its_text(name: bytes) -> None:
    path = os.fsdecode(name)
    text = files.encoded(path)

    assert files.decoded(text) == path
    assert text.encode("utf-8")


def test_ordinary_names_are_their_text() -> None:
    for name in ("data/a.csv", "ü/π 😀.txt", "/tmp/x"):
        assert files.encoded(name) == name


@given(st.sets(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)))
def test_packed_names_come_back(names: set[str]) -> None:
    assert files.unpack_names(files.pack_names(names)) == names


def test_no_names_are_not_the_same_as_none_that_were_kept() -> None:
    assert files.unpack_names(b"") is None
    assert files.unpack_names(files.pack_names([])) == frozenset()


def test_what_one_process_made_is_no_input_of_another() -> None:
    main = {"outputs": {"made": {"size": 1, "is_new": True}, "old": {"size": 1, "is_new": False}}}
    child = {"inputs": {name: {"size": 1, "mtime_ns": 1} for name in ("made", "old", "data")}}

    found = files.gathered([main, child], alive_ns=5)

    assert set(found["inputs"]) == {"old", "data"}


def test_facts_that_were_taken_back_are_gone() -> None:
    found = files.gathered([{"outputs": {"temporary": None, "kept": {"size": 1}}}], alive_ns=5)

    assert set(found["outputs"]) == {"kept"}


def test_names_are_kept_of_runs_that_could_not_compare_the_tree_themselves() -> None:
    tree = {"began_ns": 3, "names": files.pack_names(["a"])}

    killed = files.gathered([{"tree": tree}], alive_ns=5)["tree"]
    whole = files.gathered([{"tree": {**tree, "is_complete": True}}], alive_ns=5)["tree"]

    assert killed["alive_ns"] == 5
    assert "names" in killed
    assert whole == {"began_ns": 3, "is_complete": True}


def test_a_run_that_went_on_began_when_its_first_part_did() -> None:
    killed = {"tree": {"began_ns": 3, "names": "bmFtZXM=", "alive_ns": 5}, "outputs": {"a": {"size": 1}}}
    resumed = {"tree": {"began_ns": 9, "is_complete": True}, "outputs": {"a": {"size": 2}}}

    found = files.merged([killed, {}, resumed])

    assert found["tree"] == {"began_ns": 3, "names": "bmFtZXM=", "is_complete": True}
    assert found["outputs"]["a"]["size"] == 2


def test_no_facts_are_no_files() -> None:
    assert files.gathered([{}], alive_ns=1) == {}
    assert files.merged([{}, {}]) == {}
