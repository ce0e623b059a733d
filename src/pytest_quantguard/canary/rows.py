"""Budgets, judged on counters: the rows of a canary's report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_quantguard import stats
from pytest_quantguard._decide import (
    ALPHA_FAIL,
    ALPHA_PASS,
    Decision,
    EvidenceRule,
    Family,
    decide,
    limit_of,
)
from pytest_quantguard._grounds import unmatched, without_numbers
from pytest_quantguard._measures import bare_row, final_row, row_of
from pytest_quantguard._measures import limit_of as metric_limit_of
from pytest_quantguard._plural import counted
from pytest_quantguard.canary.counting import Count
from pytest_quantguard.canary.feedback import FeedbackSums
from pytest_quantguard.canary.missing import Missing
from pytest_quantguard.metrics._paired import ALPHA
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.verdicts import (
    Budget,
    BudgetVerdict,
    Counts,
    Delta,
    Group,
    Metric,
    Reading,
    Verdict,
)

_MOST_MORE = 1e12
"""More pairs than that are nothing that anybody waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """How much error one look may make; see `_decide.ALPHA_PASS` and `_decide.ALPHA_FAIL`."""

    passing: float = ALPHA_PASS
    failing: float = ALPHA_FAIL
    early: bool = False
    """Whether a FAIL may stop the reading: then it has to be shown that the budget is exceeded."""

    @property
    def share(self) -> float:
        """Part of the whole error that this look may make, in (0, 1]."""
        return self.failing / ALPHA_FAIL


def rate_rows(
    budgets: Sequence[Budget],
    cases: Mapping[Group, Count],
    family: Family,
    *,
    evidence: EvidenceRule,
    error: Error,
    pairs: int,
    missing: Missing,
    examples: Sequence[PairedOutcome],
) -> list[BudgetVerdict]:
    """Judge budgets on the share of cases that hold.

    ``pairs``: of the whole traffic so far, so that "how many more" can be told in its pairs.
    """
    judged = [budget for budget in budgets if budget.group in cases]
    decisions = decide(
        judged,
        cases,
        evidence=evidence,
        alpha_pass=error.passing,
        alpha_strict=error.failing,
        family=family,
        early=False,
    )
    rows = []
    for budget in budgets:
        group = budget.group
        if (decision := decisions.get(group)) is None:
            rows.append(unmatched(budget, "pair"))
            continue
        if error.early and evidence == "dual":
            decision = _unhurried(decision, limit_of(budget, decision.rate), cases[group])
        row = _rate_row(budget, decision, cases[group])
        more = _in_pairs(decision.more, cases[group].size, pairs)
        mine = tuple(_members(group, examples))
        counts = _counts(cases[group], group, missing)
        rows.append(replace(row, reason=row.reason + more, counts=counts, regressed=mine))
    return rows


def _unhurried(decision: Decision, limit: float, count: Count) -> Decision:
    """Take a FAIL back that would stop the reading by an estimate which may still wander.

    A loss below the budget is sure to be shown, as a loss, by and by, and of so many looks one may
    find its estimate above the budget. So it takes evidence, too, that the budget is exceeded: it
    holds at every look, and is as strong as what PASS takes.
    """
    if decision.verdict is not Verdict.FAIL:
        return decision
    found = stats.excess_evidence(count.spread, limit)
    if found.log_e >= math.log(1 / ALPHA_PASS):
        return decision
    reason = (
        f"worse by {100 * decision.delta.value:.1f} pt, and the {100 * limit:.3g} pt allowed are "
        "not shown to be exceeded at this look"
    )
    return replace(decision, verdict=Verdict.INCONCLUSIVE, reason=reason)


def _rate_row(budget: Budget, decision: Decision, count: Count) -> BudgetVerdict:
    bounds = count.bounds if budget.tag is None else None
    best, worst = bounds or (None, None)
    return BudgetVerdict(
        cohort=budget.cohort,
        check=budget.check,
        tag=budget.tag,
        max_drop=budget.max_drop,
        relative=budget.relative,
        verdict=decision.verdict,
        reason=decision.reason,
        delta=replace(decision.delta, best=best, worst=worst),
        cases=count.size,
        baseline_rate=decision.rate,
        candidate_rate=decision.rate - decision.delta.value,
        improved=count.gained if budget.check is None else count.better,
        log_evidence=decision.log_evidence,
    )


def _counts(count: Count, group: Group, missing: Missing) -> Counts:
    return Counts(
        checks=_checks(count, group),
        regressed=_regressed(count, group),
        unanswered=missing.unanswered(group),
    )


def _checks(count: Count, group: Group) -> int:
    return count.checks if group.check is None else count.size


def _regressed(count: Count, group: Group) -> int:
    return count.lost if group.check is None else count.worse


