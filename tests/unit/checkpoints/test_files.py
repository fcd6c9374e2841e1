"""Of a file that is written to, the place is kept; what it holds back is told, and not written out."""

import csv
import gzip
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flor.checkpoints.files import held_back, left_alone, write_out
from unit.checkpoints.programs import Program
from unit.checkpoints.project.objects import Box

WRITTEN: dict[str, dict[str, Any]] = {
    "text": {"mode": "w"},
    "appended": {"mode": "a"},
    "no translation": {"mode": "w", "newline": ""},
    "other ends": {"mode": "w", "newline": "\r\n"},
    "utf-16": {"mode": "w", "encoding": "utf-16"},
}


@pytest.mark.parametrize("how", WRITTEN)
def test_what_a_text_file_holds_back_is_told_and_left_where_it_is(how: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open(**WRITTEN[how]) as file:
        file.write("one\n")
        file.flush()
        size = path.stat().st_size
        assert held_back([file]) == ([str(path)] if how == "other ends" else [])

        file.write("two\n")
        assert held_back([file]) == [str(path)]
        file.write("drei é\n")
        assert held_back([file]) == [str(path)]

        assert path.stat().st_size == size
        write_out([file])
        assert path.stat().st_size > size


def test_a_line_end_alone_is_told_too(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        file.write("\n")
        assert held_back([file]) == [str(tmp_path / "log")]


def test_bytes_are_held_back_as_text_is(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file, (tmp_path / "raw").open("wb", buffering=0) as raw:
        file.write(b"abc")
        raw.write(b"abc")
        assert held_back([file, raw]) == [str(tmp_path / "log")]


@pytest.mark.parametrize("mode", ["w", "a", "wb", "ab"])
def test_a_file_goes_on_where_the_program_stood(mode: str, tmp_path: Path) -> None:
    content: Any = b"0123456789" if "b" in mode else "0123456789"
    with (tmp_path / "log").open(mode) as file:
        program = Program({"box": Box(file)})
        file.write(content)
        kept = program.keep()
        file.write(content)

        program.restore(kept)

        assert file.tell() == 10


def test_the_file_of_another_object_stays_where_it_is(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        program = Program({"box": Box(file)})
        kept = program.keep()
        file.write("0123456789")

        kept.data = left_alone(kept.graph).to_bytes()
        program.restore(kept)

        assert file.tell() == 10


def test_a_csv_writer_writes_into_the_same_file_in_the_same_form(tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w") as file:
        program = Program({"file": file, "box": Box(csv.writer(file, delimiter=";"))})
        program.names["box"].parts.append(csv.DictWriter(file, ["a"], lineterminator="!"))
        program.names["box"].parts[0].writerow([1, 2])
        kept = program.keep()
        program.names["box"].parts.clear()

        assert program.restore(kept).refused == []

        assert program.differences(kept) == []
        first, second = program.names["box"].parts
        first.writerow([3, 4])
        second.writerow({"a": 5})
    assert (tmp_path / "rows.csv").read_text() == "1;2\n3;4\n5!"


def test_a_csv_writer_stays_where_it_is_as_it_was(tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w") as file:
        writer = csv.writer(file)
        program = Program({"box": Box(writer)})
        kept = program.keep()

        program.restore(kept)

        assert program.names["box"].parts[0] is writer


def test_a_csv_writer_that_writes_through_what_is_no_method_is_opaque() -> None:
    class Written:
        def __init__(self) -> None:
            self.write = partial(print, end="")

    found = {one.path: one.reason for one in Program({"w": csv.writer(Written())}).walk().opaque}  # type: ignore[arg-type]

    assert found == {"w": "it writes through something that is no file"}


def test_what_writes_through_something_else_is_opaque(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "log.gz", "wt") as file:
        found = {one.path: one.reason for one in Program({"box": Box(file)}).walk().opaque}
    assert found["box.parts[0]"] == "it writes through something that is no file"


def test_a_pipe_has_no_place() -> None:
    ends = os.pipe()
    with open(ends[0], "rb"), open(ends[1], "wb") as pipe:
        walked = Program({"box": Box(pipe)}).walk()
    assert walked.files == walked.opaque == []
