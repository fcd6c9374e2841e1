"""Decides which files of a working tree a snapshot holds, and why others are left out; pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import translate
from os.path import basename, splitext

SECRETS = (
    ".env*",
    "*.pem",
    "*.key",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".netrc",
    ".npmrc",
    ".pypirc",
    "kaggle.json",
    "credentials*",
)
_SOURCE_SUFFIXES = (
    *(
        ".py",
        ".pyi",
        ".pyx",
        ".pxd",
        ".ipynb",
        ".c",
        ".cc",
        ".cpp",
        ".cu",
        ".cuh",
        ".h",
        ".hpp",
        ".go",
        ".java",
    ),
    *(
        ".jl",
        ".js",
        ".lua",
        ".m",
        ".r",
        ".rs",
        ".scala",
        ".sh",
        ".sql",
        ".ts",
        ".cfg",
        ".ini",
        ".toml",
        ".yaml",
        ".yml",
    ),
)
_SOURCE_NAMES = frozenset({"Dockerfile", "Makefile", "Snakefile", "requirements.txt"})
NAMED_AT_MOST = 20  # files named one by one for each reason; the rest are counted


class Shape(Enum):
    """What stands at a path."""

    FILE = "file"
    LINK = "symbolic link"
    SUBMODULE = "submodule"
    REPOSITORY = "nested repository"
    MISSING = "deleted"
    OTHER = "neither a file nor a link"
    UNREADABLE = "not readable"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One path at which the working tree differs from the index."""

    path: str
    is_tracked: bool
    shape: Shape
    size_bytes: int = 0
    is_dirty: bool = False  # a submodule with uncommitted changes


@dataclass(frozen=True, slots=True)
class Rules:
    """What may go in."""

    file_bytes: int = 5_000_000  # of any changed or untracked file
    untracked_files: int = 2_000
    untracked_bytes: int = 50_000_000
    exclude: tuple[str, ...] = ()  # further patterns of files never taken unless tracked
    refusal: str = ""  # why no untracked file is taken at all; "" where they are
    below: str = ""  # untracked files only below this folder
    store: str = ".flor"  # the folder that holds FlorDB's own data
    loaded: frozenset[str] = field(default=frozenset())  # files of imported modules: taken first


@dataclass(frozen=True, slots=True)
class Selection:
    """What to do with the index so that it holds the snapshot."""

    add: tuple[str, ...]
    remove: tuple[str, ...]
    left_out: tuple[str, ...]  # "path: reason"


def select(candidates: Sequence[Candidate], rules: Rules) -> Selection:
    """The files to take, in the order of their paths, and those left out with the reason.

    A tracked file that cannot be taken is removed: its old content is not what was executed.
    """
    is_secret = matcher((*SECRETS, *rules.exclude))
    tracked = [candidate for candidate in candidates if candidate.is_tracked]
    untracked = [candidate for candidate in candidates if not candidate.is_tracked]
    reasons = {c.path: _refused(c, rules) for c in tracked}
    reasons |= {c.path: _refused_untracked(c, rules, is_secret) for c in untracked}
    reasons |= _over_budget([c for c in untracked if not reasons[c.path]], rules)
    add = [c.path for c in candidates if not reasons[c.path] and c.shape is not Shape.MISSING]
    remove = [c.path for c in tracked if reasons[c.path] or c.shape is Shape.MISSING]
    dirty = [(c.path, "submodule with uncommitted changes") for c in tracked if c.is_dirty]
    refused = [(path, reason) for path, reason in reasons.items() if reason and reason != _UNNAMED]
    return Selection(tuple(add), tuple(remove), name(dirty + refused))


