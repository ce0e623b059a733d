"""Metrics that are a share of the cases, or a score in [0, 1]: deltas in points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from pytest_quantguard import stats
from pytest_quantguard.metrics._paired import (
    ALPHA,
    CONFIDENCE,
    LEAST_SHARE,
    Found,
    Pair,
    Paired,
    answered,
    check_decidable,
    check_share,
    left_out,
    pairs_of,
    weighted_mean,
)
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Delta, Unit


class Points(Paired):
    """A number in [0, 1] per case and arm. Weights enter by Kish's effective number of cases."""

    __slots__ = ()

    unit: ClassVar[Unit] = "points"
    more_is_worse: ClassVar[bool] = True

    def _worse(self, pairs: Sequence[Pair]) -> list[float]:
        """Return how much worse the candidate is in each case, in [-1, 1]."""
        sign = 1 if self.more_is_worse else -1
        return [sign * (pair.candidate - pair.baseline) for pair in pairs]

    def _level(self, values: Sequence[float], weights: Sequence[float]) -> float:
        return weighted_mean(values, weights)

    def _check(self, limit: float) -> None:
        if limit != 0:  # no budget, but a hypothesis: "the candidate is no worse"
            check_share(limit)


class Share(Points):
    """Something that an answer has or has not: judged as paired yes-no outcomes.

    Repeats of a case are averaged; the table is then matched by its moments.
    """

    __slots__ = ()

    def floor(self, limit: float) -> int:
        """Return the fewest cases with which a budget can pass where no case differs.

        Raises:
            ValueError: unless the limit is a share from 0.0001 to 1.
        """
        _check_budget(limit)
        return stats.pass_floor(limit, ALPHA)

    @property
    def extract(self) -> Callable[[Measurement], float | None]:
        """What is read off one arm: for those who count pairs one by one and keep none."""
        return self._share

    def _share(self, measurement: Measurement) -> float | None:
        """Return the share of repeats that have it; None where that is not known."""
        raise NotImplementedError

    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> Found:
        pairs = pairs_of(answered(measurements), self._share)
        return Found(pairs, left_out(len(measurements), len(pairs), self.needs))

    def _counts(self, pairs: Sequence[Pair]) -> stats.PairedCounts:
        return stats.paired_counts(self._worse(pairs), [pair.weight for pair in pairs])

    def _delta(self, pairs: Sequence[Pair]) -> Delta:
        counts = self._counts(pairs)
        low, high = stats.loss_interval(counts, CONFIDENCE)
        return Delta(value=counts.drop, low=low, high=high, n=counts.n)

    def _p_above(self, pairs: Sequence[Pair], limit: float) -> float:
        return stats.loss_p(self._counts(pairs), limit)


class Score(Points):
    """A number that is not just yes or no: judged by the mean of the paired differences."""

    __slots__ = ()

    def floor(self, limit: float) -> int:
        """Return the fewest cases with which a budget can pass where no case differs.

        Raises:
            ValueError: unless the limit is a share from 0.0001 to 1.
        """
        _check_budget(limit)
        return stats.mean_floor(limit, ALPHA)

    def _delta(self, pairs: Sequence[Pair]) -> Delta:
        weights = [pair.weight for pair in pairs]
        moments = stats.paired_counts(self._worse(pairs), weights)
        low, high = stats.mean_interval(self._worse(pairs), weights, CONFIDENCE)
        return Delta(value=moments.drop, low=low, high=high, n=moments.n)

    def _p_above(self, pairs: Sequence[Pair], limit: float) -> float:
        return stats.mean_p(self._worse(pairs), limit, [pair.weight for pair in pairs])


def _check_budget(limit: float) -> None:
    check_share(limit)
    check_decidable(limit, LEAST_SHARE, "0.01 pt")
