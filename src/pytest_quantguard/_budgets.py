"""Budgets before the first request: what they select, and whether they can be decided at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from pytest_quantguard import stats
from pytest_quantguard._decide import ALPHA_PASS
from pytest_quantguard._plural import counted
from pytest_quantguard._prior import PRIOR_NOISE
from pytest_quantguard.errors import ConfigError, did_you_mean
from pytest_quantguard.verdicts import Budget, Group, Metric

Leaf = tuple[str, str]
"""Cohort and check."""


@dataclass(frozen=True, slots=True)
class Census:
    """Which cases there are: what budgets can select from."""

    leaves: Mapping[Leaf, Collection[str]] = field(default_factory=dict)
    """(cohort, check) -> ids of the cases that have it."""
    tags: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Case -> its tags."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Case -> its weight; 1 where it is not given."""
    layers: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Check -> names of its layers, which budgets may name as ``check.layer``."""

    @classmethod
    def of(
        cls,
        found: Iterable[tuple[Leaf, str, Collection[str]]],
        layers: Mapping[str, Collection[str]] | None = None,
    ) -> Self:
        """Count ((cohort, check), case, tags) once each."""
        leaves: dict[Leaf, set[str]] = {}
        tags: dict[str, Collection[str]] = {}
        for leaf, case, its_tags in found:
            leaves.setdefault(leaf, set()).add(case)
            tags[case] = its_tags or tags.get(case, ())
        return cls(leaves, tags, layers=layers or {})

    def cases(self, group: Group) -> set[str]:
        """Return the group's cases; each counts once, however many of its checks belong to it."""
        wanted = self.wholes.get(group.check or "", group.check)
        selected = (
            ids
            for (cohort, check), ids in self.leaves.items()
            if group.cohort in (None, cohort) and wanted in (None, check)
        )
        found = set().union(*selected)
        if group.tag is None:
            return found
        return {case for case in found if group.tag in self.tags.get(case, ())}

    def effective(self, group: Group) -> float:
        """Return Kish's effective number of the group's cases: fewer where weights differ."""
        weights = [self.weights.get(case, 1.0) for case in self.cases(group)]
        squares = sum(weight * weight for weight in weights)
        return sum(weights) ** 2 / squares if squares else 0.0

    @property
    def wholes(self) -> dict[str, str]:
        """Layer, as budgets name it -> its check."""
        return {
            f"{check}.{layer}": check for check, names in self.layers.items() for layer in names
        }

    def groups(self) -> set[Group]:
        """Return every cohort, check or layer of one, and tag that occur together in a case."""
        layers = {
            check: [check, *(f"{check}.{layer}" for layer in names)]
            for check, names in self.layers.items()
        }
        return {
            Group(cohort, name, tag)
            for (cohort, check), ids in self.leaves.items()
            for name in layers.get(check, [check])
            for case in ids
            for tag in (None, *self.tags.get(case, ()))
        }


def expand(
    budgets: Iterable[Budget], census: Census, *, partial: bool = False
) -> tuple[Budget, ...]:
    """Turn ``*`` into one budget each; a budget that names one wins over ``*``.

    With ``partial`` the census is known to lack files: a name that it has not is kept as it is.

    Raises:
        ConfigError: a budget names a cohort, check or tag that no case has, or two budgets name
            the same group.
    """
    there, layers = census.groups(), census.wholes.keys()
    problems: list[str] = []
    chosen: dict[Group, Budget] = {}  # as written, stars and all
    for budget in sorted(budgets, key=_stars, reverse=True):
        # A star means whole checks: nobody wants their parts judged beside them unasked.
        groups = _groups_of(
            budget, [g for g in there if budget.check != "*" or g.check not in layers]
        )
        if not groups and partial:
            groups = set() if _stars(budget) else {budget.group}
        elif not groups:
            problems.append(_unmatched(budget, there))
        for group in groups:
            other = chosen.get(group)
            if other and _stars(other) == _stars(budget):
                problems.append(f"{budget.source}: this group has a budget at {other.source}")
            chosen[group] = budget
    if problems:
        raise ConfigError(problems)
    found = (
        replace(budget, cohort=group.cohort, check=group.check, tag=group.tag)
        for group, budget in chosen.items()
    )
    return tuple(sorted(found, key=order))


def order(budget: Budget) -> tuple[str, ...]:
    """Sort key of budgets in reports: quality before metrics, wide before narrow."""
    group = budget.group
    return tuple(name or "" for name in (group.metric, group.tag, group.cohort, group.check))


