"""Requests that were asked before: the same question again is no further evidence.

Ten thousand copies of one request tell no more about other requests than one does. The first of
them is evidence; the others can only take a PASS away, where what they lose weighs more in the
traffic than in the evidence. The choice looks at the requests alone, so that it favours neither
model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from pytest_quantguard._decide import limit_of
from pytest_quantguard._measures import limit_of as metric_limit_of
from pytest_quantguard._plural import counted
from pytest_quantguard.canary.cohorts import text_of
from pytest_quantguard.canary.lost import REMEMBERED, Recent
from pytest_quantguard.canary.measured import Plan
from pytest_quantguard.canary.places import Places
from pytest_quantguard.canary.records import MirroredPair, Step
from pytest_quantguard.metrics._paired import ALPHA
from pytest_quantguard.verdicts import Budget, BudgetVerdict, Group, Verdict


class Repeats:
    """Knows requests again, in each cohort; memory of bounded size."""

    def __init__(self, unit: str) -> None:
        """``unit``: what is one piece of evidence: ``request``, ``pair`` or ``label:NAME``."""
        self._unit = unit
        self._seen = Recent(REMEMBERED)

    @property
    def forgot(self) -> bool:
        """Whether there were more requests than are known again."""
        return self._seen.forgot

    def marked(self, pair: MirroredPair, step: Step) -> Step:
        """Return a step, marked where it is no evidence of its own.

        Where the baseline gave no answer nothing was compared, and the next one is the first.
        """
        if self._unit == "pair" or step.measurement is None:
            return step
        if not step.measurement.baseline.answered:
            return step
        again = self._seen.seen(f"{step.cohort}\n{self._name(pair)}")
        return replace(step, again=True) if again else step

    def _name(self, pair: MirroredPair) -> str:
        """Return what a pair shares with those that ask the same."""
        if self._unit != "request":
            label = text_of(pair.labels.get(self._unit.removeprefix("label:")))
            if label:
                return f"label {label}"
        return pair.request.canonical()


def outweighed(
    rows: Sequence[BudgetVerdict],
    budgets: Sequence[Budget],
    plan: Plan,
    places: Places,
    again: Places,
) -> list[BudgetVerdict]:
    """Take PASS from each budget that the whole traffic, repeats and all, is over."""
    if not again.of:
        return list(rows)
    terms = {budget.group: budget for budget in budgets}
    found = []
    for row in rows:
        budget = terms.get(Group(row.cohort, row.check, row.tag, row.metric))
        why = ""
        if budget is not None and row.verdict is Verdict.PASS:
            why = _over(budget, plan, places, again)
        found.append(replace(row, verdict=Verdict.INCONCLUSIVE, reason=why) if why else row)
    return found


def _over(budget: Budget, plan: Plan, places: Places, again: Places) -> str:
    """Say by how much all pairs together are over a budget; empty where they are not."""
    group = budget.group
    if budget.metric is None:
        more = again.count(group)
        count = places.count(group).merge(more)
        if not more.size or count.total / count.size < limit_of(budget, count.rate):
            return ""
        told, size = f"{100 * count.total / count.size:+.1f} pt", more.size
    else:
        repeated = again.sums(group)
        if group.metric not in plan.place or not repeated.asked:
            return ""
        size = repeated.asked
        delta = places.sums(group).merge(repeated).read(group, ALPHA).delta
        if delta is None or _inside(delta.value, budget, plan):
            return ""
        told = f"x{delta.value:.2f}" if delta.unit == "ratio" else f"{100 * delta.value:+.1f} pt"
    pairs = counted(size, "pair")
    return (
        f"with the {pairs} that repeat a request it is {told}, which is over the budget: what is "
        "asked often got worse, and it is too few different requests to show more"
    )


def _inside(value: float, budget: Budget, plan: Plan) -> bool:
    limit = metric_limit_of(budget)
    if not plan.metrics[str(budget.metric)].both_ways:
        return value < limit
    return (1 / limit if budget.max_ratio is not None else -limit) < value < limit


def note_of(repeated: int, pairs: int, cohorts: Collection[str]) -> list[str]:
    """Say how many pairs were no evidence of their own."""
    if not repeated:
        return []
    where = " in their cohort" if len(cohorts) > 1 else ""
    return [
        f"{repeated:,} of {counted(pairs, 'pair')} ask what was asked before{where}: they are "
        "no evidence of their own (canary: unit)"
    ]