def _members(group: Group, examples: Sequence[PairedOutcome]) -> list[PairedOutcome]:
    """Return the examples of losses in a group; of a layer, those in which that layer was lost."""
    found = []
    for one in examples:
        if group.takes(one):
            found.append(one)
        elif str(group.check).startswith(f"{one.check}."):
            name = str(group.check).removeprefix(f"{one.check}.")
            found += [p for p in one.layers((name,)) if group.takes(p) and p.regressed]
    return found


def _in_pairs(more: float | None, cases: int, pairs: int) -> str:
    """Say how much traffic brings so many more cases of a group, at the present rate."""
    if more is None or not cases or more * pairs / cases > _MOST_MORE or cases >= pairs:
        return ""
    total = counted(math.ceil(more * pairs / cases), "pair")
    return f"; at the present rate that is about {total} of this traffic"


def metric_rows(
    budgets: Sequence[Budget],
    metrics: Mapping[str, Metric],
    sums_of: Callable[[Group], Summed],
    *,
    evidence: EvidenceRule,
    error: Error,
    pairs: int,
) -> list[BudgetVerdict]:
    """Judge budgets on metrics, as `_measures.metric_rows` does."""
    rows: dict[Group, BudgetVerdict] = {}
    p_values: dict[Group, float] = {}
    notes: dict[Group, str] = {}
    open_: set[Group] = set()
    for budget in budgets:
        group, key = budget.group, str(budget.metric)
        sums = sums_of(group)
        if key not in metrics or not sums.reads:
            reason = f"{key!r} is no metric of recorded pairs: it needs requests of its own"
            rows[group] = bare_row(budget, Verdict.ERROR, reason)
            continue
        metric = metrics[key]
        dual = evidence == "dual" and metric.unit == "points"
        p_value = sums.p_over(0.0 if dual else metric_limit_of(budget))
        # One that holds at every look does not have to share with the other looks.
        p_values[group] = min(1.0, p_value * error.share) if dual and sums.always else p_value
        if dual and error.early and sums.p_over(metric_limit_of(budget)) > error.passing:
            open_.add(group)
        shown = sums.read(ALPHA)
        row = row_of(budget, metric, shown)
        if error.passing != ALPHA_PASS and row.verdict is Verdict.PASS:
            bound = row_of(budget, metric, sums.read(error.passing))
            row = replace(row, verdict=bound.verdict, reason=bound.reason)
        rows[group], notes[group] = _foreseen(row, pairs), shown.note
    over = stats.holm(p_values, error.failing) if p_values else frozenset()
    return [
        final_row(row, group in over - open_, notes.get(group, ""), last=True)
        for group, row in rows.items()
    ]


@dataclass(frozen=True, slots=True)
class Summed:
    """What one group's metric says of its sums."""

    read: Callable[[float], Reading]
    """With the one-sided error of each bound."""
    p_over: Callable[[float], float]
    reads: bool = True
    """False: the metric cannot be read off sums."""
    always: bool = False
    """True where the p-value of a limit of 0 holds at every look."""

    @classmethod
    def of_feedback(cls, group: Group, sums: FeedbackSums) -> Summed:
        """Return what a metric of feedback says."""
        return cls(lambda alpha: sums.read(group, alpha), sums.p_over, always=sums.always)


def _foreseen(row: BudgetVerdict, pairs: int) -> BudgetVerdict:
    """Add how many more pairs it would take, if what was found is how it is."""
    delta = row.delta
    if row.verdict is not Verdict.INCONCLUSIVE or delta is None:
        return row
    limit = row.max_drop if row.max_ratio is None else row.max_ratio
    more = _more(delta, float(limit or 0.0), row.both_ways)
    if more is None or more * pairs > _MOST_MORE * max(1, row.cases):
        return row
    told = counted(math.ceil(more * pairs / max(1, row.cases)), "more pair")
    return replace(row, reason=f"{row.reason}; about {told} of this traffic would settle it")


def _more(delta: Delta, limit: float, both_ways: bool) -> float | None:
    """How many more cases narrow an interval until it is inside; None where it never is.

    An interval narrows with the root of the number of cases.
    """
    ratio = delta.unit == "ratio"
    if not (delta.n > 0 and math.isfinite(delta.high) and (delta.low > 0 or not ratio)):
        return None
    low, value, high = (math.log(x) if ratio else x for x in (delta.low, delta.value, delta.high))
    end = math.log(limit) if ratio else limit
    room = [(end - value, high - value)]
    if both_ways:
        room.append((value + end, value - low))
    if any(left <= 0 for left, _ in room):
        return None
    factor = max((width / left) ** 2 for left, width in room)
    return max(1.0, delta.n * (factor - 1))


def withheld(rows: Sequence[BudgetVerdict], missing: Missing) -> list[BudgetVerdict]:
    """Take the delta from every budget with a pair that was not the same question for both."""
    found = []
    for row in rows:
        pairs = missing.unlike(row)
        reason = f"no delta is quoted: {pairs:,} of its pairs cannot be compared"
        found.append(without_numbers(row, Verdict.NOT_COMPARABLE, reason) if pairs else row)
    return found
