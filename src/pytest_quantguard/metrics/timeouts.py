"""How many cases run out of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import Found, pairs_of
from pytest_quantguard.metrics._points import Share
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts(Share):
    """Share of cases without an answer because the time was up. Delta: its rise, in points.

    The time of a variant is its ``timeout_s``; a case counts when the last of its attempts ran
    out. Every case counts, whatever else is known of it; `errors` has these and all other cases
    without an answer.

    Example:
        budgets:
          - {metric: timeouts, max_rise: 1 pt}
    """

    key: ClassVar[str] = "timeouts"

    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> Found:
        return Found(pairs_of(measurements, self._share))

    def _share(self, measurement: Measurement) -> float:
        return 1.0 if measurement.timed_out and not measurement.answered else 0.0
