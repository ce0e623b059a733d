"""What an answer that is right costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from pytest_quantguard import stats
from pytest_quantguard.metrics._paired import (
    ALPHA,
    LEAST_RATIO,
    NOTHING,
    answered,
    check_decidable,
    check_ratio,
    known,
)
from pytest_quantguard.metrics._ratios import ratio_delta
from pytest_quantguard.pairs import PairedMeasurement, PairedOutcome
from pytest_quantguard.stats.ratios import MEAN_FLOOR
from pytest_quantguard.verdicts import Group, Reading, Unit


class _Arm(NamedTuple):
    """One arm: the cost of each case, and 1 where all of its checks hold, else 0."""

    costs: list[float]
    successes: list[float]

    @property
    def level(self) -> float | None:
        """Money per success; None without costs or success."""
        successes = math.fsum(self.successes)
        return math.fsum(self.costs) / successes if self.costs and successes else None


class _Found(NamedTuple):
    """Both arms on the cases that count; nothing may be concluded where there is a note."""

    baseline: _Arm
    candidate: _Arm
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPerSuccess:
    """Cost of all answers per case of which all checks hold, in the currency of `price`.

    Delta: the ratio of both arms'. A model that is cheap and often wrong is dear. Cases that both
    arms answered and that were judged count; the cost of each answer must be known. Weights do not
    enter: money is counted as it is spent.

    Example:
        budgets:
          - {metric: cost_per_success, max_ratio: 1.0}
    """

    key: ClassVar[str] = "cost_per_success"
    unit: ClassVar[Unit] = "ratio"
    both_ways: ClassVar[bool] = False
    report_only: ClassVar[bool] = False

    def read(
        self,
        group: Group,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
    ) -> Reading:
        """Return what the group's cases show; no delta, and a note, where they show nothing."""
        baseline, candidate, note = self._find(measurements, outcomes)
        delta = None
        if not note:
            delta = ratio_delta(stats.success_cost_ratio(*baseline, *candidate, ALPHA))
        return Reading(
            group=group._replace(metric=self.key),
            unit=self.unit,
            delta=delta,
            baseline=baseline.level,
            candidate=candidate.level,
            cases=len(baseline.successes),
            note=note,
        )

    def p_over(
        self,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
        limit: float,
    ) -> float:
        """Return the p-value of "the true ratio is not above the limit"; 1 where unknown.

        Raises:
            ValueError: unless the limit is a finite ratio above 0.
        """
        check_ratio(limit)
        baseline, candidate, note = self._find(measurements, outcomes)
        if note:
            return 1.0
        return stats.success_cost_ratio_p(*baseline, *candidate, limit=limit)

    def floor(self, limit: float) -> int:
        """Return the fewest cases with which a budget can pass where no case differs.

        With a limit of 1 or less, which only a cheaper candidate keeps, the fewest that show
        anything.

        Raises:
            ValueError: unless the limit is finite, above 0, and at most 1 or at least 1.001.
        """
        check_ratio(limit)
        if limit <= 1:
            return MEAN_FLOOR
        check_decidable(limit, LEAST_RATIO, "1.001")
        return stats.mean_ratio_floor(limit, ALPHA)

    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> _Found:
        held = _held(outcomes)
        used = sorted((m for m in answered(measurements) if m.case in held), key=lambda m: m.case)
        both = [known(arm.cost) for m in used for arm in (m.baseline, m.candidate)]
        costs = [cost for cost in both if cost is not None]
        successes = [success for m in used for success in held[m.case]]
        if len(costs) < len(both):
            missing = len(both) - len(costs)
            note = f"set price: on both variants; {missing} of {len(both)} answers have no cost"
            return _Found(_Arm([], successes[::2]), _Arm([], successes[1::2]), note)
        baseline = _Arm(costs[::2], successes[::2])
        candidate = _Arm(costs[1::2], successes[1::2])
        return _Found(baseline, candidate, self._why_not(measurements, baseline, candidate))

    def _why_not(
        self, measurements: Sequence[PairedMeasurement], baseline: _Arm, candidate: _Arm
    ) -> str:
        cases = len(baseline.costs)
        if not measurements:
            return NOTHING
        if not cases:
            return "no case was answered by both arms and judged"
        for name, arm in (("baseline", baseline), ("candidate", candidate)):
            if not any(arm.costs):
                return f"the answers of the {name} cost nothing"
            if not any(arm.successes):
                return f"no case of the {name} holds: a success has no cost"
        if cases < MEAN_FLOOR:
            return f"cost_per_success needs at least {MEAN_FLOOR} cases, there are {cases}"
        return ""


def _held(outcomes: Sequence[PairedOutcome]) -> dict[str, tuple[float, float]]:
    """Return, for each case, whether all its checks hold in the baseline and in the candidate."""
    held: dict[str, tuple[float, float]] = {}
    for found in outcomes:
        baseline, candidate = held.get(found.case, (1.0, 1.0))
        held[found.case] = (
            baseline * found.baseline.ok,
            candidate * found.candidate.ok,
        )
    return held
