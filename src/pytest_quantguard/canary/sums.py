"""What metrics need of a million pairs: sums, counts and histograms, for each kind of metric.

Each reads off a pair what its metric reads, by the metric's own `extract`, and says of the sums
what the metric says of the pairs, in the same words. Where a metric has the pairs themselves it
also looks at the shape of lengths, and resamples times; that is left out here.
"""

from __future__ import annotations

import math
from typing import Self

from pytest_quantguard import stats
from pytest_quantguard.canary.counting import Count
from pytest_quantguard.canary.histogram import Histogram
from pytest_quantguard.metrics._paired import known, left_out, sentences
from pytest_quantguard.metrics._points import Share
from pytest_quantguard.metrics._ratios import ratio_delta
from pytest_quantguard.metrics._timing import Timing
from pytest_quantguard.metrics._totals import Totals
from pytest_quantguard.metrics.errors import Errors
from pytest_quantguard.metrics.length import Length, remark
from pytest_quantguard.metrics.refusals import Refusals
from pytest_quantguard.metrics.timeouts import Timeouts
from pytest_quantguard.pairs import PairedMeasurement
from pytest_quantguard.stats._order import quantile_lower, quantile_upper, sample_quantile
from pytest_quantguard.stats._special import binomial_at_least
from pytest_quantguard.stats.ratios import MEAN_FLOOR
from pytest_quantguard.verdicts import Delta, Group, Reading


class ShareSums:
    """A share of the cases: paired yes-no outcomes."""

    __slots__ = ("_all", "_count", "_extract", "_metric")

    def __init__(self, metric: Share) -> None:
        self._metric, self._extract = metric, metric.extract
        self._all = isinstance(metric, Errors | Timeouts)  # silence is what these are about
        self._count = Count()

    def add(self, found: PairedMeasurement) -> None:
        """Take in one pair."""
        if not self._all and not (found.baseline.answered and found.candidate.answered):
            return
        before, after = self._extract(found.baseline), self._extract(found.candidate)
        if before is not None and after is not None:
            self._count.add(round(after - before, 12), before)

    def merge(self, other: Self) -> Self:
        """Add the sums of other pairs; return this one."""
        self._count.merge(other._count)
        return self

    def read(self, group: Group, asked: int, alpha: float) -> Reading:
        """Return what the metric returns; ``asked``: pairs, ``alpha``: of each bound."""
        metric, n = self._metric, self._count.size
        note = left_out(asked, n, metric.needs)
        if not n:
            return Reading(group=group, unit=metric.unit, note=note)
        table = self._count.table
        low, high = stats.loss_interval(table, 1 - 2 * alpha)
        told = metric.told(*self._count.signs) if isinstance(metric, Errors | Refusals) else ""
        return Reading(
            group=group,
            unit=metric.unit,
            delta=Delta(value=table.drop, low=low, high=high, n=table.n),
            baseline=self._count.rate,
            candidate=self._count.rate + self._count.total / n,
            cases=n,
            note=sentences(note, told),
        )

    def p_over(self, limit: float) -> float:
        """Return the metric's p-value; 1 where nothing is known."""
        if not self._count.size:
            return 1.0
        table = self._count.table
        above = stats.loss_p(table, limit)
        if not self._metric.both_ways:
            return above
        mirrored = stats.PairedCounts(lost=table.gained, gained=table.lost, n=table.n)
        return min(1.0, 2 * above, 2 * stats.loss_p(mirrored, limit))