def matcher(patterns: Collection[str]) -> "Matcher":
    """Tells whether a path, or a folder it lies in, matches one of the patterns, as in a .gitignore.

    A pattern with a `/` is relative to the top, any other applies to each part of the path.
    """
    stripped = [pattern.strip().removeprefix("/").removesuffix("/") for pattern in patterns]
    rooted = [pattern for pattern in stripped if "/" in pattern]
    return Matcher(_union([p for p in stripped if p and "/" not in p]), _union(rooted) if rooted else None)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Compiled patterns; see `matcher`."""

    part: re.Pattern[str]
    whole: re.Pattern[str] | None

    def __call__(self, path: str) -> bool:
        parts = path.rstrip("/").split("/")
        if any(map(self.part.match, parts)):
            return True
        above = ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
        return self.whole is not None and any(map(self.whole.match, above))


def name(reasons: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """One line a path, `path: reason`; of many paths with one reason the first, then their number."""
    paths: dict[str, list[str]] = {}
    for path, reason in reasons:
        paths.setdefault(reason, []).append(path)
    lines = []
    for reason, those in paths.items():
        lines += [f"{printable(path)}: {reason}" for path in those[:NAMED_AT_MOST]]
        if len(those) > NAMED_AT_MOST:
            lines.append(f"{len(those) - NAMED_AT_MOST} more files: {reason}")
    return tuple(lines)


def printable(path: str) -> str:
    """The path as valid text: bytes of another encoding and line breaks are shown by escapes."""
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return shown.replace("\n", "\\n").replace("\r", "\\r")


def is_source(path: str) -> bool:
    """Whether the name is that of program text or of its settings."""
    return splitext(path)[1].lower() in _SOURCE_SUFFIXES or basename(path) in _SOURCE_NAMES


_UNNAMED = "not of this project"


def _refused(candidate: Candidate, rules: Rules) -> str:
    """Why a file cannot be taken whether tracked or not; "" if it can."""
    if is_own(candidate.path, rules.store):
        return _UNNAMED
    if candidate.shape in (Shape.REPOSITORY, Shape.OTHER, Shape.UNREADABLE):
        return str(candidate.shape.value)
    if candidate.size_bytes > rules.file_bytes:
        return f"larger than {_size(rules.file_bytes)}"
    return ""


def _refused_untracked(candidate: Candidate, rules: Rules, is_secret: Matcher) -> str:
    if rules.below and not is_below(candidate.path, rules.below):
        is_loaded = candidate.path in rules.loaded
        return f"imported, but untracked and outside {printable(rules.below)}" if is_loaded else _UNNAMED
    if is_secret(candidate.path):
        return "untracked, and its name is that of a secret or excluded"
    return _refused(candidate, rules) or rules.refusal


def _over_budget(untracked: Sequence[Candidate], rules: Rules) -> dict[str, str]:
    """Where untracked files are too many or too large: only source files are taken, up to the limits."""
    total = sum(candidate.size_bytes for candidate in untracked)
    if len(untracked) <= rules.untracked_files and total <= rules.untracked_bytes:
        return {}
    limits = f"more than {rules.untracked_files:,} untracked files or {_size(rules.untracked_bytes)}"
    reasons = {c.path: f"{limits}, and not a source file" for c in untracked}
    count = size = 0
    for candidate in sorted(untracked, key=lambda c: c.path not in rules.loaded):
        if not (candidate.path in rules.loaded or is_source(candidate.path)):
            continue
        fits = count < rules.untracked_files and size + candidate.size_bytes <= rules.untracked_bytes
        reasons[candidate.path] = "" if fits else limits
        count, size = count + fits, size + candidate.size_bytes * fits
    return reasons


def is_own(path: str, store: str) -> bool:
    """Whether the path lies in a folder of FlorDB's."""
    return is_below(path, store) or ".flor" in path.rstrip("/").split("/")


def is_below(path: str, folder: str) -> bool:
    """Whether the path is the folder or lies in it."""
    return path.rstrip("/") == folder or path.startswith(folder + "/")


def _union(patterns: Collection[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)) or r"(?!)", re.IGNORECASE)


def _size(size_bytes: int) -> str:
    return f"{size_bytes // 1_000_000} MB" if size_bytes >= 1_000_000 else f"{size_bytes} bytes"
