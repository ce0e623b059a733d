"""Metrics of what all answers take together: ratios of two sums, compared case by case."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from pytest_quantguard import stats
from pytest_quantguard.metrics._paired import (
    ALPHA,
    LEAST_RATIO,
    Found,
    Pair,
    Paired,
    answered,
    check_decidable,
    check_ratio,
    left_out,
    pairs_of,
    sentences,
)
from pytest_quantguard.metrics._ratios import ratio_delta
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.stats.ratios import MEAN_FLOOR
from pytest_quantguard.verdicts import Delta, Unit


class Totals(Paired):
    """The ratio of the arms' means. Weights do not enter: what is paid for is paid for."""

    __slots__ = ()

    unit: ClassVar[Unit] = "ratio"

    @property
    def extract(self) -> Callable[[Measurement], float | None]:
        """What is read off one arm: for those who count pairs one by one and keep none."""
        return self._amount

    @abstractmethod
    def _amount(self, measurement: Measurement) -> float | None:
        """Return what one answer took, 0 or more; None where it is not known."""

    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> Found:
        pairs = pairs_of(answered(measurements), self._amount)
        note = left_out(len(measurements), len(pairs), self.needs)
        if not pairs:
            return Found((), note)
        if not any(pair.baseline for pair in pairs) or not any(pair.candidate for pair in pairs):
            return Found(pairs, sentences(note, "an arm took nothing at all"), barred=True)
        if len(pairs) < MEAN_FLOOR:
            few = f"{self.key} needs at least {MEAN_FLOOR} cases, there are {len(pairs)}"
            return Found(pairs, sentences(note, few), barred=True)
        return Found(pairs, note)

    def _level(self, values: Sequence[float], weights: Sequence[float]) -> float:
        return math.fsum(values) / len(values)

    def _delta(self, pairs: Sequence[Pair]) -> Delta | None:
        return ratio_delta(stats.total_ratio(*_arms(pairs), ALPHA))

    def _p_above(self, pairs: Sequence[Pair], limit: float) -> float:
        return stats.total_ratio_p(*_arms(pairs), limit)

    def _check(self, limit: float) -> None:
        check_ratio(limit)

    def floor(self, limit: float) -> int:
        """Return the fewest cases with which a budget can pass where no case differs.

        With a limit of 1 or less, which only a candidate that takes less keeps, the fewest that
        show anything.

        Raises:
            ValueError: unless the limit is finite, above 0, and at most 1 or at least 1.001.
        """
        self._check(limit)
        if limit <= 1:
            return MEAN_FLOOR
        check_decidable(limit, LEAST_RATIO, "1.001")
        return stats.mean_ratio_floor(limit, ALPHA)


def _arms(pairs: Sequence[Pair]) -> tuple[list[float], list[float]]:
    return [pair.baseline for pair in pairs], [pair.candidate for pair in pairs]
