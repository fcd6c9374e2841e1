"""Puts the code of a run into a folder: files, links, submodules, and what LFS keeps elsewhere."""

import os
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flor.entities import Run
from flor.errors import GitError, VersionUnavailable
from flor.replay import cloning, trees
from flor.replay.mapping import Relocation, redirected
from flor.snapshots import git, history
from flor.snapshots.git import Deadline
from flor.snapshots.repository import Repository

TIME_LIMIT_S = 600.0
_LINK, _SUBMODULE = "120000", "160000"
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_AT_MOST = 1024
_HINT = "`flor pull` brings the versions that were pushed."


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a run: a tree of a repository."""

    repository: Repository
    tree: str
    base: str | None  # the user's commit when it ran
    note: str = ""  # what is to be known of it


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, link or submodule of a tree."""

    mode: str
    oid: str
    path: str


def code_of(repository: Repository, run: Run) -> Code:
    """The code of a run; also where its commit is gone, and another one with its trailer is there.

    Raises:
        VersionUnavailable: the run has none, or it is no longer in the repository.
    """
    if run.version is None or run.tree is None:
        raise VersionUnavailable(f"Run {run.run} has no code version.", "Only runs within git have one.")
    for name in (run.tree, run.version):
        tree = _tree(repository, name)
        if tree:
            return Code(repository, tree, run.base)
    found = history.find(repository, run.run)
    tree = _tree(repository, found) if found else None
    if tree is None:
        raise VersionUnavailable(
            f"The code of run {run.run} is gone: the repository has neither commit {run.version[:12]} nor "
            "another one that names the run (a deleted branch, or `git gc --prune`).",
            _HINT,
        )
    note = f"commit {run.version[:12]} is gone; {str(found)[:12]} names the run too"
    return Code(repository, tree, run.base, note)


def fill(
    folder: Path, code: Code, index: Path, is_needed: Callable[[str], bool] = lambda path: True
) -> list[Entry]:
    """Make the files below the folder those of the code, and return what it consists of.

    What stands there may be another version, of which `index` then tells; files that are in neither stay.

    Args:
        index: the private index of this folder.
        is_needed: whether the program can do without a file that cannot be had.

    Raises:
        VersionUnavailable: a file of it is missing from the repository.
    """
    deadline = Deadline.after(TIME_LIMIT_S)
    try:
        entries = _put(folder, code, code.tree, index, deadline)
    except GitError as error:
        raise VersionUnavailable(f"The code cannot be put back: {error.message}", _HINT) from error
    lacking = [*_submodules(folder, code, entries, index, deadline), *_contents(folder, code, entries)]
    missing = [f"{path}: {reason}" for path, reason in lacking if is_needed(path)]
    if missing:
        raise VersionUnavailable(f"Parts of the code cannot be had: {'; '.join(missing)}")
    return entries


def redirect_links(folder: Path, entries: Sequence[Entry], root: str, relocation: Relocation) -> None:
    """Let no link lead back to where the code was, nor beside what it meant there."""
    for entry in entries:
        path = folder / entry.path
        if entry.mode != _LINK or not path.is_symlink():
            continue  # on a disk without links git writes their targets into files
        target = redirected(entry.path, os.readlink(path), root, relocation)
        _link(path, target)
        real = os.path.realpath(path)
        if relocation.is_original(real):  # by way of a link elsewhere
            _link(path, relocation.path(real))


