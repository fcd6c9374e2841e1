"""Every public name is documented where it stands, and all that can be asked for in docs/api.md."""

import re
from inspect import getdoc

import pytest

import flor
from docs.runner import PROJECT
from flor.config import SETTINGS
from flor.query.tables import TABLES

API = (PROJECT / "docs" / "api.md").read_text("utf-8")
NAMES = sorted(name for name in flor.__all__ if callable(getattr(flor, name)))


def test_every_public_name_has_a_place_in_the_reference() -> None:
    documented = set(re.findall(r"^## `flor\.(\w+)", API, re.MULTILINE))

    assert documented == set(flor.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_every_function_says_in_one_sentence_what_it_does(name: str) -> None:
    documentation = getdoc(getattr(flor, name)) or ""

    first = documentation.partition("\n\n")[0]
    assert first.endswith((".", ":")), first


def test_every_table_of_sql_and_every_setting_is_in_the_reference() -> None:
    tables = re.findall(r"^\| `(\w+)` \|", API, re.MULTILINE)
    settings = re.findall(r"^(\w+) = ", API.partition("[tool.flor]")[2], re.MULTILINE)

    assert set(TABLES) <= set(tables)
    assert set(SETTINGS) == set(settings)


def test_dir_lists_every_public_name() -> None:
    assert set(flor.__all__) <= set(dir(flor))
