"""The probes of today carried into the versions of past runs, each version once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flor.entities import Run
from flor.errors import FlorError, VersionUnavailable
from flor.project import Project
from flor.query.closest import hint
from flor.replay import checkout, probes
from flor.replay.edits import Brought, Edits
from flor.replay.planning import places_of_probes, reading, slicing, standing
from flor.replay.planning.program import Program
from flor.replay.planning.standing import Changed
from flor.replay.probes import MODULE, Probe
from flor.replay.propagation import Patch, Propagated, propagate
from flor.snapshots import git, history
from flor.snapshots.repository import Repository


@dataclass(frozen=True, slots=True)
class ProbedVersion:
    """A version with the probes in it."""

    propagated: Propagated
    changed: Changed
    files: Mapping[str, str]  # texts that differ from the version's, by path
    edits: Edits

    def new_line(self, filename: str, line: int) -> int:
        """Where a line of a file of the version stands now."""
        for each in self.propagated.files:
            if each.filename == filename:
                return each.new_line(line)
        return line


def today(project: Project) -> dict[str, str]:
    """The text of each Python file in the working tree, by path."""
    if project.repository is None:
        return {}
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.py")
    listed = git.run(project.repository, *arguments).decode("utf-8", "surrogateescape")
    found: dict[str, str] = {}
    for name in filter(None, listed.split("\0")):
        text = _text(project.repository.worktree / name)
        if text is not None:
            found[name] = text
    return found


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def find_probes(files: Mapping[str, str], names: Sequence[str]) -> list[Probe]:
    """The statements that log these names today.

    Raises:
        FlorError: there is none for one of the names.
    """
    found = probes.find(files, names)
    missing = [name for name in names if name not in {probe.name for probe in found}]
    if missing:
        notes = " ".join(probes.notes(files, missing))
        text = f"{hint(missing[0], probes.all_names(files))} {notes}".strip()
        raise FlorError(
            f"No statement flor.log({missing[0]!r}, ...) stands in today's files.",
            text or "Add it where the value is known, and ask again.",
        )
    return found


def texts_of(repository: Repository, runs: Sequence[Run]) -> dict[str, Mapping[str, str]]:
    """The Python files of each run's version, by run; runs whose code is gone are left out."""
    trees: dict[str, str] = {}
    for run in runs:
        try:
            trees[run.run] = checkout.code_of(repository, run).tree
        except VersionUnavailable:
            continue
    texts = history.sources(repository, trees.values())
    return {run: texts[tree] for run, tree in trees.items()}


def probed(
    wanted: Sequence[Probe],
    now: Mapping[str, str],
    before: Mapping[str, str],
    script: str,
    *,
    is_sliced: bool,
) -> ProbedVersion:
    """The version of these texts, with the probes in it."""
    carried = propagate(wanted, now, before)
    files = {one.filename: one.text for one in carried.files}
    texts = {**before, **files}
    program = reading.read(texts, script)
    structure = places_of_probes.structure(program)
    statements = [(patch.filename, patch.line) for patch in carried.patches]
    along = [(patch.filename, line) for patch in carried.patches for line in patch.carried]
    changed = standing.changed(program, structure, texts, statements, along)
    cuts = slicing.cuts(changed.places).after if is_sliced else {}
    lines = {one.filename: frozenset(one.inserted) for one in carried.files}
    return ProbedVersion(carried, changed, files, Edits(cuts, lines, _brought(program, carried.patches)))


def _brought(program: Program, patches: Sequence[Patch]) -> Brought:
    """The names that came with probes, in each function that some of their lines stand in."""
    found: dict[tuple[str, str], set[str]] = {}
    for patch in patches:
        for line in (patch.line, *patch.carried):
            function = program.function_at(patch.filename, line)
            place = (patch.filename, function.qualname if function else MODULE)
            found.setdefault(place, set()).update(patch.brought)
    return found
