"""Cost per success of a million pairs: sums, by the delta method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Self

from pytest_quantguard import stats
from pytest_quantguard.metrics._paired import NOTHING, known
from pytest_quantguard.metrics._ratios import ratio_delta
from pytest_quantguard.metrics.cost_per_success import CostPerSuccess
from pytest_quantguard.pairs import PairedMeasurement, PairedOutcome
from pytest_quantguard.stats.ratios import MEAN_FLOOR
from pytest_quantguard.verdicts import Group, Reading

_SIGNS = (-1, 1, 1, -1)
"""Of each share in a case's influence: cost and success of the baseline, then the candidate's."""


class CostSums:
    """What `metrics.CostPerSuccess` says, of sums; see there."""

    __slots__ = ("_metric", "_missing", "_n", "_products", "_successes", "_sums")

    def __init__(self, metric: CostPerSuccess) -> None:
        self._metric = metric
        self._n = self._missing = 0
        """Cases that count, and answers of them without a known cost."""
        self._successes = [0, 0]
        self._sums = [0.0] * 4
        """Cost and success of the baseline, then of the candidate."""
        self._products = [0.0] * 16

    def add(self, found: PairedMeasurement, outcomes: Sequence[PairedOutcome]) -> None:
        """Take in one pair; it counts where both arms answered and a check applied."""
        if not (outcomes and found.baseline.answered and found.candidate.answered):
            return
        held = all(o.baseline.ok for o in outcomes), all(o.candidate.ok for o in outcomes)
        self._n += 1
        self._successes[0] += held[0]
        self._successes[1] += held[1]
        before, after = known(found.baseline.cost), known(found.candidate.cost)
        if before is None or after is None:
            self._missing += (before is None) + (after is None)
            return
        values = (before, float(held[0]), after, float(held[1]))
        self._sums = [total + value for total, value in zip(self._sums, values, strict=True)]
        self._products = [
            total + one * other
            for total, (one, other) in zip(self._products, product(values, values), strict=True)
        ]

    def merge(self, other: Self) -> Self:
        """Add the sums of other pairs; return this one."""
        self._n += other._n
        self._missing += other._missing
        self._successes = [a + b for a, b in zip(self._successes, other._successes, strict=True)]
        self._sums = [a + b for a, b in zip(self._sums, other._sums, strict=True)]
        self._products = [a + b for a, b in zip(self._products, other._products, strict=True)]
        return self

    def read(self, group: Group, asked: int, alpha: float) -> Reading:
        """Return what the metric returns; ``asked``: pairs, ``alpha``: of each bound."""
        note = self._why_not(asked)
        found = None if note else stats.mean_log_ratio_of(*self._moments(), self._n, alpha)
        levels = [
            cost / success if cost and success and not self._missing else None
            for cost, success in (self._sums[:2], self._sums[2:])
        ]
        return Reading(
            group=group,
            unit=self._metric.unit,
            delta=ratio_delta(found),
            baseline=levels[0],
            candidate=levels[1],
            cases=self._n,
            note=note,
        )

    def p_over(self, limit: float) -> float:
        """Return the metric's p-value; 1 where nothing is known."""
        if self._why_not(self._n):
            return 1.0
        return stats.mean_log_ratio_p_of(*self._moments(), self._n, limit)

    def _why_not(self, asked: int) -> str:
        if not asked:
            return NOTHING
        if not self._n:
            return "no case was answered by both arms and judged"
        if self._missing:
            return (
                f"the log has no cost for {self._missing} of {2 * self._n} answers: "
                "log it, or set price: on both variants"
            )
        for name, cost, success in zip(
            ("baseline", "candidate"), self._sums[::2], self._sums[1::2], strict=True
        ):
            if not cost:
                return f"the answers of the {name} cost nothing"
            if not success:
                return f"no case of the {name} holds: a success has no cost"
        if self._n < MEAN_FLOOR:
            return f"cost_per_success needs at least {MEAN_FLOOR} cases, there are {self._n}"
        return ""

    def _moments(self) -> tuple[float, float]:
        """Return the log of the ratio, and the sum of the squares of the cases' influences."""
        parts = [s * self._n / total for s, total in zip(_SIGNS, self._sums, strict=True)]
        weights = (one * other for one, other in product(parts, parts))
        squares = math.fsum(w * p for w, p in zip(weights, self._products, strict=True))
        cost_b, success_b, cost_c, success_c = self._sums
        return math.log(cost_c / success_c / (cost_b / success_b)), max(0.0, squares)
