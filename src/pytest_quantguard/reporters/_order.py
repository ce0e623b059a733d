"""The one order of budgets in reports that are read from the top: the worst first."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pytest_quantguard.verdicts import WORST_FIRST, BudgetVerdict


def worst_budgets_first(rows: Iterable[BudgetVerdict]) -> list[BudgetVerdict]:
    """Return rows by verdict, then by how far they are over their budget.

    Of one verdict: shares of cases, in points; then ratios; then rows without a budget, such as
    the critical cases. Equals stay in their order.
    """
    return sorted(rows, key=place_of)


def place_of(row: BudgetVerdict) -> tuple[int, int, float]:
    """Return what `worst_budgets_first` sorts by: the verdict, the kind, and the excess, negated.

    The excess is in [-1, 1] for shares, and the logarithm of delta / limit for ratios.
    """
    verdict, delta = WORST_FIRST.index(row.verdict), row.delta
    if delta is not None and row.max_ratio is not None:
        value = math.log(max(delta.value, 1e-12))
        excess = (abs(value) if row.both_ways else value) - math.log(row.max_ratio)
        return verdict, 1, _negated(excess)
    if delta is not None and row.max_drop is not None:
        limit = row.max_drop * (row.baseline_rate or 0.0) if row.relative else row.max_drop
        value = abs(delta.value) if row.both_ways else delta.value
        return verdict, 0, _negated(value - limit)
    return verdict, 2, 0.0


def _negated(excess: float) -> float:
    """What is no number goes to the end: it must not unsettle the order of the others."""
    return math.inf if math.isnan(excess) else -excess
