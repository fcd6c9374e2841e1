"""Kills a run at a given moment, has it resumed, and finds what differs from a run that was never killed.

    wanted = uninterrupted(script, interpreter, folder)
    report = killed_and_resumed(script, "loss 17", wanted, interpreter, flor_resume(fresh), folder)
    assert report.problems == []

The uninterrupted and the killed run are forks of one interpreter: they begin with the same random state, so
that scripts without a seed can be compared too. Whoever resumes must bring that state back.
"""

import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from exactness import killing, said
from exactness.interpreters import Ended, Interpreter
from exactness.matrix import Script
from exactness.project import Project
from exactness.said import Place
from flor.checkpoints.entry import parse
from flor.checkpoints.store import CheckpointStore
from flor.entities import RunId, Status

KEEP_EVERYTHING = {"FLOR_EPSILON": "1000"}
"""However short the run: an entry point wherever there can be one."""


@dataclass(frozen=True)
class Finished:
    """A run that has come to its end, and what it leaves."""

    code: int
    status: Status
    records: list[Place]
    files: dict[str, str]


@dataclass(frozen=True)
class Killed:
    """A run that was killed, and what is wrong with the records it leaves."""

    project: Project
    run: RunId
    problems: list[str]


@dataclass(frozen=True)
class Resumed:
    """What whoever resumes says, and the run that has the records now."""

    ended: Ended
    run: RunId


Resume = Callable[[Project, Script, RunId], Resumed]
"""Goes on with a killed run of the project."""


@dataclass(frozen=True)
class Report:
    """What became of one run that was killed."""

    moment: str
    outcome: Literal["resumed", "refused", "never killed"]
    message: str = ""
    problems: list[str] = field(default_factory=list)
    said: str = ""  # by whoever resumed, on standard error

    @property
    def entry(self) -> str:
        """Where the run went on, in the words of users; "" where it did not."""
        found = re.findall(r"^Resuming run \w+ \(.*?\): (.*)\.$", self.said, re.MULTILINE)
        return found[-1] if found else ""

    @property
    def is_late(self) -> bool:
        """Whether it went on from what was kept, and did not begin anew."""
        return bool(self.entry) and not re.fullmatch(r"its start|(.* 1, )?before .*", self.entry)


def flor_resume(interpreter: Interpreter) -> Resume:
    """`python -m flor resume RUN`."""

    def resume(project: Project, script: Script, run: RunId) -> Resumed:
        return Resumed(project.run(interpreter, ["-m", "flor", "resume", run]), run)

    return resume


def at_entry(entry: str, resume: Resume) -> Resume:
    """Resumes a run that has nothing left of what it kept after an entry point."""

    def resume_there(project: Project, script: Script, run: RunId) -> Resumed:
        for kept in CheckpointStore(project.place.layout.checkpoints).kept(run):
            if parse(kept.manifest.entry).order > parse(entry).order:
                kept.path.unlink()
        return resume(project, script, run)

    return resume_there


def uninterrupted(script: Script, interpreter: Interpreter, folder: Path) -> Finished:
    """The run as it should be, after the runs that end before it begins."""
    project = _begun(script, interpreter, folder / "uninterrupted")
    ended = project.run(interpreter, script.command, **KEEP_EVERYTHING)
    if ended.code != script.exit_code:
        raise RuntimeError(f"{script} ended with {ended.code}, not {script.exit_code}: {ended.stderr}")
    run = project.catalog().runs[-1]
    return _finished(project, script, run.run, ended)


def killed(
    script: Script, moment: str, wanted: Finished, interpreter: Interpreter, folder: Path
) -> Killed | None:
    """The run, killed at the moment; None where it has come to its end before."""
    project = _begun(script, interpreter, folder / re.sub(r"\W+", "-", moment))
    ended = project.run(interpreter, script.command, kill=moment, **KEEP_EVERYTHING)
    if ended.code == script.exit_code:
        return None
    run = project.catalog().runs[-1].run
    left = said.records(project.catalog(), run, script.volatile)
    return Killed(project, run, _of_kill(moment, ended, left, wanted))


