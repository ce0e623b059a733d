"""Budgets before the first request: what they select, and whether they can be decided at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pytest_quantguard import stats
from pytest_quantguard.errors import ConfigError, did_you_mean
from pytest_quantguard.verdicts import Budget

Group = tuple[str | None, str | None]
"""Cohort and check; None takes everything together."""

ALPHA_PASS = 0.05
"""Nominal probability that a budget passes although the loss is as large as the budget."""
PRIOR_DISCORDANT = 0.02
"""Share of outcomes that differ between two runs of the same model: serving noise."""


def expand(budgets: Iterable[Budget], leaves: Mapping[tuple[str, str], int]) -> tuple[Budget, ...]:
    """Turn ``*`` into one budget per cohort or check; a budget that names one wins over ``*``.

    ``leaves`` maps (cohort, check) to the number of cases.

    Raises:
        ConfigError: a budget names a cohort or check that no selected case has, or two budgets
            name the same group.
    """
    problems: list[str] = []
    chosen: dict[Group, Budget] = {}  # as written, stars and all
    for budget in sorted(budgets, key=_stars, reverse=True):
        groups = _groups_of(budget, leaves)
        if not groups:
            problems.append(_unmatched(budget, leaves))
        for group in groups:
            other = chosen.get(group)
            if other and _stars(other) == _stars(budget):
                problems.append(f"{budget.source}: this group has a budget at {other.source}")
            chosen[group] = budget
    if problems:
        raise ConfigError(problems)
    return tuple(
        replace(chosen[group], cohort=group[0], check=group[1])
        for group in sorted(chosen, key=lambda g: (g[0] or "", g[1] or ""))
    )


def _stars(budget: Budget) -> int:
    return (budget.cohort == "*") + (budget.check == "*")


def _groups_of(budget: Budget, leaves: Iterable[tuple[str, str]]) -> list[Group]:
    groups = {
        (cohort if budget.cohort else None, check if budget.check else None)
        for cohort, check in leaves
        if budget.cohort in (None, "*", cohort) and budget.check in (None, "*", check)
    }
    return sorted(groups, key=str)


def _unmatched(budget: Budget, leaves: Iterable[tuple[str, str]]) -> str:
    pairs = list(leaves)
    cohorts = {cohort for cohort, _ in pairs}
    if budget.cohort not in (None, "*") and budget.cohort not in cohorts:
        hint = did_you_mean(str(budget.cohort), cohorts)
        return f"{budget.source}: no selected case has the cohort {budget.cohort!r}; {hint}"
    checks = {check for _, check in pairs}
    hint = did_you_mean(str(budget.check), checks)
    return f"{budget.source}: no selected case here has the check {budget.check!r}; {hint}"


def undecidable(budgets: Iterable[Budget], leaves: Mapping[tuple[str, str], int]) -> list[str]:
    """Return a sentence for each expanded budget that this golden set could hardly ever pass.

    That is: with fewer cases than even a faultless candidate needs, or with less than 50 % power
    against a candidate that is as good as the baseline apart from serving noise.
    """
    found = []
    for budget in budgets:
        n = _cases_in(budget, leaves)
        power = stats.pass_power(n, budget.max_drop, PRIOR_DISCORDANT, alpha=ALPHA_PASS)
        floor = stats.pass_floor(budget.max_drop, alpha=ALPHA_PASS)
        if n >= floor and power >= 0.5:
            continue
        needed = max(
            floor, stats.pass_cases(budget.max_drop, PRIOR_DISCORDANT, power=0.8, alpha=ALPHA_PASS)
        )
        place = f"{budget.source}: " if budget.source else ""
        found.append(
            f"{place}{name((budget.cohort, budget.check))}: {n} cases cannot decide a budget of "
            f"{100 * budget.max_drop:g} pt; it needs about {needed} cases, or a larger budget"
        )
    return found


def _cases_in(budget: Budget, leaves: Mapping[tuple[str, str], int]) -> int:
    """Number of cases in a group; a case with several checks in a cohort counts once."""
    per_cohort: dict[str, int] = {}
    for (cohort, check), n in leaves.items():
        if budget.cohort in (None, cohort) and budget.check in (None, check):
            per_cohort[cohort] = max(per_cohort.get(cohort, 0), n)
    return sum(per_cohort.values())


def name(group: Group) -> str:
    """Return the group's name as the tables show it."""
    return f"{group[0] or 'all'} / {group[1] or 'all'}"
