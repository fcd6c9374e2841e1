"""Words of Python source, for comparing and renaming: faster than `tokenize`, the same in every Python.

A dotted name is one word. Reading a file wrongly here can only make two statements look more or
less alike than they are: what is spliced in is checked against its syntax tree.
"""

import keyword
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

WORD = re.compile(
    r"""\#[^\r\n]*
    |[rbufRBUF]{0,3}(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}
        |"(?:\\(?:\r\n|.)|[^"\\\r\n])*"|'(?:\\(?:\r\n|.)|[^'\\\r\n])*')
    |\d[\w.]*(?:(?<=[eE])[-+]\d\w*)?|\.\d\w*|\.\.\.
    |[^\W\d]\w*(?:\s*\.\s*[^\W\d]\w*)*
    |\.\s*[^\W\d]\w*
    |[-+*/%@&|^<>=!:~]+|[^\w\s]""",
    re.DOTALL | re.VERBOSE,
)
KEYWORDS = frozenset(keyword.kwlist)
_SPACE = re.compile(r"\s+")
_STRING = re.compile(r"([rbufRBUF]*)('{3}|\"{3}|'|\")(.*)\2$", re.DOTALL)
_QUOTES = "\"'"
_IGNORED = frozenset("(),;\\{}]")


def words(text: str) -> list[str]:
    """The words of a piece of code; layout, comments, quote characters and parentheses do not count.

    `name=` of a keyword argument is one word.
    """
    found: list[str] = []
    depth = 0
    for word in WORD.findall(text):
        plain, step, is_equals = _plain(word)
        depth += step
        if is_equals and depth and found and is_name(found[-1]):
            found[-1] += "="
        elif plain:
            found.append(plain)
    return found


@lru_cache(16384)
def _plain(word: str) -> tuple[str, int, bool]:
    """A word as it counts, by how much it deepens the brackets, and whether it is `=`."""
    first = word[0]
    step = 1 if first in "([{" else -1 if first in ")]}" else 0
    if first == "#" or word in _IGNORED:
        return "", step, False
    if word[-1] in _QUOTES:
        return _string(word), 0, False
    if "." in word and (first.isalpha() or first in "_."):
        return _SPACE.sub("", word), 0, False
    return ("if" if word == "elif" else word), step, word == "="


def _string(word: str) -> str:
    """A string literal however it is quoted."""
    parts = _STRING.match(word)
    return f'{parts[1].lower()}"{parts[3]}"' if parts else word


def is_string(word: str) -> bool:
    """Whether a word is a string literal."""
    return word[-1] in _QUOTES


@lru_cache(16384)
def is_name(word: str) -> bool:
    """Whether a word is a name, dotted or not."""
    return word[:1].isidentifier() and word[-1] not in "\"'=" and word not in KEYWORDS


@lru_cache(8192)
def blank(word: str) -> str:
    """The word without what a renaming changes: the last part of a dotted name stays."""
    if is_name(word):
        return f"_.{word.rpartition('.')[2]}" if "." in word else "_"
    return word


@lru_cache(8192)
def weights(word: str) -> tuple[tuple[str, float], ...]:
    """The parts of a word with how much each says about the statement that it is in."""
    if is_name(word):
        parts = word.split(".")
        if len(parts) == 1:
            return ((word, 1.0),)
        return ((f"{word}.", 0.4), *((part, 0.6 / len(parts) + 0.2) for part in parts))
    if is_string(word) or word[0].isdigit():
        return ((word, 0.8),)
    return ((word, 0.7 if word[-1] == "=" and len(word) > 1 and word[0].isidentifier() else 0.25),)


def replaced(text: str, names: "dict[str, str]") -> str:
    """The code with names exchanged; a dotted name by its longest known beginning."""
    pieces: list[str] = []
    end = depth = 0
    for match in WORD.finditer(text):
        word = match[0]
        depth += (word in "([{") - (word in ")]}")
        pieces.append(text[end : match.start()])
        pieces.append(_exchanged(word, names, depth > 0 and _is_keyword(text, match.end())))
        end = match.end()
    return "".join((*pieces, text[end:]))


def _exchanged(word: str, names: "dict[str, str]", is_argument: bool) -> str:
    if is_name(word) and not is_argument:
        plain = _SPACE.sub("", word)
        new = renamed(plain, names)
        return word if new == plain else new
    if is_string(word) and "f" in word[:3].lower() and "{" in word:
        return "".join(_fields(word, names))
    return word


_FIELD = re.compile(r"\{\{|\}\}|\{[^{}]*")


def _fields(word: str, names: "dict[str, str]") -> Iterator[str]:
    """An f-string with the names in its fields exchanged."""
    end = 0
    for match in _FIELD.finditer(word):
        yield word[end : match.start()]
        field = match[0]
        yield field if field in ("{{", "}}") else "{" + replaced(field[1:], names)
        end = match.end()
    yield word[end:]


def _is_keyword(text: str, end: int) -> bool:
    rest = text[end : end + 20].lstrip()
    return rest[:1] == "=" and rest[1:2] != "="


def renamed(word: str, names: Mapping[str, str]) -> str:
    """A dotted name with its longest known beginning exchanged."""
    beginning = word
    while beginning:
        if beginning in names:
            return names[beginning] + word[len(beginning) :]
        beginning = beginning.rpartition(".")[0]
    return word