def _stars(budget: Budget) -> int:
    return (budget.cohort, budget.check, budget.tag).count("*")


def _groups_of(budget: Budget, there: Iterable[Group]) -> set[Group]:
    return {
        Group(
            group.cohort if budget.cohort else None,
            group.check if budget.check else None,
            group.tag if budget.tag else None,
            budget.metric,
        )
        for group in there
        if budget.cohort in (None, "*", group.cohort)
        and budget.check in (None, "*", group.check)
        and (budget.tag == group.tag or (budget.tag == "*" and group.tag is not None))
    }


def _unmatched(budget: Budget, there: Iterable[Group]) -> str:
    for kind in ("cohort", "check", "tag"):
        name = getattr(budget, kind)
        known = {getattr(group, kind) for group in there} - {None}
        if name is not None and not known:
            return f"{budget.source}: no case has a {kind}"
        if name not in (None, "*") and name not in known:
            return (
                f"{budget.source}: no case has the {kind} {name!r}; "
                f"{_unlayered(name, known) or did_you_mean(name, known)}"
            )
    names = (f"{k} {getattr(budget, k)!r}" for k in ("cohort", "check", "tag"))
    wanted = [text for text in names if not text.endswith((" None", " '*'"))]
    return f"{budget.source}: no case here has the {' and the '.join(wanted)}"


def _unlayered(name: str, known: Collection[str]) -> str:
    """Say that a check has no layers, where a budget names one."""
    check, dot, _ = name.rpartition(".")
    if not dot or check not in known or any(one.startswith(f"{check}.") for one in known):
        return ""
    return f"{check!r} reports no layers that a budget could name; name {check!r} itself"


def undecidable(
    budgets: Iterable[Budget], census: Census, metrics: Mapping[str, Metric] | None = None
) -> list[str]:
    """Return a sentence for each expanded budget that the selected cases could hardly ever pass.

    That is: with fewer cases than even a faultless candidate needs, or with less than 50 % power
    against a candidate that is as good as the baseline apart from serving noise.
    """
    found = []
    for budget in budgets:
        cases, effective = len(census.cases(budget.group)), census.effective(budget.group)
        if budget.metric is not None:
            floor = metrics[budget.metric].floor(_limit(budget)) if metrics else 0
            if cases < floor:
                found.append(
                    f"{_refused(budget, cases)}; even where nothing differs, at least {floor} are "
                    "needed"
                )
            continue
        limit = budget.max_drop or 0.0
        accepted, advised = (
            stats.pass_cases(limit, PRIOR_NOISE, power=power, alpha=ALPHA_PASS)
            for power in (0.5, 0.8)
        )
        if effective + 1e-6 < accepted:
            found.append(
                f"{_refused(budget, cases, effective)}; at {100 * PRIOR_NOISE:g} % serving noise "
                f"{accepted} are accepted (an equal candidate then passes in half of all runs), "
                f"about {advised} are advised (in 80 %)"
            )
    return found


def _refused(budget: Budget, cases: int, effective: float | None = None) -> str:
    place = f"{budget.source}: " if budget.source else ""
    count = counted(cases, "case") if cases else "none of its cases is selected: 0"
    if effective is not None and round(effective) < cases:
        count += f", which by their weights count as {effective:.0f},"
    return f"{place}{name(budget.group)}: {count} cannot decide a budget of {allowance(budget)}"


def _limit(budget: Budget) -> float:
    return (budget.max_drop if budget.max_ratio is None else budget.max_ratio) or 0.0


def uncovered(budgets: Collection[Budget], census: Census) -> list[str]:
    """Return a sentence for each cohort and check that no expanded budget looks at."""
    return [
        f"cohort {cohort!r}, check {check!r}: no budget covers it, so that any loss would pass; "
        f"add one, such as {{cohort: {cohort}, max_drop: 5 pt}}"
        for cohort, check in sorted(census.leaves)
        if not any(
            b.metric is None
            and b.tag is None
            and b.cohort in (None, cohort)
            and b.check in (None, check)
            for b in budgets
        )
    ]


def allowance(budget: Budget) -> str:
    """Return a budget's limit as it is written: ``2 pt``, ``5 %`` or ``x1.1``."""
    if budget.max_ratio is not None:
        return f"x{budget.max_ratio:g}"
    return f"{100 * (budget.max_drop or 0):g} {'%' if budget.relative else 'pt'}"


def name(group: Group) -> str:
    """Return the group's name as the tables show it."""
    tag = f" #{group.tag}" if group.tag else ""
    return f"{group.cohort or 'all'}{tag} / {group.metric or group.check or 'all'}"
