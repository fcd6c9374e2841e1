"""Texts written to a terminal become lines; of what is drawn again and again the last state is one."""

import io
from collections.abc import Iterable

import pytest
from tqdm import tqdm

from flor.record.lines import LONGEST, Lines


def lines_of(*texts: str) -> list[str]:
    """All lines of the texts, those without an end too."""
    lines: Lines[None] = Lines()
    done = [line.text for text in texts for line in lines.feed(text, None)]
    return done + [line.text for line in lines.rest()]


class Terminal(io.StringIO):
    """Where tqdm draws."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Lines[None] = Lines()
        self.done: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.done += [line.text for line in self.lines.feed(text, None)]
        return len(text)

    def shown(self) -> list[str]:
        return [line.strip() for line in [*self.done, *(line.text for line in self.lines.rest())]]


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        (["one\n", "two\n"], ["one", "two"]),
        (["o", "ne", "\n"], ["one"]),
        (["one\ntwo\n\nthree"], ["one", "two", "", "three"]),
        (["dos\r\n", "line\r\n"], ["dos", "line"]),
        (["10%\r", "20%\r", "100%\n"], ["100%"]),
        (["\r10%", "\r20%", "\r100%", "\n"], ["100%"]),
        (["long line\rshort"], ["shortline"]),
        (["long line\r\x1b[Kshort\n"], ["short"]),
        (["working\r\x1b[2Kdone\n"], ["done"]),
        (["1/2\x08\x08\x082/2\n"], ["2/2"]),
        (["\x1b[31mred\x1b[0m\n"], ["\x1b[31mred\x1b[0m"]),
        (["two\nrows\n\x1b[2A2\nROWS\n"], ["two", "rows", "2", "ROWS"]),
        ([""], []),
        (["\n"], [""]),
    ],
)
def test_texts_become_lines(texts: Iterable[str], lines: list[str]) -> None:
    assert lines_of(*texts) == lines


def test_a_plain_line_is_complete_with_its_end() -> None:
    lines: Lines[int] = Lines()

    assert lines.feed("one", 1) == []
    [line] = lines.feed("\n", 2)

    assert line.text == "one"


def test_a_line_keeps_what_was_said_with_the_last_text_written_to_it() -> None:
    lines: Lines[int] = Lines()
    lines.feed("\r10%", 1)
    lines.feed("\r90%", 2)

    [line] = lines.feed("\n", 3)

    assert (line.text, line.mark) == ("90%", 2)


def test_a_very_long_line_comes_in_pieces() -> None:
    text = "x" * (3 * LONGEST + 7)

    found = lines_of(text, "y\n", "z\n")

    assert [len(line) for line in found] == [LONGEST, LONGEST, LONGEST, 8, 1]
    assert "".join(found) == text + "yz"


def test_a_progress_bar_leaves_its_last_state() -> None:
    terminal = Terminal()

    for _ in tqdm(range(50), file=terminal, desc="steps", mininterval=0):
        pass

    [line] = terminal.shown()
    assert line.startswith("steps: 100%")


def test_nested_bars_leave_the_last_state_of_the_outer_one() -> None:
    terminal = Terminal()

    for _ in tqdm(range(3), file=terminal, desc="epoch", mininterval=0):
        for _ in tqdm(range(20), file=terminal, desc="step", mininterval=0, leave=False):
            pass

    first, last = terminal.shown()
    # That bars nest shows only when the inner one is drawn for the first time.
    assert first.startswith("epoch:   0%")
    assert last.startswith("epoch: 100%")


def test_what_is_written_between_bars_stands_where_it_was_written() -> None:
    terminal = Terminal()

    for number in tqdm(range(3), file=terminal, desc="epoch", mininterval=0):
        for _ in tqdm(range(4), file=terminal, desc="step", mininterval=0, leave=False):
            pass
        tqdm.write(f"message {number}", file=terminal)

    shown = [line for line in terminal.shown() if "epoch:   0%" not in line]
    assert shown[:3] == ["message 0", "message 1", "message 2"]
    assert shown[3].startswith("epoch: 100%")
    assert len(shown) == 4


def test_bars_that_are_drawn_for_ever_do_not_pile_up() -> None:
    lines: Lines[None] = Lines()
    found = 0
    lines.feed("a\n\x1b[A", None)

    for number in range(1_000):
        found += len(lines.feed(f"\rbar {number}\n", None))

    assert found > 900
