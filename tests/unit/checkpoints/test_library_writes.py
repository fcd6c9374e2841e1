"""State that a program keeps in attributes of library modules and classes."""

import colorsys
import json
from typing import Any

from unit.checkpoints.programs import came_back
from unit.checkpoints.project import writer

Names = dict[str, Any]


def test_attributes_of_libraries_that_the_project_assigns_are_state() -> None:
    def build() -> Names:
        writer.begin()
        return {"x": []}

    def change(names: Names) -> None:
        writer.change(names["x"])

    for program in came_back(build, change):
        library: Any = colorsys
        assert library.best is program.names["x"]
        assert library.log == [program.names["x"]]
        assert library.ONE_THIRD == 1 / 3 + 1
        assert json.JSONEncoder.item_separator is program.names["x"]  # type: ignore[comparison-overlap]
    writer.begin()
