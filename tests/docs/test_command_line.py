"""Every command explains itself, with an example, and docs/cli.md says no more and no less."""

import re

import pytest

from docs.runner import PROJECT
from flor.cli.main import COMMANDS, main

SECTIONS = dict(
    re.findall(
        r"^## `flor (\w+)[^\n]*\n(.*?)(?=^## |\Z)",
        (PROJECT / "docs/cli.md").read_text("utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert sorted(SECTIONS) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(rf"^ *(\$ )?(python -m )?flor {command}\b", _examples(command, capsys), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented_and_every_documented_option_exists(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    offered = _options(_help(command, capsys)) - {"--help"}

    prose = re.sub(r"^```.*?^```$", "", SECTIONS[command], flags=re.DOTALL | re.MULTILINE)
    assert _options(prose) == offered


def _help(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_code:
        main([command, "--help"])
    assert exit_code.value.code == 0
    return capsys.readouterr().out


def _examples(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What follows the usage line, which names the command too."""
    return _help(command, capsys).partition("options:")[2]


def _options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))
