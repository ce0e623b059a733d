"""Metrics of time: ratios that mean something only where both arms were asked in this run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from pytest_quantguard import stats
from pytest_quantguard.metrics._paired import (
    ALPHA,
    Found,
    Pair,
    Paired,
    answered,
    check_ratio,
    left_out,
    pairs_of,
    sentences,
)
from pytest_quantguard.metrics._ratios import ratio_delta
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.stats._order import sample_quantile
from pytest_quantguard.verdicts import Delta, Unit


class Timing(Paired):
    """The ratio of a quantile of times, or of speeds, of the cases that both arms answered.

    The median is that of the cases' ratios; further quantiles are taken in each arm on its own.
    Weights do not enter: a quantile is about requests. The bounds that judge are order statistics,
    which hold for any distribution; an interval of resampled pairs is reported beside them.
    """

    __slots__ = ()

    unit: ClassVar[Unit] = "ratio"
    quantile: ClassVar[float] = 0.5
    more_is_worse: ClassVar[bool] = True
    timed: ClassVar[bool] = True

    @property
    def extract(self) -> Callable[[Measurement], float | None]:
        """What is read off one arm: for those who count pairs one by one and keep none."""
        return self._value

    @abstractmethod
    def _value(self, measurement: Measurement) -> float | None:
        """Return the time or speed, above 0; None where it is not known."""

    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> Found:
        both = answered(measurements)
        live = [m for m in both if m.baseline.live and m.candidate.live]
        rest = [] if len(live) == len(both) else both
        dead = [arm for m in rest for arm in (m.baseline, m.candidate) if not arm.live]
        cached, untimed = len(dead), sum(arm.latency_s is None for arm in dead)
        if untimed:
            return Found(
                pairs_of(live, self._value),
                f"{untimed} of {2 * len(both)} answers were recorded elsewhere, and how long they "
                "took is not known: ask both arms in one run to judge times",
                barred=True,
            )
        if cached:
            return Found(
                pairs_of(live, self._value),
                "latency is judged only when both arms were asked in this run: "
                f"{cached} of {2 * len(both)} answers came from the cache; "
                "delete it, or give both variants another 'revision', to measure again",
                barred=True,
            )
        pairs = pairs_of(live, self._value)
        note = left_out(len(measurements), len(pairs), self.needs)
        least = stats.quantile_floor(self.quantile, ALPHA)
        if pairs and len(pairs) < least:
            too_few = f"{self.key} needs at least {least} cases, {len(pairs)} were timed"
            return Found(pairs, sentences(note, too_few), barred=True)
        return Found(pairs, note)

    def _arms(self, pairs: Sequence[Pair]) -> tuple[list[float], list[float]]:
        """Return the values of both arms, such that second / first above 1 is worse."""
        baseline = [pair.baseline for pair in pairs]
        candidate = [pair.candidate for pair in pairs]
        return (baseline, candidate) if self.more_is_worse else (candidate, baseline)

    def _level(self, values: Sequence[float], weights: Sequence[float]) -> float:
        return sample_quantile(sorted(values), self.quantile)

    def _delta(self, pairs: Sequence[Pair]) -> Delta | None:
        arms, q = self._arms(pairs), self.quantile
        if q == 0.5:
            found = ratio_delta(stats.median_ratio(*arms, ALPHA))
            ends = stats.bootstrap_median_ratio(*arms, ALPHA)
        else:
            found = ratio_delta(stats.quantile_ratio(*arms, q, ALPHA))
            ends = stats.bootstrap_quantile_ratio(*arms, q, ALPHA)
        return found and replace(found, resampled=ends)

    def _remark(self, pairs: Sequence[Pair], delta: Delta | None) -> str:
        if delta is None or delta.resampled is None or self.quantile == 0.5:
            return ""  # of a median the two intervals are the same but for a rank
        low, high = delta.resampled
        return f"bootstrap [{low:.2f}, {high:.2f}]"

    def _p_above(self, pairs: Sequence[Pair], limit: float) -> float:
        if self.quantile == 0.5:
            return stats.median_ratio_p(*self._arms(pairs), limit)
        return stats.quantile_ratio_p(*self._arms(pairs), self.quantile, limit)

    def _check(self, limit: float) -> None:
        check_ratio(limit)

    def floor(self, limit: float) -> int:
        """Return the fewest cases with which the quantile can be bounded at all.

        Raises:
            ValueError: unless the limit is a finite ratio above 0.
        """
        self._check(limit)
        return stats.quantile_floor(self.quantile, ALPHA)
