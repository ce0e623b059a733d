"""Several candidates side by side: verdict and loss of each cohort."""

from __future__ import annotations

from pytest_quantguard.reporters._routing import CohortRoute, Rollout
from pytest_quantguard.reporters._views import cohorts
from pytest_quantguard.reporters._words import budget_of, change, label
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._page import FOLDER
from pytest_quantguard.reporters.html._pieces import Column, badge, row, table, verdict_class
from pytest_quantguard.reporters.html.cases import page_of
from pytest_quantguard.verdicts import WORST_FIRST, BudgetVerdict, CandidateReport, GateReport


def matrix(report: GateReport, found: Rollout) -> Markup:
    """Return cohort x candidate: the worst verdict of its budgets, and the loss it is about.

    The last column says who serves a cohort.
    """
    names = sorted({name for candidate in report.candidates for name in cohorts(candidate)})
    columns = (
        Column(title="Cohort"),
        *(Column(title=label(c.variant.name), class_="cell") for c in report.candidates),
        Column(title="Served by", class_="text"),
    )
    serving = {route.cohort: route for route in found.routes}
    whole = [_cell(_worst(c, None), f"#candidate-{i}") for i, c in enumerate(report.candidates)]
    rows = [row(columns, [tag("b", "all cohorts together"), *whole, None])]
    for name in names:
        cells: list[Child] = [
            _cell(_worst(candidate, name), f"{FOLDER}/{page_of(i, name)}")
            if name in cohorts(candidate)
            else tag("span", "not asked", class_="muted")
            for i, candidate in enumerate(report.candidates)
        ]
        rows.append(row(columns, [label(name), *cells, _served(serving[name])]))
    return table("Verdict of each cohort and candidate", columns, rows, class_="matrix")


def _served(route: CohortRoute) -> list[Child]:
    copies = ", ".join(map(label, route.mirrored))
    said = tag("span", f"copies to {copies}", class_="small") if copies else None
    return [tag("b", label(route.variant)), said]


def _worst(candidate: CandidateReport, cohort: str | None) -> BudgetVerdict | None:
    """Return the budget that decides about a cohort: of equal verdicts the widest group."""
    rows = [row for row in candidate.budgets if row.cohort == cohort]
    return min(
        rows,
        key=lambda r: (
            WORST_FIRST.index(r.verdict),
            not budget_of(r),
            r.metric is not None,
            r.tag is not None,
            r.check is not None,
        ),
        default=None,
    )


def _cell(found: BudgetVerdict | None, address: str) -> Markup:
    if found is None:
        text = tag("span", "no budget", class_="muted")
        return tag("a", text, href=address)
    about = "" if found.group[1] == "all" else label(found.group[1])
    loss = change(found.delta) if found.delta else ""
    said = ", ".join(filter(None, (loss, about)))
    return tag(
        "a",
        badge(found.verdict),
        tag("span", said, class_="small") if said else None,
        href=address,
        class_=verdict_class(found.verdict),
    )
