"""Bootstrap intervals of paired ratios: cases are drawn again as pairs, both arms together.

They are reported beside the bounds of `ratios.py` and `quantiles.py`, which judge: those hold for
any distribution, these are narrower, because they use the pairing, and are right only where there
are enough cases beyond the quantile (docs/statistics.md has the measured coverage).

Sources: B. Efron, Bootstrap methods, Annals of Statistics 7 (1979). J. Hanley and B. MacGibbon,
Creating non-parametric bootstrap samples using Poisson frequencies, Computer Methods and Programs
in Biomedicine 83 (2006). J. Maritz and R. Jarrett, A note on estimating the variance of the sample
median, JASA 73 (1978), for the exact distribution of a resampled quantile.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate, repeat
from operator import itemgetter
from typing import NamedTuple, Self

from ._domain import between, check_arms, checked_ratios
from ._special import binomial_at_least

DRAWS = 1000
"""Resamples of a tail: a bound at 5 % then lies between the 3.6 % and the 6.4 % one."""

_WEIGHTS = bytes([0] * 95 + [1] * 93 + [2] * 47 + [3] * 16 + [4] * 4 + [5])
"""How often a resample has a case, for each value of a random byte: Poisson(1) to 1/256, with
mean 1 and variance 2 - 1 + 1/128."""
_VARIANCE = sum(weight * weight for weight in _WEIGHTS) / 256 - 1


def bootstrap_median_ratio(
    baseline: Sequence[float], candidate: Sequence[float], alpha: float = 0.05
) -> tuple[float, float]:
    """Percentile interval of the median paired ratio, each end at its own alpha.

    Exact, nothing is drawn: of n ratios drawn with replacement the r-th smallest is at most the
    k-th of the data with the chance P(Bin(n, k / n) >= r). Of an even number the lower median
    gives the lower end and the upper median the upper one. Raises ValueError unless both have the
    same number of measurements, one at least, all finite and above 0, and 0 < alpha < 0.5.

    >>> bootstrap_median_ratio([1, 1, 2, 2, 4], [1.1, 1.2, 2.6, 2.2, 4.0])
    (1.0, 1.3)
    """
    between("alpha", alpha, 0, 0.5)
    ratios = sorted(checked_ratios(baseline, candidate))
    n = len(ratios)
    place = _resampled_place(n, (n + 1) // 2, alpha)
    return ratios[place - 1], ratios[n - place]


@lru_cache(maxsize=256)
def _resampled_place(n: int, rank: int, alpha: float) -> int:
    """Smallest k that the rank-th of n resampled values is at most the k-th with chance alpha."""
    low, high = 0, n
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_at_least(rank, n, middle / n) >= alpha:
            high = middle
        else:
            low = middle
    return high


def bootstrap_quantile_ratio(
    baseline: Sequence[float],
    candidate: Sequence[float],
    q: float,
    alpha: float = 0.05,
    draws: int = DRAWS,
) -> tuple[float, float]:
    """Percentile interval of the ratio of two q quantiles, for q from 0.5 on.

    In each resample a case counts 0, 1, 2 ... times, the same in both arms: Poisson(1) weights,
    which resample as drawing with replacement does, but for the number of cases. Only cases near
    or beyond a quantile are weighted one by one, all others together. The seed is the number of
    cases: the same data give the same interval. Raises ValueError as `bootstrap_median_ratio`
    does, unless 0.5 <= q < 1, and for less than one draw.
    """
    between("alpha", alpha, 0, 0.5)
    check_arms(baseline, candidate)
    if not 0.5 <= q < 1:
        raise ValueError(f"q is {q}; it must be at least 0.5 and below 1")
    if draws < 1:
        raise ValueError(f"draws is {draws}; at least one is needed")
    found = sorted(_resampled(baseline, candidate, q, draws))
    edge = min(math.floor(alpha * (draws + 1)), draws - 1)
    place = max(edge - 1, 0)
    return found[place], found[draws - 1 - place]


def _resampled(
    baseline: Sequence[float], candidate: Sequence[float], q: float, draws: int
) -> list[float]:
    """Return the ratio of the weighted quantiles of each resample."""
    from random import Random

    n = len(baseline)
    # Outside these ranks the quantile of a resample lies once in a thousand million draws.
    margin = 6 * math.sqrt(n * q * (1 - q)) + 6
    depth = min(n, math.ceil(n * (1 - q) + margin))
    skipped = max(0, math.floor(n * (1 - q) - margin))
    ours, theirs = (
        sorted(range(n), key=arm.__getitem__, reverse=True)[:depth] for arm in (baseline, candidate)
    )
    near = list(dict.fromkeys([*ours, *theirs]))
    at = {case: place for place, case in enumerate(near)}
    arms = [_Arm.of([at[case] for case in arm], skipped) for arm in (ours, theirs)]
    draw = Random(n)  # noqa: S311 - no secret: the same data give the same interval
    rest = n - len(near)
    spread = math.sqrt(rest * _VARIANCE)
    found = []
    for _ in repeat(None, draws):
        weights = draw.randbytes(len(near)).translate(_WEIGHTS)
        total = sum(weights) + (max(0.0, draw.gauss(rest, spread)) if rest else 0.0)
        above = (1 - q) * total + 1e-9  # 0.05 of 100 are 5
        mine, its = (arm.place(weights, above) for arm in arms)
        found.append(candidate[theirs[its]] / baseline[ours[mine]])
    return found


class _Arm(NamedTuple):
    """The cases near or beyond an arm's quantile, from the largest on, as places of weights."""

    beyond: Callable[[bytes], tuple[int, ...]]
    """Picks the weights of those that are beyond it in every resample ..."""
    near: Callable[[bytes], tuple[int, ...]]
    """... and of those that may be it."""
    skipped: int

    @classmethod
    def of(cls, places: list[int], skipped: int) -> Self:
        return cls(_picker(places[:skipped]), _picker(places[skipped:]), skipped)

    def place(self, weights: bytes, above: float) -> int:
        """Return which is the first with more than so much weight down to it, and with its own."""
        near = list(accumulate(self.near(weights), initial=sum(self.beyond(weights))))
        return self.skipped + min(bisect_right(near, above), len(near) - 1) - 1


def _picker(places: list[int]) -> Callable[[bytes], tuple[int, ...]]:
    if len(places) > 1:
        picked: Callable[[bytes], tuple[int, ...]] = itemgetter(*places)
        return picked
    return lambda weights: tuple(weights[place] for place in places)
