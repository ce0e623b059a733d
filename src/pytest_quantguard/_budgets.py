"""Budgets before the first request: what they select, and whether they can be decided at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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


Leaves = Mapping[tuple[str, str], Collection[str]]
"""(cohort, check) -> ids of the cases that have it."""


def expand(budgets: Iterable[Budget], leaves: Iterable[tuple[str, str]]) -> tuple[Budget, ...]:
    """Turn ``*`` into one budget per cohort or check; a budget that names one wins over ``*``.

    ``leaves`` are the (cohort, check) pairs there are.

    Raises:
        ConfigError: a budget names a cohort or check that no case has, or two budgets name the
            same group.
    """
    pairs = sorted(leaves)
    problems: list[str] = []
    chosen: dict[Group, Budget] = {}  # as written, stars and all
    for budget in sorted(budgets, key=_stars, reverse=True):
        groups = _groups_of(budget, pairs)
        if not groups:
            problems.append(_unmatched(budget, pairs))
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


def _groups_of(budget: Budget, pairs: Iterable[tuple[str, str]]) -> list[Group]:
    groups = {
        (cohort if budget.cohort else None, check if budget.check else None)
        for cohort, check in pairs
        if budget.cohort in (None, "*", cohort) and budget.check in (None, "*", check)
    }
    return sorted(groups, key=str)


def _unmatched(budget: Budget, pairs: Iterable[tuple[str, str]]) -> str:
    pairs = list(pairs)
    cohorts = {cohort for cohort, _ in pairs}
    if budget.cohort not in (None, "*") and budget.cohort not in cohorts:
        hint = did_you_mean(str(budget.cohort), cohorts)
        return f"{budget.source}: no case has the cohort {budget.cohort!r}; {hint}"
    checks = {check for _, check in pairs}
    hint = did_you_mean(str(budget.check), checks)
    return f"{budget.source}: no case here has the check {budget.check!r}; {hint}"


def undecidable(budgets: Iterable[Budget], leaves: Leaves) -> list[str]:
    """Return a sentence for each expanded budget that the selected cases could hardly ever pass.

    That is: with fewer cases than even a faultless candidate needs, or with less than 50 % power
    against a candidate that is as good as the baseline apart from serving noise.
    """
    found = []
    for budget in budgets:
        n = cases_in(budget, leaves)
        accepted, advised = (
            stats.pass_cases(budget.max_drop, PRIOR_DISCORDANT, power=power, alpha=ALPHA_PASS)
            for power in (0.5, 0.8)
        )
        if n >= accepted:
            continue
        place = f"{budget.source}: " if budget.source else ""
        cases = f"{n} case{'s' * (n != 1)}" if n else "none of its cases is selected: 0"
        found.append(
            f"{place}{name((budget.cohort, budget.check))}: {cases} cannot decide a budget of "
            f"{100 * budget.max_drop:g} pt; at {100 * PRIOR_DISCORDANT:g} % serving noise "
            f"{accepted} are accepted, about {advised} are advised"
        )
    return found


def uncovered(budgets: Collection[Budget], leaves: Leaves) -> list[str]:
    """Return a sentence for each cohort and check that no expanded budget looks at."""
    return [
        f"cohort {cohort!r}, check {check!r}: no budget covers it, so that any loss would pass; "
        f"add one, such as {{cohort: {cohort}, max_drop: 5 pt}}"
        for cohort, check in sorted(leaves)
        if not any(b.cohort in (None, cohort) and b.check in (None, check) for b in budgets)
    ]


def cases_in(budget: Budget, leaves: Leaves) -> int:
    """Return the number of cases in an expanded budget's group; each case counts once."""
    selected = (
        ids
        for (cohort, check), ids in leaves.items()
        if budget.cohort in (None, cohort) and budget.check in (None, check)
    )
    return len(set().union(*selected))


def name(group: Group) -> str:
    """Return the group's name as the tables show it."""
    return f"{group[0] or 'all'} / {group[1] or 'all'}"
