"""What past runs of a script are asked: a statement or two at each place. Pure: scripts in, texts out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exactness import places
from exactness.matrix import Script
from exactness.places import Place

IMPORTS = ("import flor", "from fingerprints import fingerprint_of")
"""What the statements need; `fingerprints` is a module of the user's, which no script loads itself."""

_WIDE = ("top", "nested", "behind", "suffix")
"""Kinds of places at which a second statement asks for all that the program may read from there on."""


@dataclass(frozen=True)
class Question:
    """A statement at a place."""

    place: Place
    about: str  # an expression
    is_wide: bool = False  # about all that the program may still read

    def __str__(self) -> str:
        return f"{self.place}: all" if self.is_wide else str(self.place)

    @property
    def name(self) -> str:
        """That it logs under, and no script does."""
        return f"asked {self}"

    @property
    def statement(self) -> str:
        return f'flor.log("{self.name}", {self.about})'


def questions_of(script: Script) -> Iterator[Question]:
    """The questions of every place, in the order of files and lines; what is volatile is not asked for."""
    texts = "\n".join(_sources(script).values())
    for place in places.places(_sources(script)):
        names = [name for name in place.names if name not in script.volatile]
        if names:
            yield Question(place, _about_one(names, texts))
        names = [name for name in place.later if name not in script.volatile]
        if names and place.kind in _WIDE:
            yield Question(place, f"fingerprint_of({', '.join(names)})", is_wide=True)


def with_questions(script: Script, questions: Sequence[Question]) -> dict[str, bytes]:
    """The files of the script that have questions in them."""
    found = {}
    for name, text in _sources(script).items():
        own = [(each.place, each.statement) for each in questions if each.place.filename == name]
        if own:
            found[name] = places.put_in(text, own, IMPORTS).encode()
    return found


def _about_one(names: Sequence[str], texts: str) -> str:
    """A number of a model, as somebody would log it, or the newest of the names."""
    models = [name for name in names if f"{name}.parameters()" in texts]
    if models:
        return f"sum(p.double().sum().item() for p in {models[-1]}.parameters())"
    return f"fingerprint_of({names[-1]})"


def _sources(script: Script) -> dict[str, str]:
    return {name: content.decode() for name, content in script.files.items() if name.endswith(".py")}
