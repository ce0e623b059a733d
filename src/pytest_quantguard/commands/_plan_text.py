"""A plan as text, in the widest layout that fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from pytest_quantguard import _budgets
from pytest_quantguard._auto import yaml_lines
from pytest_quantguard._plan import Plan, PlannedArm, PlannedCandidate, PlanRow
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.commands._columns import Cells, aligned, fitted, without

_NAMES = ("cohort", "check", "arm")
"""Columns that hold names: set left, all others right."""
_DROPPED: tuple[tuple[str, ...], ...] = (
    (),
    ("80%",),
    ("80%", "95%"),
    ("80%", "95%", "notices"),
    ("80%", "95%", "notices", "proves"),
)
"""Columns to do without where there is no room for all."""
_SHOWN = 5
"""Groups named that have too few cases for a budget of their own; the others are counted."""


def render(plan: Plan, width: int) -> list[str]:
    """Return the lines of a whole plan, none longer than ``width`` where names allow it."""
    width = max(width, 40)
    head = f"quantguard plan: {counted(plan.cases, 'case')} in {counted(plan.cohorts, 'cohort')}"
    lines = wrap(f"{head} ({one_line(plan.file)})" if plan.file else head, width)
    for same in _alike(plan.candidates):
        lines += ["", *_candidate(same, plan, width)]
    lines += ["", *_legend(plan, width), "", *_auto(plan, width)]
    return [*lines, "", *_arms(plan.arms, width)]


def _alike(candidates: Sequence[PlannedCandidate]) -> Iterator[list[PlannedCandidate]]:
    """Put candidates together for which the same is expected: their tables are the same."""
    groups: dict[float, list[PlannedCandidate]] = {}
    for candidate in candidates:
        groups.setdefault(round(candidate.expected.psi, 9), []).append(candidate)
    yield from groups.values()


def _candidate(same: Sequence[PlannedCandidate], plan: Plan, width: int) -> list[str]:
    expected = same[0].expected
    names = ", ".join(one_line(candidate.name) for candidate in same)
    formats = ", ".join(dict.fromkeys(one_line(c.expected.churn_source) for c in same))
    text = (
        f"{names} against {one_line(plan.baseline)}: about {percent(expected.psi)} of outcomes "
        f"differ even if nothing is lost ({percent(expected.noise)} noise, "
        f"{expected.noise_source}; {percent(expected.churn)} from the format: {formats})"
    )
    return [*wrap(text, width), "", *table(same[0].rows, width)]


def _legend(plan: Plan, width: int) -> list[str]:
    text = (
        "power: chance that an equal candidate passes. 80%, 95%: cases for that chance. add: "
        f"cases missing for {percent(plan.power)}. proves: smallest budget that these cases pass "
        "with 95%. notices: smallest loss that fails with 80%."
    )
    lines = wrap(text, width)
    if plan.undecidable:
        text = (
            f"{counted(len(plan.undecidable), 'budget')} UNDECIDABLE: a run is refused, unless "
            "--quant-underpowered=allow accepts it."
        )
        lines += ["", *wrap(text, width)]
    return lines


# --- the table of budgets -----------------------------------------------------------------


def table(rows: Sequence[PlanRow], width: int) -> list[str]:
    """Return one line per budget; what is to be known about it stands below."""
    if not rows:
        return ["no budgets"]
    cells = [_cells(row) for row in rows]
    if all(abs(row.effective - row.cases) < 0.5 for row in rows):
        cells = [without(line, ("eff",)) for line in cells]
    notes = [_note(row, width) for row in rows]
    return fitted(cells, width, names=_NAMES, drops=_DROPPED, notes=notes)


def _cells(row: PlanRow) -> Cells:
    group = row.budget.group
    tag = f"#{one_line(group.tag)}" if group.tag else ""
    return {
        "cohort": f"{one_line(group.cohort or '')}{tag}" or "all",
        "check": one_line(group.metric or group.check or "all"),
        "n": str(row.cases),
        "eff": f"{row.effective:.0f}",
        "budget": _budgets.allowance(row.budget),
        "power": percent(row.power),
        "80%": _number(row.cases_80),
        "95%": _number(row.cases_95),
        "add": _number(row.to_add),
        "proves": _points(row.provable),
        "notices": _points(row.noticed),
    }


def _note(row: PlanRow, width: int) -> list[str]:
    text = row.note if row.decidable else f"UNDECIDABLE: {row.note}"
    return [f"    {line}" for line in wrap(text, width - 4)]


# --- budgets: auto ------------------------------------------------------------------------


def _auto(plan: Plan, width: int) -> list[str]:
    proposal = plan.auto
    if not proposal.budgets:
        lines = wrap("These cases are too few to decide any budget worth having:", width)
    else:
        text = (
            "The tightest budgets that these cases can decide, to paste, or as 'budgets: auto' (if "
            f"{percent(plan.auto_psi)} of outcomes differ, an equal candidate passes all of a "
            "level with 95%):"
        )
        lines = [*wrap(text, width), "", "budgets:", *yaml_lines(proposal.budgets)]
    for sentence in proposal.left_out[:_SHOWN]:
        lines += wrap(f"  # {sentence}", width, subsequent_indent="  # ")
    if (more := len(proposal.left_out) - _SHOWN) > 0:
        lines.append(f"  # ... and {more} more groups with too few cases")
    return lines


# --- what a run takes ---------------------------------------------------------------------


def _arms(arms: Sequence[PlannedArm], width: int) -> list[str]:
    rows: list[Cells] = [
        {
            "arm": one_line(arm.name),
            "requests": str(arm.requests),
            "cached": str(arm.cached),
            "to ask": str(arm.requests - arm.cached),
            "tokens in": _number(arm.prompt_tokens),
            "tokens out": _number(arm.completion_tokens),
            "cost": "?" if arm.cost is None else f"{arm.cost:.2f}",
        }
        for arm in arms
    ]
    short = [without(row, ("requests", "tokens in", "tokens out")) for row in rows]
    for cells, gap in ((rows, 2), (rows, 1), (short, 2), (short, 1)):
        lines = aligned(cells, gap, _NAMES)
        if max(map(len, lines)) <= width:
            break
    for note in dict.fromkeys(arm.note for arm in arms if arm.note):
        names = ", ".join(one_line(arm.name) for arm in arms if arm.note == note)
        lines += wrap(f"{names}: {note}", width)
    return lines


# --- numbers ------------------------------------------------------------------------------


def percent(share: float | None) -> str:
    """Return a share as percent; never 0 % or 100 % for what is only nearly so."""
    if share is None:
        return "-"
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.995 <= share < 1:
        return ">99%"
    text = f"{100 * share:.1f}" if share < 0.1 else f"{100 * share:.0f}"
    return f"{text.removesuffix('.0')}%"


def _points(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} pt"


def _number(number: int | None) -> str:
    return "?" if number is None else str(number)