class TimeSums:
    """Times or speeds of one kind: their median ratio, and quantiles of each arm."""

    __slots__ = ("_above", "_arms", "_extract", "_metric", "_ratios")

    def __init__(self, metric: Timing, limits: tuple[float, ...] = ()) -> None:
        self._metric, self._extract = metric, metric.extract
        self._arms = Histogram(), Histogram()
        self._ratios = Histogram()
        self._above = dict.fromkeys(limits, 0)
        """Pairs whose ratio is above each limit that a budget on the median has."""

    def add(self, found: PairedMeasurement) -> None:
        """Take in one pair."""
        if not (found.baseline.answered and found.candidate.answered):
            return
        before, after = self._extract(found.baseline), self._extract(found.candidate)
        if before is None or after is None:
            return
        self._arms[0].add(before)
        self._arms[1].add(after)
        ratio = after / before if self._metric.more_is_worse else before / after
        self._ratios.add(ratio)
        for limit in self._above:
            self._above[limit] += ratio > limit

    def merge(self, other: Self) -> Self:
        """Add the sums of other pairs; return this one."""
        for mine, theirs in zip(self._arms, other._arms, strict=True):
            mine.merge(theirs)
        self._ratios.merge(other._ratios)
        for limit, count in other._above.items():
            self._above[limit] = self._above.get(limit, 0) + count
        return self

    def read(self, metric: Timing, group: Group, asked: int, alpha: float) -> Reading:
        """Return what a metric of this kind returns; as `ShareSums.read`."""
        n = self._ratios.size
        note = left_out(asked, n, metric.needs)
        if not n:
            return Reading(group=group, unit=metric.unit, note=note)
        least = stats.quantile_floor(metric.quantile, alpha)
        if n < least:
            note = sentences(note, f"{metric.key} needs at least {least} cases, {n} were timed")
        levels = [sample_quantile(arm.ordered(), metric.quantile) for arm in self._arms]
        return Reading(
            group=group,
            unit=metric.unit,
            delta=self._delta(metric, alpha) if n >= least else None,
            baseline=levels[0],
            candidate=levels[1],
            cases=n,
            note=note,
        )

    def _delta(self, metric: Timing, alpha: float) -> Delta:
        n, q = self._ratios.size, metric.quantile
        if q == 0.5:
            low = quantile_lower(self._ratios.ordered(-0.5), q, alpha)
            high = quantile_upper(self._ratios.ordered(0.5), q, alpha)
            value = sample_quantile(self._ratios.ordered(), q)
        else:
            ours, theirs = self._worse_above(metric)
            low = stats.quantiles_apart(ours.ordered(0.5), theirs.ordered(-0.5), q, alpha)
            inverse = stats.quantiles_apart(theirs.ordered(0.5), ours.ordered(-0.5), q, alpha)
            high = 1 / inverse if inverse else math.inf
            value = sample_quantile(theirs.ordered(), q) / sample_quantile(ours.ordered(), q)
        return Delta(value=value, low=low, high=high, n=n, unit="ratio")

    def _worse_above(self, metric: Timing) -> tuple[Histogram, Histogram]:
        """Return both arms such that second / first above 1 is worse."""
        return self._arms if metric.more_is_worse else (self._arms[1], self._arms[0])

    def p_over(self, metric: Timing, limit: float) -> float:
        """Return the metric's p-value; 1 where nothing is known, or the estimate is below."""
        n, q = self._ratios.size, metric.quantile
        if not n:
            return 1.0
        if q == 0.5:
            return binomial_at_least(self._above[limit], n, 0.5)
        ours, theirs = (arm.ordered(edge) for arm, edge in self._edges(metric))
        if sample_quantile(theirs, q) / sample_quantile(ours, q) <= limit:
            return 1.0
        return stats.quantile_ratio_p_of(ours, theirs, q, limit)

    def _edges(self, metric: Timing) -> tuple[tuple[Histogram, float], tuple[Histogram, float]]:
        ours, theirs = self._worse_above(metric)
        return (ours, 0.5), (theirs, -0.5)


class TotalSums:
    """What all answers take together: the ratio of two sums, by the delta method."""

    __slots__ = ("_extract", "_metric", "_n", "_products", "_sums")

    def __init__(self, metric: Totals) -> None:
        self._metric, self._extract = metric, metric.extract
        self._n = 0
        self._sums = [0.0, 0.0]
        self._products = [0.0, 0.0, 0.0]
        """Sums of squares of the baseline's, of the candidate's, and of their products."""

    def add(self, found: PairedMeasurement) -> None:
        """Take in one pair."""
        if not (found.baseline.answered and found.candidate.answered):
            return
        before, after = self._extract(found.baseline), self._extract(found.candidate)
        if before is None or after is None:
            return
        self._n += 1
        self._sums[0] += before
        self._sums[1] += after
        self._products[0] += before * before
        self._products[1] += after * after
        self._products[2] += before * after

    def merge(self, other: Self) -> Self:
        """Add the sums of other pairs; return this one."""
        self._n += other._n
        self._sums = [a + b for a, b in zip(self._sums, other._sums, strict=True)]
        self._products = [a + b for a, b in zip(self._products, other._products, strict=True)]
        return self

    def read(self, group: Group, asked: int, alpha: float) -> Reading:
        """Return what the metric returns; as `ShareSums.read`."""
        metric, n = self._metric, self._n
        note = left_out(asked, n, metric.needs)
        if not n:
            return Reading(group=group, unit=metric.unit, note=note)
        if not all(self._sums):
            note = sentences(note, "an arm took nothing at all")
        elif n < MEAN_FLOOR:
            note = sentences(note, f"{metric.key} needs at least {MEAN_FLOOR} cases, there are {n}")
        found = stats.mean_log_ratio_of(*self._moments(), n, alpha) if self._sound else None
        return Reading(
            group=group,
            unit=metric.unit,
            delta=ratio_delta(found),
            baseline=self._sums[0] / n,
            candidate=self._sums[1] / n,
            cases=n,
            note=note,
        )

    def p_over(self, limit: float) -> float:
        """Return the metric's p-value; 1 where nothing is known."""
        if not self._sound:
            return 1.0
        return stats.mean_log_ratio_p_of(*self._moments(), self._n, limit)

    @property
    def _sound(self) -> bool:
        return self._n >= MEAN_FLOOR and all(self._sums)

    def _moments(self) -> tuple[float, float]:
        """Return the log of the ratio, and the sum of the squares of the cases' influences."""
        ours, theirs = (self._n / total for total in self._sums)
        before, after, both = self._products
        squares = after * theirs * theirs - 2 * both * theirs * ours + before * ours * ours
        return math.log(self._sums[1] / self._sums[0]), max(0.0, squares)


