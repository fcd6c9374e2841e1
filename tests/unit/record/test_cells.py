"""Which cells were executed, how they are kept as a file, and when one ends the run."""

from pathlib import PurePath

import pytest

from flor.record.cells import Cell, Cells, file_for, notebook_of, text


def execute(cells: Cells, cell: Cell, logs: bool = True, raises: bool = False) -> bool:
    """Whether the cell ended the run before it."""
    is_again = cells.begin(cell)
    if is_again:
        cells.start_run()
    if logs:
        cells.note_record()
    cells.end(raises)
    return is_again


def test_a_cell_that_logged_ends_the_run_when_it_is_executed_again() -> None:
    cells = Cells()

    assert not execute(cells, Cell(1, "flor.log('a', 1)"))
    assert not execute(cells, Cell(2, "flor.log('b', 1)"))
    assert execute(cells, Cell(3, "flor.log('a', 1)"))
    assert not execute(cells, Cell(4, "flor.log('b', 1)"))
    assert execute(cells, Cell(5, "flor.log('b', 1)"))


def test_a_cell_that_did_not_log_can_be_executed_again() -> None:
    cells = Cells()

    assert not execute(cells, Cell(1, "import flor"), logs=False)
    assert not execute(cells, Cell(2, "import flor"), logs=False)


def test_with_an_id_of_the_front_end_an_edited_cell_is_the_same_and_an_equal_one_is_not() -> None:
    cells = Cells()

    assert not execute(cells, Cell(1, "flor.log('a', 1)", "x"))
    assert not execute(cells, Cell(2, "flor.log('a', 1)", "y"))
    assert execute(cells, Cell(3, "flor.log('a', 2)", "x"))


def test_a_cell_that_raised_can_be_mended_and_tried_again() -> None:
    cells = Cells()

    assert not execute(cells, Cell(1, "flor.log('a', 1); 1/0", "x"), raises=True)
    assert not execute(cells, Cell(2, "flor.log('a', 1)", "x"))
    assert execute(cells, Cell(3, "flor.log('a', 1)", "x"))


def test_after_a_commit_no_cell_has_logged() -> None:
    cells = Cells()
    execute(cells, Cell(1, "flor.log('a', 1)"))

    cells.start_run()

    assert not execute(cells, Cell(2, "flor.log('a', 1)"))


def test_a_cell_within_a_cell_logs_for_both() -> None:
    cells = Cells()
    cells.begin(Cell(1, "%run other.ipynb"))
    execute(cells, Cell(2, "flor.log('a', 1)"))
    cells.end(has_raised=False)

    assert cells.begin(Cell(3, "%run other.ipynb"))


def test_the_cells_are_one_file_in_the_order_executed() -> None:
    cells = [Cell(1, "import flor\n"), Cell(3, "%time x = 1"), Cell(4, "")]

    assert text(cells) == "# %% [1]\nimport flor\n# %% [3]\n%time x = 1\n# %% [4]\n\n"


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (["/somewhere/train.ipynb", None], "/somewhere/train.ipynb"),
        ([None, "work/train.ipynb"], "work/train.ipynb"),
        (["", "TRAIN.IPYNB"], "TRAIN.IPYNB"),
        (["console-1-0123", None], None),
        ([None, 7], None),
    ],
)
def test_a_name_counts_if_it_is_a_notebooks(names: list[object], path: str | None) -> None:
    assert notebook_of(*names) == (PurePath(path) if path else None)


def test_a_file_of_the_users_is_never_hidden() -> None:
    assert file_for("nb/train", set()) == "nb/train.cells.py"
    assert file_for("train", {"train.cells.py", "train.1.cells.py"}) == "train.2.cells.py"