def write_over(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts in the place of files of the code, each in the encoding that it declares, or begins with.

    Raises:
        VersionUnavailable: a path leads out of the folder.
    """
    for name, text in files.items():
        path = folder / name
        if not path.parent.resolve().is_relative_to(folder.resolve()) or ".." in Path(name).parts:
            raise VersionUnavailable(f"{name} does not lie in the project.")
        encoding = _encoding(path)
        mode = path.stat().st_mode if path.exists() else 0o644
        path.unlink(missing_ok=True)  # a link is replaced, never followed
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.removeprefix(trees.MARK).encode(encoding))
        path.chmod(mode & 0o777)


def _tree(repository: Repository, name: str) -> str | None:
    output = git.execute(repository, "rev-parse", "--verify", "--quiet", f"{name}^{{tree}}")
    tree = os.fsdecode(output.stdout).strip()
    if output.code or not tree:
        return None
    return tree if git.execute(repository, "cat-file", "-e", tree).code == 0 else None


def _put(folder: Path, code: Code, tree: str, index: Path, deadline: Deadline) -> list[Entry]:
    """Let git write the files, as it does on a checkout."""
    place = Repository(folder, folder, code.repository.git_dir, code.repository.common_dir)
    quiet = {"GIT_LFS_SKIP_SMUDGE": "1"}  # it would download, and write into the user's repository
    arguments = ("read-tree", "--reset", "-u", tree)
    git.run(place, *arguments, index=index, environ=quiet, deadline=deadline)
    listed = git.run(place, "ls-files", "--stage", "-z", index=index, deadline=deadline)
    return [_entry(line) for line in os.fsdecode(listed).split("\0") if line]


def _entry(line: str) -> Entry:
    facts, _, path = line.partition("\t")
    mode, oid, _ = facts.split(" ")
    return Entry(mode, oid, path)


def _submodules(
    folder: Path, code: Code, entries: Sequence[Entry], index: Path, deadline: Deadline
) -> Iterator[tuple[str, str]]:
    """Fill the submodules; those that cannot be, with the reason."""
    found = [entry for entry in entries if entry.mode == _SUBMODULE]
    names = _names_of_submodules(folder, code) if found else {}
    for number, entry in enumerate(found):
        git_dir = _module(code.repository, names.get(entry.path, entry.path), entry.path)
        if git_dir is None:
            continue  # it was not initialised: the folder was empty
        place = folder / entry.path
        place.mkdir(parents=True, exist_ok=True)
        module = Code(Repository(place, place, git_dir, git_dir), entry.oid, None)
        try:
            fill(place, module, index.with_name(f"{index.name}-{number}"))
        except VersionUnavailable as error:
            yield entry.path, error.message


def _names_of_submodules(folder: Path, code: Code) -> dict[str, str]:
    arguments = ("config", "-z", "--file", folder / ".gitmodules", "--get-regexp", r"^submodule\..*\.path$")
    listed = os.fsdecode(git.execute(code.repository, *arguments).stdout).split("\0")
    pairs = (line.partition("\n") for line in listed if line)
    return {path: key.removeprefix("submodule.").removesuffix(".path") for key, _, path in pairs}


def _module(repository: Repository, name: str, path: str) -> Path | None:
    """The git folder of a submodule, in one of the places that git has for it."""
    places = (
        repository.git_dir / "modules" / name,
        repository.common_dir / "modules" / name,
        repository.worktree / path / ".git",
    )
    return next((place for place in places if (place / "HEAD").exists()), None)


def _contents(folder: Path, code: Code, entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """Put the contents that LFS keeps in the place of pointers to them; those that are not there."""
    if not _uses_lfs(folder, code, entries):
        return
    store = _lfs_store(code.repository)
    for entry in entries:
        digest = _pointed(folder / entry.path) if entry.mode not in (_LINK, _SUBMODULE) else None
        if digest is None:
            continue
        content = store / digest[:2] / digest[2:4] / digest
        if content.is_file():
            mode = (folder / entry.path).stat().st_mode
            cloning.copy(content, folder / entry.path)
            (folder / entry.path).chmod(mode & 0o777)
        else:
            yield entry.path, "its content is not in the LFS store of this clone (`git lfs fetch --all`)"


def _uses_lfs(folder: Path, code: Code, entries: Sequence[Entry]) -> bool:
    attributes = [folder / entry.path for entry in entries if entry.path.split("/")[-1] == ".gitattributes"]
    attributes.append(code.repository.common_dir / "info" / "attributes")
    return any(b"filter=lfs" in path.read_bytes() for path in attributes if path.is_file())


def _lfs_store(repository: Repository) -> Path:
    asked = git.execute(repository, "config", "--type=path", "--get", "lfs.storage")
    named = os.fsdecode(asked.stdout).strip() or "lfs"
    return repository.common_dir / named / "objects"


def _pointed(path: Path) -> str | None:
    """The hash of the content that a pointer stands for; None where the file is none."""
    try:
        with path.open("rb") as opened:
            text = opened.read(_POINTER_AT_MOST + 1)
    except OSError:
        return None
    if not text.startswith(_POINTER) or len(text) > _POINTER_AT_MOST:
        return None
    found = [line for line in text.decode("utf-8", "replace").splitlines() if line.startswith("oid sha256:")]
    return found[0].removeprefix("oid sha256:") if found else None


def _link(path: Path, target: str) -> None:
    if os.readlink(path) != target:
        path.unlink()
        path.symlink_to(target)


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return tokenize.detect_encoding(opened.readline)[0]
    except (OSError, SyntaxError):
        return "utf-8"