class LengthSums:
    """Lengths: the geometric mean of the ratios, in tokens where all are counted."""

    __slots__ = ("_metric", "_uncounted", "_units")

    def __init__(self, metric: Length) -> None:
        self._metric = metric
        self._uncounted = 0
        self._units = (_Logs(), _Logs())
        """In tokens, and in characters."""

    def add(self, found: PairedMeasurement) -> None:
        """Take in one pair."""
        ours, theirs = found.baseline, found.candidate
        if not (ours.answered and theirs.answered):
            return
        before, after = known(ours.completion_tokens), known(theirs.completion_tokens)
        if before is None or after is None:
            self._uncounted += 1
        else:
            self._units[0].add(before, after)
        before, after = known(ours.characters), known(theirs.characters)
        if before is not None and after is not None:
            self._units[1].add(before, after)

    def merge(self, other: Self) -> Self:
        """Add the sums of other pairs; return this one."""
        self._uncounted += other._uncounted
        for mine, theirs in zip(self._units, other._units, strict=True):
            mine.merge(theirs)
        return self

    @property
    def _logs(self) -> _Logs:
        return self._units[self._uncounted > 0]

    def read(self, group: Group, asked: int, alpha: float) -> Reading:
        """Return what the metric returns; as `ShareSums.read`."""
        metric, logs = self._metric, self._logs
        told = remark(*logs.empty, counted=not self._uncounted or not logs.n)
        note = sentences(left_out(asked, logs.n, metric.needs), told)
        if not logs.n:
            return Reading(group=group, unit=metric.unit, note=note)
        enough = logs.n >= MEAN_FLOOR
        if not enough:
            note = sentences(note, f"length needs at least {MEAN_FLOOR} cases, there are {logs.n}")
        found = stats.mean_log_ratio_of(*logs.moments, logs.n, alpha) if enough else None
        return Reading(
            group=group,
            unit=metric.unit,
            delta=ratio_delta(found),
            baseline=math.exp(logs.sums[0] / logs.n),
            candidate=math.exp(logs.sums[1] / logs.n),
            cases=logs.n,
            note=note,
        )

    def p_over(self, limit: float) -> float:
        """Return the metric's p-value, in both directions; 1 where nothing is known."""
        logs = self._logs
        if logs.n < MEAN_FLOOR:
            return 1.0
        mean, squares = logs.moments
        above = stats.mean_log_ratio_p_of(mean, squares, logs.n, limit)
        below = stats.mean_log_ratio_p_of(-mean, squares, logs.n, limit)
        return min(1.0, 2 * above, 2 * below)


class _Logs:
    """Logarithms of two lengths, added up; an empty answer counts as 1 long."""

    __slots__ = ("empty", "n", "square", "sums")

    def __init__(self) -> None:
        self.n = 0
        self.sums = [0.0, 0.0]
        self.square = 0.0
        self.empty = [0, 0]

    def add(self, before: float, after: float) -> None:
        if not (before and after):
            self.empty[0] += not before
            self.empty[1] += not after
        ours, theirs = math.log(max(before, 1.0)), math.log(max(after, 1.0))
        self.n += 1
        self.sums[0] += ours
        self.sums[1] += theirs
        self.square += (theirs - ours) ** 2

    def merge(self, other: _Logs) -> None:
        self.n += other.n
        self.square += other.square
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]
        self.empty = [a + b for a, b in zip(self.empty, other.empty, strict=True)]

    @property
    def moments(self) -> tuple[float, float]:
        """Return the mean log ratio, and the sum of the squares of distances from it."""
        mean = (self.sums[1] - self.sums[0]) / self.n
        return mean, max(0.0, self.square - self.n * mean * mean)
