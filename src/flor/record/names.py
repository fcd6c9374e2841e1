"""The numbers that names have in a journal: small tables, written before the records that use them."""

import threading
from collections.abc import Callable
from itertools import count

from flor.entities import Kind, Source
from flor.runs import slots


class Names:
    """The names of one process.

    Args:
        write: writes a name's text under its number into the journal.
    """

    def __init__(self, write: Callable[[int, bytes], None]) -> None:
        self.float_codes: dict[str, int] = {}
        """What a slot's code is, where a float is logged under a name; `int_codes` for an int."""
        self.int_codes: dict[str, int] = {}
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
            self.float_codes[name] = slots.code(Kind.FLOAT, Source.LOG, number)
            self.int_codes[name] = slots.code(Kind.INT, Source.LOG, number)
            return number

    def _write_new(self, text: bytes) -> int:
        number = next(self._next)
        if number >= slots.NAME_LIMIT:
            raise OverflowError("more than 16 million names in one run")
        self._write(number, text)
        return self._by_text.setdefault(text, number)
