"""How many answers decline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import Pair, known
from pytest_quantguard.metrics._points import Share
from pytest_quantguard.pairs import Measurement
from pytest_quantguard.verdicts import Delta


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals(Share):
    """Share of answers in which the model declines. Delta: its rise, in points.

    Both directions are a loss: a model that declines more is of less use, one that declines less
    may have lost its caution. Cases that both arms answered count.

    Example:
        budgets:
          - {metric: refusals, max_shift: 3 pt}
    """

    key: ClassVar[str] = "refusals"
    both_ways: ClassVar[bool] = True

    def _share(self, measurement: Measurement) -> float | None:
        return known(measurement.refused, most=1)

    def _remark(self, pairs: Sequence[Pair], delta: Delta | None) -> str:
        more = sum(pair.candidate > pair.baseline for pair in pairs)
        less = sum(pair.candidate < pair.baseline for pair in pairs)
        if all({pair.baseline, pair.candidate} <= {0.0, 1.0} for pair in pairs):
            return self.told(more, less)
        cases = "1 case" if more == 1 else f"{more} cases"
        return f"{cases} refused more often, {less} less often"

    @staticmethod
    def told(more: int, less: int) -> str:
        """Say how many cases only one of the arms declined."""
        cases = "1 case" if more == 1 else f"{more} cases"
        return f"{cases} newly refused, {less} no longer"
