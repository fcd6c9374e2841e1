"""Carries probes into one old version: finds their places, splices them in, says why where it cannot."""

from collections.abc import Iterator, Mapping, Sequence

from flor.replay.probes import Probe
from flor.replay.propagation import presence, splicing
from flor.replay.propagation.inserting import insert
from flor.replay.propagation.places import title
from flor.replay.propagation.placing import ENOUGH
from flor.replay.propagation.planned import Planned, check
from flor.replay.propagation.refusing import Refused
from flor.replay.propagation.results import Patch, PatchedFile, Present, Propagated, Refusal
from flor.replay.propagation.splicing import Edit
from flor.replay.propagation.view import View
from flor.replay.propagation.wrapping import wrap
from flor.replay.trees import uncollected


@uncollected()
def propagate(probes: Sequence[Probe], now: Mapping[str, str], before: Mapping[str, str]) -> Propagated:
    """Put probes of today's files into the files of an old version.

    Args:
        now: today's text of every Python file of the project, by relative path.
        before: the old version's.
    """
    asked = frozenset(probe.name for probe in probes)
    outcomes: list[Planned | Present | Refusal] = []
    for filename in dict.fromkeys(probe.filename for probe in probes):
        mine = [probe for probe in probes if probe.filename == filename]
        try:
            view = View(filename, now, before, asked, [probe.line for probe in mine])
        except (SyntaxError, RecursionError) as error:
            outcomes.extend(Refusal(probe, f"{filename} of today cannot be read: {error}") for probe in mine)
        else:
            outcomes.extend(_of_file(view, mine))
    return _spliced(
        [each for each in outcomes if isinstance(each, Planned)],
        tuple(each for each in outcomes if isinstance(each, Refusal)),
        tuple(each for each in outcomes if isinstance(each, Present)),
    )


def _of_file(view: View, probes: Sequence[Probe]) -> Iterator[Planned | Present | Refusal]:
    """What becomes of the probes of one file of today."""
    there = presence.find(view, probes)
    for probe in probes:
        if probe in there:
            yield there[probe]
            continue
        try:
            yield _plan(view, probe)
        except Refused as refused:
            yield Refusal(probe, refused.reason, refused.is_absent)
        except RecursionError:
            yield Refusal(probe, "an expression around it is nested deeper than Python reads")


def _plan(view: View, probe: Probe) -> Planned:
    """Where one probe goes.

    Raises:
        Refused: nowhere.
    """
    found = view.find(probe)
    if found is None:
        raise Refused(f"there is no `flor.log({probe.name!r}, …)` on line {probe.line} of {probe.filename}")
    if not view.old:
        raise _no_file(view)
    statement, call = found
    old = view.matching.old(statement)
    if not view.is_bare(statement) and old is not None:
        plan = wrap(view, probe, statement, call, old)
    elif view.is_bare(statement) or statement.kind in ("assign", "Expr"):
        plan = insert(view, probe, statement)
    else:
        raise Refused(f"this version has nothing like `{title(statement)}`")
    if plan.score < ENOUGH:
        raise Refused(f"its place in this version is uncertain (score {plan.score:.2f})")
    check(plan)
    return plan


def _no_file(view: View) -> Refused:
    name = view.now.filename
    if name in view.unreadable:
        return Refused(f"{name} of this version cannot be read: {view.unreadable[name]}", is_absent=True)
    return Refused(f"this version has no {name}, and no file with code of it", is_absent=True)


def _spliced(
    planned: Sequence[Planned], refusals: tuple[Refusal, ...], present: tuple[Present, ...]
) -> Propagated:
    files: list[PatchedFile] = []
    patches: list[Patch] = []
    for module in dict.fromkeys(plan.module for plan in planned):
        mine = [plan for plan in planned if plan.module is module]
        edits = dict.fromkeys(edit for plan in mine for edit in plan.edits)
        file, lines = splicing.spliced(module, list(edits))
        files.append(file)
        patches.extend(_patch(plan, lines) for plan in mine)
    return Propagated(tuple(files), tuple(patches), refusals, present)


def _patch(plan: Planned, lines: Mapping[Edit, int]) -> Patch:
    carried = sorted(
        lines[edit] + row for edit in plan.carried for row in range(edit.text.strip().count("\n") + 1)
    )
    return Patch(
        plan.probe,
        plan.module.filename,
        lines[plan.main] + plan.row,
        plan.score,
        plan.hash,
        plan.brought,
        tuple(carried),
    )
