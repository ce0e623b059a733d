"""The table of budgets: what did not pass first, each with its interval against its limit."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_quantguard.reporters._order import worst_budgets_first
from pytest_quantguard.reporters._words import (
    budget_of,
    change,
    counts,
    interval,
    label,
    row_levels,
    sentence,
    why,
)
from pytest_quantguard.reporters.html._bars import axis, bar, inner_width, legend
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._pieces import Column, badge, counted, folded, row, table
from pytest_quantguard.reporters.html._scale import Scale, scale_of
from pytest_quantguard.verdicts import (
    BudgetVerdict,
    CandidateReport,
    GateReport,
    Unit,
    Verdict,
)

SHOWN = 30
"""Rows of a table; further ones that passed are folded."""
Scales = dict[Unit, Scale | None]
_KINDS: tuple[tuple[Unit, str], ...] = (("points", "shares of cases"), ("ratio", "ratios"))


def scales(report: GateReport) -> Scales:
    """Return one scale per unit for all candidates, so that their bars can be compared."""
    rows = [row for candidate in report.candidates for row in candidate.budgets]
    return {unit: scale_of(rows, unit, inner_width()) for unit in ("points", "ratio")}


def budgets(candidate: CandidateReport, baseline: str, shared: Scales) -> list[Child]:
    """Return the tables: shares in percentage points, then ratios, then what has neither.

    The last come first where they spoil the rest.
    """
    name = label(candidate.variant.name)
    found: list[Child] = []
    rows = worst_budgets_first(candidate.budgets)
    for unit, words in _KINDS:
        scale = shared[unit]
        mine = [row for row in rows if row.delta and row.delta.unit == unit]
        if mine and scale:
            caption = f"Budgets of {name}: {words}"
            passed = [row for row in mine[SHOWN:] if row.verdict is Verdict.PASS]
            shown = mine[: len(mine) - len(passed)]
            found.append(_table(caption, shown, candidate, baseline, scale))
            if passed:
                told = f"{counted(len(passed), 'more budget')} that passed"
                more = f"{caption}, that passed"
                found.append(folded(told, _table(more, passed, candidate, baseline, scale)))
    pictures: list[Child] = [legend(), *found] if found else []
    others = [row for row in rows if not row.delta]
    if not others:
        return pictures
    rest = _without_delta(f"Budgets of {name}: without a difference to show", others)
    broken = others[0].verdict in (Verdict.ERROR, Verdict.NOT_COMPARABLE)
    return [rest, *pictures] if broken else [*pictures, rest]


def _table(
    caption: str,
    rows: Iterable[BudgetVerdict],
    candidate: CandidateReport,
    baseline: str,
    scale: Scale,
) -> Markup:
    columns = (
        Column(title="Cohort / check"),
        Column(title="Cases", number=True, class_="cases"),
        Column(title=label(baseline), number=True, class_="arm"),
        Column(title=label(candidate.variant.name), number=True, class_="arm"),
        Column(title="Worse by", number=True, class_="delta"),
        Column(title="Interval against the budget", class_="picture", head=axis(scale)),
        Column(title="Budget", number=True, class_="budget"),
        Column(title="Verdict", class_="verdict"),
    )
    return table(
        caption,
        columns,
        (_row(columns, one, candidate, scale) for one in rows),
        class_="budgets",
    )


def _row(
    columns: tuple[Column, ...], one: BudgetVerdict, candidate: CandidateReport, scale: Scale
) -> Markup:
    delta = one.delta
    levels = row_levels(one)
    cells: list[Child] = [
        [group(one), _said("" if one.metric else counts(one, candidate))],
        f"{one.cases:,}",
        levels[0],
        levels[1],
        [tag("b", change(delta)), " ", tag("span", interval(delta), class_="ends")]
        if delta
        else None,
        bar(one, delta, scale) if delta else None,
        budget_of(one),
        [badge(one.verdict), _said(why(one, candidate))],
    ]
    return row(columns, cells, class_=f"row-{one.verdict.name.lower().replace('_', '-')}")


def _without_delta(caption: str, rows: Iterable[BudgetVerdict]) -> Markup:
    columns = (
        Column(title="Cohort / check"),
        Column(title="Cases", number=True, class_="cases"),
        Column(title="Budget", number=True, class_="budget"),
        Column(title="Verdict", class_="verdict"),
        Column(title="Why", class_="text"),
    )
    found = (
        row(
            columns,
            [
                group(one),
                f"{one.cases:,}" if one.cases else None,
                budget_of(one),
                badge(one.verdict),
                sentence(one.reason),
            ],
        )
        for one in rows
    )
    return table(caption, columns, found, class_="plain")


def group(one: BudgetVerdict) -> Markup:
    """Return what a budget is about; the wrap may stand between cohort and check."""
    cohort, check = map(label, one.group)
    return tag("span", tag("span", cohort, class_="cohort"), " / ", tag("wbr"), check)


def _said(text: str) -> Markup | None:
    return tag("span", text, class_="small") if text else None
