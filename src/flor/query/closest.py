"""Names that were probably meant. Pure."""

from collections.abc import Collection
from difflib import get_close_matches

_LONGEST = 100  # beyond it comparing takes long, and nobody mistypes such a name by a letter

_MOST = 12


def closest(name: str, known: Collection[str]) -> list[str]:
    """Up to three of the known names, the most similar first; case plays no part."""
    lowered: dict[str, str] = {}
    for other in known:
        if len(other) <= _LONGEST:
            lowered.setdefault(other.casefold(), other)
    if len(name) > _LONGEST:
        return []
    return [lowered[match] for match in get_close_matches(name.casefold(), lowered, 3)]


def hint(name: str, known: Collection[str]) -> str:
    """Which of the known names may be meant: the closest, else the first few."""
    found = closest(name, known)
    if found:
        return f"Closest: {', '.join(found)}."
    shown = [other for other in known if len(other) <= _LONGEST][:_MOST]
    return f"There are: {', '.join(shown)}{', …' if len(shown) < len(known) else ''}." if shown else ""
