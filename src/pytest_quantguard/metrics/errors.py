"""How many cases get no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import Found, Pair, pairs_of
from pytest_quantguard.metrics._points import Share
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Delta


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors(Share):
    """Share of cases without an answer: a time-out, a refused request. Delta: its rise, in points.

    Every case counts, whatever else is known of it.

    Example:
        budgets:
          - {metric: errors, max_rise: 1 pt}
    """

    key: ClassVar[str] = "errors"

    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> Found:
        return Found(pairs_of(measurements, self._share))

    def _share(self, measurement: Measurement) -> float:
        return 0.0 if measurement.answered else 1.0

    def _remark(self, pairs: Sequence[Pair], delta: Delta | None) -> str:
        more = sum(pair.candidate > pair.baseline for pair in pairs)
        less = sum(pair.candidate < pair.baseline for pair in pairs)
        return self.told(more, less)

    @staticmethod
    def told(more: int, less: int) -> str:
        """Say in how many cases only one of the arms answered."""
        if not (more or less):
            return ""
        cases = "1 case" if more == 1 else f"{more} cases"
        return f"{cases} answered by the baseline only, {less} by the candidate only"
