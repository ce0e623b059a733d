"""Ratios of positive paired measurements, such as latency and length: above 1 is worse.

Each metric has one function that estimates candidate / baseline with a one-sided confidence bound
on either side, and one, named ..._p, that gives the p-value of "the ratio is not above a limit"
(or, with ``side="below"``, "not below"). Both say the same: the lower bound at alpha is above a
limit where the p-value is at most alpha. What too few cases cannot bound is bounded by 0 and
infinity, and has the p-value 1; it is never an error.

Sources: W. Conover, Practical Nonparametric Statistics (1999), 3.1-3.2, for medians. Student, The
probable error of a mean, Biometrika 6 (1908).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ._domain import LEAST_DROP, between, check_arms, check_limit, checked_ratios
from ._order import quantile_lower, quantile_upper, sample_quantile
from ._special import binomial_at_least, smallest, student_t, student_tail

Side = Literal["above", "below"]

MEAN_FLOOR = 10
"""Fewest cases of which a mean ratio says anything: Student's t needs nearly normal means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A ratio with one-sided confidence bounds on either side."""

    value: float
    """Estimate, candidate / baseline."""
    low: float
    """Lower bound, each bound at its own alpha: with 5 % either way, the 90 % interval."""
    high: float
    """Upper bound; inf where the cases are too few for one."""
    n: int
    """Pairs of measurements."""


def median_ratio(
    baseline: Sequence[float], candidate: Sequence[float], alpha: float = 0.05
) -> Estimate:
    """Median of the paired ratios, with the bounds of the sign test.

    The bounds are order statistics, exact for any distribution: low is the k-th smallest ratio, k
    being the largest number that P(Bin(n, 1/2) < k) <= alpha, and high the k-th largest. With
    fewer than 5 pairs there are none at 0.05. Raises ValueError unless both have the same number
    of measurements, one at least, all finite and above 0, and 0 < alpha < 0.5.

    >>> median_ratio([1, 1, 2, 2, 4], [1.1, 1.2, 2.6, 2.2, 4.0])
    Estimate(value=1.1, low=1.0, high=1.3, n=5)
    """
    between("alpha", alpha, 0, 0.5)
    ratios = sorted(checked_ratios(baseline, candidate))
    return Estimate(
        value=sample_quantile(ratios, 0.5),
        low=quantile_lower(ratios, 0.5, alpha),
        high=quantile_upper(ratios, 0.5, alpha),
        n=len(ratios),
    )


def median_ratio_p(
    baseline: Sequence[float], candidate: Sequence[float], limit: float, *, side: Side = "above"
) -> float:
    """P-value of "the median paired ratio is not above the limit": the exact sign test.

    P(Bin(n, 1/2) >= number of ratios above the limit); one that equals it counts as not above.
    Raises ValueError as `median_ratio` does, and unless the limit is finite and above 0.

    >>> round(median_ratio_p([1, 1, 2, 2, 4], [1.1, 1.2, 2.6, 2.2, 4.1], limit=1), 5)
    0.03125
    """
    check_limit(limit, side)
    ratios = checked_ratios(baseline, candidate)
    beyond = sum(ratio > limit if side == "above" else ratio < limit for ratio in ratios)
    return binomial_at_least(beyond, len(ratios), 0.5)


def mean_log_ratio(
    baseline: Sequence[float], candidate: Sequence[float], alpha: float = 0.05
) -> Estimate:
    """Geometric mean of the paired ratios, with Student's t bounds of their logarithms.

    exp(mean -+ t_alpha s / sqrt(n)). A change that most cases do not show may sit in a few: so the
    standard error is never taken below ln(2) / n, as if one case of n had doubled. That allows for
    rare doublings, not for rare answers many times as long: look at truncated ones, too. Fewer than
    10 pairs give no bounds. Raises ValueError as `median_ratio` does.
    """
    between("alpha", alpha, 0, 0.5)
    return mean_log_ratio_of(*_added_up(baseline, candidate), alpha)


@lru_cache(maxsize=256)
def mean_ratio_floor(limit: float, alpha: float = 0.05) -> int:
    """Fewest pairs without any difference whose mean ratio is bounded below a limit.

    By `mean_log_ratio` and by `success_cost_ratio`: both are exp(t_alpha ln(2) / n) then. Raises
    ValueError unless the limit is finite and at least 1 + 1e-9, and 0 < alpha < 0.5.

    >>> [mean_ratio_floor(limit) for limit in (1.02, 1.1, 2)]
    [59, 13, 10]
    """
    between("alpha", alpha, 0, 0.5)
    if not 1 + LEAST_DROP <= limit < math.inf:
        raise ValueError(f"limit is {limit}; it must be finite and at least 1 + {LEAST_DROP:g}")
    likely = math.ceil(student_t(alpha, MEAN_FLOOR) * math.log(2) / math.log(limit))
    return smallest(lambda n: _equal_upper(n, alpha) < limit, MEAN_FLOOR - 1, likely)


def _equal_upper(n: int, alpha: float) -> float:
    """Upper bound of the mean ratio of n pairs without a difference."""
    return math.exp(student_t(alpha, n - 1) * math.log(2) / n)


def mean_log_ratio_p(
    baseline: Sequence[float], candidate: Sequence[float], limit: float, *, side: Side = "above"
) -> float:
    """P-value of "the geometric mean of the paired ratios is not above the limit": a t test.

    Raises ValueError as `mean_log_ratio` does, and unless the limit is finite and above 0.
    """
    check_limit(limit, side)
    return mean_log_ratio_p_of(*_added_up(baseline, candidate), limit, side)


def _added_up(baseline: Sequence[float], candidate: Sequence[float]) -> tuple[float, float, int]:
    """Mean of the ratios' logarithms, squares of their distances from it, and how many."""
    check_arms(baseline, candidate)
    pairs = zip(baseline, candidate, strict=True)
    logs = [math.log(theirs) - math.log(ours) for ours, theirs in pairs]
    mean = math.fsum(logs) / len(logs)
    return mean, math.fsum((value - mean) ** 2 for value in logs), len(logs)


def mean_log_ratio_of(mean: float, squares: float, n: int, alpha: float) -> Estimate:
    """`mean_log_ratio` of what was added up: a mean of n, and squares of distances from it."""
    if n < MEAN_FLOOR or math.isinf(mean):
        return Estimate(value=math.exp(mean), low=0.0, high=math.inf, n=n)
    width = student_t(alpha, n - 1) * _standard_error(squares, n)
    return Estimate(
        value=math.exp(mean), low=math.exp(mean - width), high=math.exp(mean + width), n=n
    )


def mean_log_ratio_p_of(
    mean: float, squares: float, n: int, limit: float, side: Side = "above"
) -> float:
    """`mean_log_ratio_p` of what was added up, as `mean_log_ratio_of` has it."""
    if n < MEAN_FLOOR or math.isinf(mean):
        return 1.0
    t = (mean - math.log(limit)) / _standard_error(squares, n)
    return student_tail(t if side == "above" else -t, n - 1)


def _standard_error(squares: float, n: int) -> float:
    return max(math.sqrt(squares / (n - 1) / n), math.log(2) / n)
