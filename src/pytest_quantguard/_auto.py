"""``budgets: auto``: the tightest budgets that a golden set can decide; pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pytest_quantguard import _budgets, stats
from pytest_quantguard._budgets import Census, Leaf
from pytest_quantguard._plural import counted
from pytest_quantguard.verdicts import Budget, Group

POWER = 0.95
"""Chance that an equal candidate passes all automatic budgets of one level."""
LARGEST = 0.25
"""A budget above this decides nothing that anybody would want to know."""

_STEP = 200  # they are rounded up to 1/200: half a point
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_NOT_TEXT = {"true", "false", "null"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Budgets that a golden set can decide, and what is left out."""

    budgets: tuple[Budget, ...]
    left_out: tuple[str, ...] = ()
    """A sentence for each group with too few cases for a budget of its own."""


def propose(census: Census, psi: float, power: float = POWER) -> Proposal:
    """Find budgets for the suite, the cohorts, the checks and each check of each cohort.

    An equal candidate passes all k budgets of one level together with at least ``power``: each
    with 1 - (1 - power) / k. They are rounded up to half a point. A group that would exceed
    `LARGEST` is left out; one with the same cases and checks as a group above it says nothing new.

    Args:
        census: the selected cases.
        psi: share of outcomes that differ between two equally good arms.
        power: between 0 and 1, both excluded.
    """
    budgets: list[Budget] = []
    left_out: list[str] = []
    seen: set[frozenset[Leaf]] = set()
    for groups in levels(census.leaves).values():
        fresh = [(group, _leaves_of(group, census)) for group in groups]
        fresh = [(group, members) for group, members in fresh if members not in seen]
        seen.update(members for _, members in fresh)
        for group, _ in fresh:
            n, chance = census.effective(group), 1 - (1 - power) / len(fresh)
            needed = provable(n, psi, chance)
            budget = 1.0 if needed is None else math.ceil(_STEP * needed - 1e-9) / _STEP
            if budget <= LARGEST:
                budgets.append(Budget(max_drop=budget, cohort=group.cohort, check=group.check))
            else:
                takes = stats.pass_cases(LARGEST, psi, chance)
                left_out.append(_too_few(group, len(census.cases(group)), takes))
    return Proposal(budgets=tuple(budgets), left_out=tuple(left_out))


def levels(leaves: Iterable[Leaf]) -> dict[str, list[Group]]:
    """Return the groups of each level, widest first: suite, cohort, check, leaf."""
    pairs = sorted(leaves)
    cohorts, checks = sorted({c for c, _ in pairs}), sorted({k for _, k in pairs})
    return {
        "suite": [Group()] if pairs else [],
        "cohort": [Group(cohort=cohort) for cohort in cohorts],
        "check": [Group(check=check) for check in checks],
        "leaf": [Group(cohort, check) for cohort, check in pairs],
    }


@lru_cache(maxsize=1024)
def provable(n: float, psi: float, power: float) -> float | None:
    """Return the smallest budget that n cases pass with this power; None where none does."""
    budget = stats.pass_budget(n, psi, power) if n > 0 else 1.0
    return budget if budget < 1 else None


def yaml_lines(budgets: Iterable[Budget]) -> list[str]:
    """Return budgets as lines for quantguard.yaml, below ``budgets:``."""
    lines = []
    for budget in budgets:
        names = {"cohort": budget.cohort, "check": budget.check}
        pairs = [f"{key}: {_scalar(name)}" for key, name in names.items() if name is not None]
        limit = f"max_drop: {100 * (budget.max_drop or 0):g} pt"
        lines.append(f"  - {{{', '.join([*pairs, limit])}}}")
    return lines


def _scalar(name: str) -> str:
    if _PLAIN.fullmatch(name) and name.lower() not in _NOT_TEXT:
        return name
    # JSON's own escapes write an emoji as two surrogates, which YAML does not take for one.
    text = json.dumps(name, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


def _leaves_of(group: Group, census: Census) -> frozenset[Leaf]:
    return frozenset(
        (cohort, check)
        for cohort, check in census.leaves
        if group.cohort in (None, cohort) and group.check in (None, check)
    )


def _too_few(group: Group, cases: int, takes: int) -> str:
    few = "is too few" if cases == 1 else "are too few"
    return (
        f"{_budgets.name(group)}: {counted(cases, 'case')} {few} for a budget of its own: even "
        f"{100 * LARGEST:g} pt would take {takes}"
    )
