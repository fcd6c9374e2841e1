"""Kept console output as a data frame."""

import pytest

from flor.errors import FlorWarning
from flor.query.console import console
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from workplace import Workplace

ON = {"FLOR_CAPTURE": "1"}


def test_output_of_several_ranks_stands_in_one_frame_by_time(place: Workplace) -> None:
    script = 'import flor\nflor.log("a", 1)\nprint("rank {}")\n'
    for rank in ("0", "1"):
        place.run(script.format(rank), env=ON | {"FLOR_RUN": "job", "RANK": rank})

    frame = console(place.catalog())

    assert list(frame) == ["projid", "tstamp", "filename", "rank", "stream", "time", "text"]
    assert frame[["rank", "text"]].values.tolist() == [[0, "rank 0"], [1, "rank 1"]]


def test_loops_with_the_names_of_other_columns_are_called_loops(place: Workplace) -> None:
    place.run(
        """
        import flor
        flor.log("a", 1)
        for _ in flor.loop("text", range(1)):
            for _ in flor.loop("time", "x"):
                print("hello")
        """,
        env=ON,
    )

    frame = console(place.catalog())

    loops = ["text_loop", "text_value", "time_loop", "time_value"]
    assert list(frame) == ["projid", "tstamp", "filename", *loops, "stream", "time", "text"]
    assert frame[["text_loop", "time_value", "text"]].values.tolist() == [[1, "x", "hello"]]


def test_records_of_the_same_run_do_not_show(place: Workplace) -> None:
    place.run('import flor\nflor.arg("lr", 0.1)\nprint("x")\nflor.log("text", "logged")\nprint("y")', env=ON)

    assert console(place.catalog())["text"].tolist() == ["x", "y"]


def test_a_run_without_output_is_no_error(place: Workplace) -> None:
    place.run('import flor\nfor i in flor.loop("i", "ab"): flor.log("a", 1)')

    with pytest.warns(FlorWarning, match="run last"):
        frame = console(place.catalog(), "last")

    assert frame.empty
    assert frame["time"].dtype == "datetime64[us]"


def test_a_store_that_is_not_there_yet_is_no_error(tmp_path) -> None:
    with pytest.warns(FlorWarning, match="any run"):
        assert console(Catalog.open(Layout(tmp_path / ".flor"))).empty
