"""The numbers that names have in a journal: small tables, written before the records that use them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from flor.entities import Kind, Source
from flor.runs import slots


@dataclass(slots=True)
class Known:
    """What a call needs of a name that was logged before, all in one place in memory."""

    float_word: int  # the upper half of a slot's second last word, where a float is logged under the name
    int_word: int
    quiet_until: int = 0  # before this ts its values are not shown


class Names:
    """The names of one process.

    Args:
        write: writes a name's text under its number into the journal.
    """

    def __init__(self, write: Callable[[int, bytes], None]) -> None:
        self.known: dict[str, Known] = {}
        self._write = write
        self._lock = threading.RLock()
        self._numbers: dict[str, int] = {}
        self._by_text: dict[bytes, int] = {}
        # A counter, not a length: a signal handler may log a new name while one is being written.
        self._next = count(1)

    def number(self, name: object) -> int:
        """The number of a name; anything that is no text is named by its `str`."""
        text = name if isinstance(name, str) else str(name)
        known = self._numbers.get(text)
        return known if known is not None else self._register(text)

    def _register(self, name: str) -> int:
        with self._lock:
            # By the methods of `str`: a member of an enum of texts would call itself otherwise.
            text = str.encode(name, "utf-8", "backslashreplace")
            number = self._by_text.get(text) or self._write_new(text)
            self._numbers[name] = number
            self.known[name] = Known(_word(Kind.FLOAT, number), _word(Kind.INT, number))
            return number

    def _write_new(self, text: bytes) -> int:
        number = next(self._next)
        if number >= slots.NAME_LIMIT:
            raise OverflowError("more than 16 million names in one run")
        self._write(number, text)
        return self._by_text.setdefault(text, number)


def _word(kind: Kind, number: int) -> int:
    return slots.code(kind, Source.LOG, number) << 32
