"""Runs a script of the matrix with a flor that only listens and with FlorDB, and finds what differs."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exactness import killing, said
from exactness.interpreters import Ended, Interpreter
from exactness.matrix import Script
from exactness.project import Project, State
from exactness.said import Place, Said

_FLOR_SAYS = ("Created branch", "Changes committed", "checkpoints: ")


@dataclass(frozen=True)
class Outcome:
    """How one script went in one of both."""

    ended: list[Ended]
    before: State
    after: State
    left: list[dict[str, object]]  # what each run left behind in its interpreter


def differences(script: Script, interpreter: Interpreter, folder: Path) -> list[str]:
    """What FlorDB changes for this script, or keeps otherwise than the program said it; in words."""
    alone, recorded = (Project.make(folder / name, script) for name in ("alone", "recorded"))
    without, heard = _listen(alone, script, interpreter)
    with_flor = _run_all(recorded, script, interpreter)
    found = [
        *_of_moments(script, heard),
        *_of_endings(script, without, with_flor),
        *_of_git(with_flor),
        *_of_files(without.after, with_flor.after),
        *_of_interpreters(without, with_flor),
        *_of_records(heard, said.kept(recorded.place, script.volatile)),
    ]
    return found or _of_frames(recorded, [one for run in heard for one in run], script)


def _listen(project: Project, script: Script, interpreter: Interpreter) -> tuple[Outcome, list[list[Said]]]:
    heard: list[list[Said]] = []
    outcome = _run_all(project, script, interpreter, heard)
    return outcome, heard


def _run_all(
    project: Project, script: Script, interpreter: Interpreter, heard: list[list[Said]] | None = None
) -> Outcome:
    """Every run of the script; what the listening flor heard of each goes to `heard`, if there is one."""
    before, ended, left = project.state(), [], []
    for command in script.commands:
        project.heard.unlink(missing_ok=True)
        ended.append(project.run(interpreter, command, listening=heard is not None))
        left.append(_left_by(project))
        if heard is not None:
            heard.append(said.heard(project.heard, script.volatile))
    return Outcome(ended, before, project.state(), left)


def _left_by(project: Project) -> dict[str, object]:
    """What the last program left behind; nothing where it was killed."""
    found = project.afterwards
    return json.loads(found.read_text("utf-8")) if found.exists() else {}


def _of_moments(script: Script, heard: Sequence[Sequence[Said]]) -> list[str]:
    """Moments to kill the script at that it never comes to."""
    logged = Counter(one.name for one in heard[len(script.before)])
    found = (killing.parse(moment) for moment in script.kill)
    return [
        f"moment {moment.name} {moment.count} never comes"
        for moment in found
        if moment.name != killing.CHECKPOINT and logged[moment.name] < moment.count
    ]


def _of_endings(script: Script, without: Outcome, with_flor: Outcome) -> list[str]:
    codes = [ended.code for ended in with_flor.ended]
    expected = [script.exit_code if command == script.command else 0 for command in script.commands]
    found = []
    if codes != expected:
        found.append(f"exit codes {codes}, not {expected}: {with_flor.ended[-1].stderr}")
    for alone, recorded in zip(without.ended, with_flor.ended, strict=True):
        if alone.code != recorded.code:
            found.append(f"exit code {recorded.code}, not {alone.code}: {recorded.stderr or alone.stderr}")
        printed = said.first_difference(alone.stdout.splitlines(), _own_lines(recorded.stdout))
        if printed:
            found.append(f"printed: {printed}")
    return found


def _own_lines(stdout: str) -> list[str]:
    """What the program printed, without what FlorDB did."""
    return [line for line in stdout.splitlines() if not line.startswith(_FLOR_SAYS)]


def _of_git(with_flor: Outcome) -> list[str]:
    before, after = with_flor.before.git, with_flor.after.git
    return [
        f"git: {key} changed from {before[key]} to {after[key]}"
        for key in before
        if before[key] != after[key]
    ]


def _of_files(without: State, with_flor: State) -> list[str]:
    names = without.files.keys() | with_flor.files.keys()
    found = [
        f"file {name}: {with_flor.files.get(name, 'missing')}, not {without.files.get(name, 'missing')}"
        for name in sorted(names)
        if without.files.get(name) != with_flor.files.get(name)
    ]
    return found + ([f"status: {with_flor.status}"] if without.status != with_flor.status else [])


def _of_interpreters(without: Outcome, with_flor: Outcome) -> list[str]:
    return [
        f"left behind: {key} is {recorded.get(key)}, not {alone.get(key)}"
        for alone, recorded in zip(without.left, with_flor.left, strict=True)
        for key in alone
        if recorded.get(key) != alone.get(key)
    ]


def _of_records(heard: Sequence[Sequence[Said]], kept: Sequence[Sequence[Place]]) -> list[str]:
    if len(heard) != len(kept):
        return [f"{len(kept)} runs are in the store, not {len(heard)}"]
    found = [
        said.first_difference([one.place for one in run], records)
        for run, records in zip(heard, kept, strict=True)
    ]
    return [f"record {text}" for text in found if text]


def _of_frames(project: Project, heard: Sequence[Said], script: Script) -> list[str]:
    found = []
    for name in dict.fromkeys(one.name for one in heard if one.around):
        own = [one for one in heard if one.name == name]
        if said.is_at_one_depth(own):
            difference = said.first_difference(
                said.expected_frame(own), said.frame(project.place, name, script.volatile)
            )
            found.append(difference and f"dataframe({name!r}): row {difference}")
    return [text for text in found if text]
