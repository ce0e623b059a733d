"""Budgets on the share of cases that hold: outcomes sorted into groups, and each group judged.

What `_measures.py` is to budgets on metrics. The rule itself is in `_decide.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pytest_quantguard import stats
from pytest_quantguard._decide import (
    ALPHA_FAIL,
    ALPHA_PASS,
    Cases,
    Decision,
    EvidenceRule,
    decide,
)
from pytest_quantguard._grounds import unmatched
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.verdicts import Budget, BudgetVerdict, Delta, Group


def grouped(outcomes: Iterable[PairedOutcome], wanted: Iterable[Group] = ()) -> dict[Group, Cases]:
    """Sort outcomes into the groups that evidence is weighed in, and the groups ``wanted``.

    A case's checks are averaged, so that a case is one piece of evidence however often it is read.
    """
    groups_of = _Sorter(wanted)
    sums: dict[Group, dict[str, list[float]]] = {}
    for o in outcomes:
        difference, held = o.difference, o.baseline.value
        for group in groups_of(o):
            case = sums.setdefault(group, {}).setdefault(o.case, [0.0, 0.0, 0, o.weight])
            case[0] += difference
            case[1] += held
            case[2] += 1
    return {group: _cases(found.values()) for group, found in sums.items()}


class _Sorter:
    """Tells to which groups an outcome belongs; thousands of outcomes share a few answers."""

    def __init__(self, wanted: Iterable[Group]) -> None:
        self._wanted = list(dict.fromkeys(wanted))
        self._known: dict[tuple[str, str, tuple[str, ...]], list[Group]] = {}

    def __call__(self, o: PairedOutcome) -> list[Group]:
        key = (o.cohort, o.check, o.tags)
        groups = self._known.get(key)
        if groups is None:
            groups = self._known[key] = self._groups(o)
        return groups

    def _groups(self, o: PairedOutcome) -> list[Group]:
        mine = [group for group in self._wanted if group.takes(o)]
        if o.layer:  # a part of a check is no evidence beside the whole, unless a budget names it
            return [group for group in mine if group.check == o.check]
        groups = [Group(o.cohort, o.check), Group(o.cohort), Group(None, o.check), Group()]
        return groups + [group for group in mine if group.tag is not None]


def _cases(found: Iterable[list[float]]) -> Cases:
    found = list(found)
    # Rounded, since 0.1 + 0.2 - 0.3 is no loss; a sign counts however small the number.
    means = (round(total / count, 12) for total, _, count, _ in found)
    differences = tuple(max(-1.0, min(1.0, mean)) for mean in means)
    baseline = tuple(total / count for _, total, count, _ in found)
    weights = tuple(weight for *_, weight in found)
    return Cases(differences, baseline, weights if len(set(weights)) > 1 else None)


def rate_rows(
    budgets: Sequence[Budget],
    cases: Mapping[Group, Cases],
    outcomes: Sequence[PairedOutcome],
    mishaps: Sequence[Mishap],
    *,
    evidence: EvidenceRule,
    look: tuple[int, int],
) -> list[BudgetVerdict]:
    """Judge the budgets that are not on a metric, in their order, at one look of several.

    ``cases`` are the outcomes sorted by `grouped`; ``mishaps`` say what its bounds could hide.
    """
    mine = [budget for budget in budgets if budget.metric is None]
    judged = [budget for budget in mine if budget.group in cases]
    alpha_pass, alpha_strict = (
        stats.looks_alpha(alpha, look[1])[look[0] - 1] for alpha in (ALPHA_PASS, ALPHA_FAIL)
    )
    decisions = decide(
        judged, cases, evidence=evidence, alpha_pass=alpha_pass, alpha_strict=alpha_strict
    )
    members: dict[Group, list[PairedOutcome]] = {}
    groups_of = _Sorter(budget.group for budget in mine)
    for outcome in outcomes:
        for group in groups_of(outcome):
            members.setdefault(group, []).append(outcome)
    return [
        _rate_row(budget, decisions[budget.group], cases[budget.group], members, mishaps)
        if budget.group in decisions
        else unmatched(budget)
        for budget in mine
    ]


def _rate_row(
    budget: Budget,
    decision: Decision,
    cases: Cases,
    members_of: Mapping[Group, Sequence[PairedOutcome]],
    mishaps: Sequence[Mishap],
) -> BudgetVerdict:
    members = members_of[budget.group]
    return BudgetVerdict(
        cohort=budget.cohort,
        check=budget.check,
        tag=budget.tag,
        max_drop=budget.max_drop,
        relative=budget.relative,
        verdict=decision.verdict,
        reason=decision.reason,
        delta=_bounded(decision.delta, budget.group, members, mishaps),
        cases=len(cases.differences),
        baseline_rate=decision.rate,
        candidate_rate=decision.rate - decision.delta.value,
        regressed=tuple(o for o in members if o.regressed),
        improved=sum(o.improved for o in members),
        log_evidence=decision.log_evidence,
    )


def _bounded(
    delta: Delta, group: Group, members: Sequence[PairedOutcome], mishaps: Sequence[Mishap]
) -> Delta:
    """Say what the missing answers could hide: the value had they all been good, or all bad.

    A request that the candidate did not answer is judged as a loss; had it been answered, it could
    have held. Where the baseline is silent there is no pair, and either arm could have been right.
    """
    missing = {
        (m.case, m.check): m.role
        for m in mishaps
        if m.unanswered
        and group.cohort in (None, m.cohort)
        and (group.check in (None, m.check) or str(group.check).startswith(f"{m.check}."))
        and group.tag is None
    }
    if not missing:
        return delta
    best: list[PairedOutcome] = []
    for outcome in members:
        answered = missing.pop((outcome.case, outcome.whole_check), None) != "candidate"
        full = replace(outcome.candidate, value=1.0)
        best.append(outcome if answered else replace(outcome, candidate=full))
    # What is left has no pair at all: each could have been a loss or a gain of a whole case.
    pairs, alone = len({o.case for o in members}), len({case for case, _ in missing})
    kindest = math.fsum(_cases_of(best).differences) if best else 0.0
    harshest = math.fsum(_cases_of(members).differences) if members else 0.0
    return replace(
        delta,
        best=(kindest - alone) / (pairs + alone),
        worst=(harshest + alone) / (pairs + alone),
    )


def _cases_of(members: Iterable[PairedOutcome]) -> Cases:
    return grouped(replace(o, cohort="", check="", layer="") for o in members)[Group()]
