"""Programs to carry probes through: made at random, and what their histories do to them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

NAMES = ("model", "loss", "batch", "total", "state", "rows", "score", "weight")
OTHER_NAMES = ("net", "cost", "chunk", "amount", "memo", "lines", "mark", "scale")
PROBE = "probe"
STRANGE = 5000  # from this number on, statements that only one version has


@dataclass(frozen=True)
class Line:
    """A statement: what kind, its number, the names that it binds and reads, what is below it."""

    kind: str  # plain, call, loop, if, with, def, probe
    number: int
    names: tuple[str, ...]
    body: tuple["Line", ...] = field(default=())

    def every(self) -> Iterator["Line"]:
        """It and all below it."""
        yield self
        for line in self.body:
            yield from line.every()


@dataclass(frozen=True)
class Layout:
    """How a program is written down."""

    indent: str = "    "
    quote: str = '"'
    is_spread: bool = False  # arguments on lines of their own
    newline: str = "\n"
    comments: bool = False


def program(source: random.Random) -> list[Line]:
    """A program of functions and a main part."""
    numbers = iter(range(1, 1000))
    functions = [_function(source, next(numbers), numbers) for _ in range(source.randint(0, 3))]
    return [*functions, *_block(source, numbers, depth=0, least=3)]


def _function(source: random.Random, number: int, numbers: Iterator[int]) -> Line:
    given = tuple(source.sample(NAMES, 3))
    return Line("def", number, given, tuple(_block(source, numbers, depth=1, least=2, known=given)))


def _block(
    source: random.Random, numbers: Iterator[int], depth: int, least: int = 1, known: tuple[str, ...] = ()
) -> list[Line]:
    names = list(known) or list(source.sample(NAMES, 2))
    lines = [] if known else [Line("plain", next(numbers), (name, "lab")) for name in names]
    for _ in range(source.randint(least, 4)):
        kind = source.choice(
            ["plain", "plain", "call", "loop", "if", "with"] if depth < 3 else ["plain", "call"]
        )
        target, used = source.choice(NAMES), source.choice(names)
        number = next(numbers)
        if kind in ("plain", "call"):
            lines.append(Line(kind, number, (target, used)))
        else:
            inner = tuple(_block(source, numbers, depth + 1, known=(*names, target)))
            lines.append(Line(kind, number, (target, used), inner))
        if kind in ("plain", "loop"):
            names.append(target)
    return lines


def with_probe(lines: list[Line], source: random.Random) -> list[Line]:
    """The program with a probe somewhere, reading what is bound there."""
    blocks = sum(1 for line in lines for each in line.every() if each.body) + 1
    chosen = source.randrange(blocks)
    return list(_with_probe(tuple(lines), source, [chosen], ("lab",)))


def _with_probe(
    lines: tuple[Line, ...], source: random.Random, left: list[int], known: tuple[str, ...]
) -> tuple[Line, ...]:
    if left[0] == 0:
        left[0] = -1
        return _inserted(lines, source, known)
    left[0] -= 1
    done = []
    for line in lines:
        bound = (
            line.names if line.kind == "def" else (*known, line.names[0]) if line.kind == "loop" else known
        )
        body = _with_probe(line.body, source, left, bound) if line.body and left[0] >= 0 else line.body
        done.append(replace(line, body=body))
        if line.kind == "plain":
            known = (*known, line.names[0])
    return tuple(done)


def _inserted(lines: tuple[Line, ...], source: random.Random, known: tuple[str, ...]) -> tuple[Line, ...]:
    first = next((place for place, line in enumerate(lines) if line.kind != "def"), len(lines))
    place = source.randint(first, len(lines))
    known = (*known, *(line.names[0] for line in lines[:place] if line.kind == "plain"))
    return (*lines[:place], Line("probe", 0, (PROBE, source.choice(known))), *lines[place:])


def without_probe(lines: list[Line]) -> list[Line]:
    """The same without it."""
    return [
        replace(line, body=tuple(without_probe(list(line.body)))) for line in lines if line.kind != "probe"
    ]


def renamed(lines: list[Line], names: dict[str, str]) -> list[Line]:
    """The same with other names."""
    return [
        replace(
            line,
            names=tuple(names.get(name, name) for name in line.names),
            body=tuple(renamed(list(line.body), names)),
        )
        for line in lines
    ]


def reordered(lines: list[Line], source: random.Random) -> list[Line]:
    """The same with its functions in another order."""
    functions = [line for line in lines if line.kind == "def"]
    source.shuffle(functions)
    return [*functions, *(line for line in lines if line.kind != "def")]


def disturbed(lines: list[Line], source: random.Random) -> list[Line]:
    """The same with some statements gone and others put in, that bind no name of the program."""
    done: list[Line] = []
    for line in lines:
        if source.random() < 0.15:
            done.append(Line("call", source.randrange(STRANGE, 2 * STRANGE), ("noise", "lab")))
        if line.kind != "call" or source.random() < 0.8:
            done.append(replace(line, body=tuple(disturbed(list(line.body), source))))
    return done or lines


def written(lines: list[Line], layout: Layout) -> str:
    """The text of a program."""
    texts = ["import flor", "import lab", *_texts(lines, layout, "")]
    return "".join(text + layout.newline for text in texts)


def _texts(lines: list[Line] | tuple[Line, ...], layout: Layout, margin: str) -> Iterator[str]:
    for line in lines:
        if layout.comments and line.number % 3 == 0:
            yield f"{margin}# about {line.number}"
        yield from _lines(line, layout, margin)
        if line.body:
            yield from _texts(line.body, layout, margin + layout.indent)
        elif line.kind not in ("plain", "call", "probe"):
            yield f"{margin}{layout.indent}pass"


def _lines(line: Line, layout: Layout, margin: str) -> Iterator[str]:
    first, second = line.names[0], line.names[-1]
    text = f"{layout.quote}at {line.number}{layout.quote}"
    call = f"lab.run_{line.number}"
    if line.kind in ("plain", "call"):
        begin = f"{margin}{first} = {call}(" if line.kind == "plain" else f"{margin}{call}("
        if layout.is_spread:
            yield begin
            yield f"{margin}{layout.indent}{second},"
            yield f"{margin}{layout.indent}{text},"
            yield f"{margin})"
        else:
            yield f"{begin}{second}, {text})"
        return
    yield (
        margin
        + {
            "loop": f"for {first} in {call}({second}):",
            "if": f"if {call}({second}):",
            "with": f"with {call}({second}):",
            "def": f"def function_{line.number}({', '.join(line.names)}):",
            "probe": f'flor.log("{PROBE}", {second})',
        }[line.kind]
    )
