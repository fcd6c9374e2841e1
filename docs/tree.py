"""The tree in ARCHITECTURE.md, made of the first line of each module's docstring: `make docs` writes it."""

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]
DOCUMENT = PROJECT / "ARCHITECTURE.md"
_BEGIN, _END = "```\nsrc/flor/\n", "```\n"


def main() -> None:
    """Write the tree into ARCHITECTURE.md."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    tree = "\n".join(_folder(PROJECT / "src" / "flor", depth=1))
    DOCUMENT.write_text(f"{before}{_BEGIN}{tree}\n{_END}{after}", "utf-8")


def _folder(folder: Path, depth: int) -> Iterator[str]:
    """A line for each module, folders after files."""
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py" or depth == 1:
            yield _line(path.name, path, depth)
    for inner in sorted(path for path in folder.iterdir() if (path / "__init__.py").exists()):
        yield ""
        yield _line(f"{inner.name}/", inner / "__init__.py", depth)
        yield from _folder(inner, depth + 1)


def _line(name: str, path: Path, depth: int) -> str:
    documentation = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = documentation.partition("\n")[0].replace("`", "")
    return f"{'  ' * depth}{name:<{19 - 2 * depth}} {first}"


if __name__ == "__main__":
    main()
