"""Named inputs of a run: what `--kwargs` gives, cast to the type of the default. Pure."""

import difflib
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from flor.errors import BadArgument

_TRUE = {"true", "yes", "1", "y", "on"}
_FALSE = {"false", "no", "0", "n", "off"}


def parse_pairs(tokens: Sequence[str]) -> dict[str, str]:
    """`["lr=0.1", "url=a=b"]` as `{"lr": "0.1", "url": "a=b"}`.

    Raises:
        BadArgument: a token has no `=` or no name before it.
    """
    pairs: dict[str, str] = {}
    for token in tokens:
        name, equals, text = token.partition("=")
        if not equals or not name:
            raise BadArgument(
                f"--kwargs {token!r} is no NAME=VALUE pair.", "Write it as --kwargs NAME=VALUE."
            )
        pairs[name] = text
    return pairs


def parse(name: str, text: str, like: Any) -> Any:
    """The text as a value of the type of `like`.

    Booleans understand true/false/yes/no/1/0; lists are JSON or separated by commas; where
    `like` is None, JSON, else the text itself.

    Raises:
        BadArgument: the text is no such value.
    """
    try:
        return _parse(text, like)
    except (ValueError, TypeError, msgspec.DecodeError) as error:
        wanted = type(like).__name__
        raise BadArgument(
            f"--kwargs {name}={text}: {text!r} cannot be read as {wanted}, the type of its default {like!r}.",
            f"Give {name} a value of type {wanted}.",
        ) from error


def as_type_of(default: Any, value: Any) -> Any:
    """A value that a child got from its parent: a tuple was recorded as a list."""
    return tuple(value) if isinstance(default, tuple) and isinstance(value, list) else value


def unread(pairs: Collection[str], asked: Collection[str]) -> list[str]:
    """A sentence for each pair that no `flor.arg` has read, with the closest name."""
    return [_unread(name, asked) for name in pairs if name not in asked]


def _unread(name: str, asked: Collection[str]) -> str:
    close = difflib.get_close_matches(name, asked, 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"--kwargs {name}=… was read by no flor.arg.{hint}"


def _parse(text: str, like: Any) -> Any:
    if like is None:
        return _json_or_text(text)
    if isinstance(like, bool):
        return _parse_bool(text)
    if isinstance(like, str):
        return text
    if isinstance(like, (list, tuple)):
        return type(like)(_parse_list(text, like))
    if isinstance(like, dict):
        value = msgspec.json.decode(text)
        if not isinstance(value, dict):
            raise ValueError("no JSON object")
        return value
    return type(like)(text)


def _parse_bool(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE or lowered in _FALSE:
        return lowered in _TRUE
    raise ValueError("neither yes nor no")


def _parse_list(text: str, like: Sequence[Any]) -> list[Any]:
    if text.lstrip().startswith("["):
        value = msgspec.json.decode(text)
        if isinstance(value, list):
            return value
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    return [_parse(part, like[0] if like else None) for part in parts]


def _json_or_text(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
