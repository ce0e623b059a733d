"""A plan as text, in the widest layout that fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from pytest_quantguard import _budgets
from pytest_quantguard._auto import LARGEST, yaml_lines
from pytest_quantguard._costs import CostRow
from pytest_quantguard._plan import Plan, PlannedCandidate, PlanRow
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
_UNSEEN = 0.5
"""A loss that large is seen by anybody: where not less is, the cases are too few to say."""
_SHOWN = 5
"""Groups named that have too few cases for a budget of their own; the others are counted."""


def render(plan: Plan, width: int, *, costs: bool = False) -> list[str]:
    """Return the lines of a whole plan, none longer than ``width`` where names allow it.

    With ``costs`` requests, tokens and money stand there cohort by cohort.
    """
    width = max(width, 40)
    head = f"quantguard plan: {counted(plan.cases, 'case')} in {counted(plan.cohorts, 'cohort')}"
    lines = wrap(f"{head} ({one_line(plan.file)})" if plan.file else head, width)
    for same in _alike(plan.candidates):
        lines += ["", *_candidate(same, plan, width)]
    lines += ["", *_legend(plan, width), "", *_auto(plan, width)]
    lines += ["", *_arms(plan.arms, width)]
    if costs:
        lines += ["", *_arms(plan.costs, width, cohorts=True)]
        lines += ["", *wrap(_COSTS, width)]
    return lines


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
    lines = [*wrap(text, width), "", *_seen(same[0], width), "", *_needed(same[0], plan, width)]
    return [*lines, "", "Your budgets:", *table(same[0].rows, width)]


def _seen(candidate: PlannedCandidate, width: int) -> list[str]:
    """What today's cases can do, cohort by cohort."""
    text = "What these cases see and prove, where a loss is in that cohort alone:"
    rows: list[Cells] = [
        {
            "cohort": one_line(one.cohort) if one.cohort is not None else "all",
            "n": str(one.cases),
            "sees a loss of": _visible(one.sees),
            "proves a budget of": _points(one.proves),
        }
        for one in candidate.seen
    ]
    return [*wrap(text, width), *fitted(rows, width, names=_NAMES)]


def _needed(candidate: PlannedCandidate, plan: Plan, width: int) -> list[str]:
    """How many cases a budget takes, in one cohort as in all."""
    text = (
        f"Cases for a budget, so that an equal candidate passes in {percent(plan.power)} of runs:"
    )
    cells = {f"{100 * budget:g} pt": str(cases) for budget, cases in candidate.needed}
    heads, row = aligned([cells], 2, ())
    return [*wrap(text, width), heads, row]


def _legend(plan: Plan, width: int) -> list[str]:
    meanings = {
        "power": "chance that an equal candidate passes",
        "80%, 95%": "cases for that chance",
        "add": f"cases missing for {percent(plan.power)}",
        "proves": "smallest budget that an equal candidate passes in 95% of runs",
        "sees": "smallest loss that 80% of runs show",
        "notices": "smallest loss that fails the budget in 80% of runs",
        "-": "too few cases to say",
    }
    lines = []
    for name, meaning in meanings.items():
        lines += wrap(f"{name:10}{meaning}", width, subsequent_indent=" " * 10)
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
        "proves": _points(row.provable if (row.provable or 1) <= LARGEST else None),
        "notices": _visible(row.noticed),
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
            f"{percent(plan.auto_psi)} of outcomes differ, an equal candidate passes all budgets "
            "of a level in 95% of runs):"
        )
        lines = [*wrap(text, width), "", "budgets:", *yaml_lines(proposal.budgets)]
    for sentence in proposal.left_out[:_SHOWN]:
        lines += wrap(f"  # {sentence}", width, subsequent_indent="  # ")
    if (more := len(proposal.left_out) - _SHOWN) > 0:
        lines.append(f"  # ... and {more} more groups with too few cases")
    return lines


# --- what a run takes ---------------------------------------------------------------------


_COSTS = (
    "as needed: critical cases that seem to have regressed are asked again, and judges are asked "
    "about answers that are not there yet; how much of it is in the cache is not known. at most: "
    "by the length of the questions and max_tokens. Prices are those of the configuration."
)


def _arms(arms: Sequence[CostRow], width: int, *, cohorts: bool = False) -> list[str]:
    rows: list[Cells] = [_arm(arm, cohorts=cohorts) for arm in arms]
    useless = tuple(
        head
        for head, nothing in (("as needed", "0"), ("at most", "?"))
        if all(row[head] == nothing for row in rows)
    )
    rows = [without(row, useless) for row in rows]
    drops = ((), ("tokens in", "tokens out"), ("tokens in", "tokens out", "requests", "at most"))
    lines = fitted(rows, width, names=_NAMES, drops=drops) if rows else []
    for note in dict.fromkeys(arm.note for arm in arms if arm.note):
        names = dict.fromkeys(one_line(arm.name) for arm in arms if arm.note == note)
        lines += [] if cohorts else wrap(f"{', '.join(names)}: {note}", width)
    return lines


def _arm(arm: CostRow, *, cohorts: bool) -> Cells:
    place = {"cohort": one_line(arm.cohort or "") or "(probes)"} if cohorts else {}
    return {
        "arm": f"judge {one_line(arm.name)}" if arm.role == "judge" else one_line(arm.name),
        **place,
        "requests": str(arm.requests),
        "cached": str(arm.cached),
        "to ask": str(arm.requests - arm.cached),
        "as needed": str(arm.further),
        "tokens in": _number(arm.prompt_tokens),
        "tokens out": _number(arm.completion_tokens),
        "cost": _money(arm.cost),
        "at most": _money(arm.most_cost),
    }


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


def _visible(loss: float | None) -> str:
    return _points(loss if (loss or 1) < _UNSEEN else None)


def _money(cost: float | None) -> str:
    return "?" if cost is None else f"{cost:.2f}" if cost >= 0.995 or not cost else f"{cost:.2g}"


def _number(number: int | None) -> str:
    return "?" if number is None else str(number)