def killed_and_resumed(
    script: Script, moment: str, wanted: Finished, interpreter: Interpreter, resume: Resume, folder: Path
) -> Report:
    """Kill the run at the moment, let the runs that come after it end, resume it, and compare."""
    dead = killed(script, moment, wanted, interpreter, folder)
    if dead is None:
        return _never_killed(moment)
    for argv in script.after:
        dead.project.run(interpreter, [script.main, *argv])
    before = dead.project.state()
    resumed = resume(dead.project, script, dead.run)
    if _is_refusal(resumed.ended, wanted):
        message = resumed.ended.stderr.strip()
        changed = [] if dead.project.state() == before else ["the refusal changed files or git"]
        return Report(moment, "refused", message, dead.problems + _of_refusal(script, message) + changed)
    git = [] if dead.project.state().git == before.git else ["resume changed git"]
    found = _finished(dead.project, script, resumed.run, resumed.ended)
    problems = dead.problems + git + _of_result(wanted, found, resumed.ended)
    return Report(moment, "resumed", problems=problems, said=resumed.ended.stderr)


def _begun(script: Script, interpreter: Interpreter, folder: Path) -> Project:
    project = Project.make(folder, script)
    for argv in script.before:
        project.run(interpreter, [script.main, *argv])
    return project


def _finished(project: Project, script: Script, run: RunId, ended: Ended) -> Finished:
    catalog = project.place.catalog()
    return Finished(
        ended.code,
        catalog.find(run).status,
        said.records(catalog, run, script.volatile),
        project.files(),
    )


def _never_killed(moment: str) -> Report:
    # How many checkpoints a short run keeps is the policy's business; how often it logs is not.
    is_expected = killing.parse(moment).name == killing.CHECKPOINT
    return Report(moment, "never killed", problems=[] if is_expected else ["the run came to its end"])


def _of_kill(moment: str, ended: Ended, left: list[Place], wanted: Finished) -> list[str]:
    """The records up to the moment are there, each as in the uninterrupted run."""
    asked = killing.parse(moment)
    found = []
    if ended.code != -asked.signal:
        found.append(f"exit code {ended.code}, not {-asked.signal}: {ended.stderr}")
    difference = said.first_difference(wanted.records[: len(left)], left)
    if difference:
        found.append(f"before the kill: record {difference}")
    if asked.name != killing.CHECKPOINT:
        count = sum(record.name == asked.name for record in left)
        # After SIGTERM a run goes on to the next header of a loop.
        goes_on = bool(asked.delay_s) or asked.signal == signal.SIGTERM
        is_lost = count < asked.count if goes_on else count != asked.count
        found += [f"{count} records of {asked.name} outlive the kill, not {asked.count}"] if is_lost else []
    return found


def _is_refusal(ended: Ended, wanted: Finished) -> bool:
    """Exit code 1 is an error of FlorDB's with message and remedy, unless the script itself ends so."""
    return ended.code == 1 and wanted.code != 1 and "Traceback" not in ended.stderr


def _of_refusal(script: Script, message: str) -> list[str]:
    if script.refusal and re.search(script.refusal, message):
        return []
    return [f"refused, and {script.refusal or 'nothing'} is no reason here: {message}"]


def _of_result(wanted: Finished, found: Finished, ended: Ended) -> list[str]:
    problems = []
    if (found.code, found.status) != (wanted.code, wanted.status):
        problems.append(f"exit code {found.code} and {found.status}, not {wanted.code}: {ended.stderr}")
    difference = said.first_difference(wanted.records, found.records)
    if difference:
        problems.append(f"record {difference}")
    names = sorted(wanted.files.keys() | found.files.keys())
    other = [name for name in names if wanted.files.get(name) != found.files.get(name)]
    return problems + ([f"other files: {', '.join(other)}"] if other else [])
