"""Ratio of the quantiles of two arms, such as p99 latency: above 1 is worse.

Estimate and p-value say the same, as in `ratios.py`.

Source: W. Conover, Practical Nonparametric Statistics (1999), 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ._domain import between, check_arms, check_limit
from ._order import quantile_lower, quantile_upper, sample_quantile
from .ratios import Estimate, Side


def quantile_floor(q: float, alpha: float = 0.05) -> int:
    """Fewest pairs that bound the ratio of q quantiles: the smallest n, q^n + (1 - q)^n < alpha.

    Below, all measurements of an arm may lie on one side of its quantile. Raises ValueError unless
    0 < q < 1 and 0 < alpha < 0.5.

    >>> [quantile_floor(q) for q in (0.5, 0.9, 0.95, 0.99)]
    [6, 29, 59, 299]
    """
    between("q", q, 0, 1)
    between("alpha", alpha, 0, 0.5)
    n = math.floor(math.log(alpha) / math.log(max(q, 1 - q)))
    while q**n + (1 - q) ** n >= alpha:
        n += 1
    return n


def quantile_ratio(
    baseline: Sequence[float], candidate: Sequence[float], q: float, alpha: float = 0.05
) -> Estimate | None:
    """Ratio of the q quantiles of the two arms, such as p99 latency; None below `quantile_floor`.

    Order statistics bound each arm's quantile, whatever the distribution, and however the arms
    depend: low = candidate's lower / baseline's upper bound, high the reverse. The two errors add
    up to alpha: half each, or, where n is small, as much as the outer bound needs for the one and
    the rest for the other. The value is the ratio of the interpolated sample quantiles. Raises
    ValueError as `median_ratio` does, and unless 0 < q < 1.
    """
    between("alpha", alpha, 0, 0.5)
    check_arms(baseline, candidate)
    ours, theirs = sorted(baseline), sorted(candidate)
    if len(ours) < quantile_floor(q, alpha):
        return None
    inverse = quantiles_apart(theirs, ours, q, alpha)
    return Estimate(
        value=sample_quantile(theirs, q) / sample_quantile(ours, q),
        low=quantiles_apart(ours, theirs, q, alpha),
        high=1 / inverse if inverse else math.inf,
        n=len(ours),
    )


def quantile_ratio_p(
    baseline: Sequence[float],
    candidate: Sequence[float],
    q: float,
    limit: float,
    *,
    side: Side = "above",
) -> float:
    """P-value of "the ratio of the q quantiles is not above the limit".

    The smallest alpha, to 1e-9, at which the bound of `quantile_ratio` is beyond the limit.
    Raises ValueError as `quantile_ratio` does, and unless the limit is finite and above 0.
    """
    between("q", q, 0, 1)
    check_limit(limit, side)
    check_arms(baseline, candidate)
    ours, theirs = sorted(baseline), sorted(candidate)
    if side == "below":
        ours, theirs, limit = theirs, ours, 1 / limit
    return quantile_ratio_p_of(ours, theirs, q, limit)


def quantile_ratio_p_of(
    ours: Sequence[float], theirs: Sequence[float], q: float, limit: float
) -> float:
    """`quantile_ratio_p` of two samples of one size that are sorted."""
    high, low = 1.0, 0.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        if quantiles_apart(ours, theirs, q, middle) > limit:
            high = middle
        else:
            low = middle
    return high


def quantiles_apart(
    ours: Sequence[float], theirs: Sequence[float], q: float, alpha: float
) -> float:
    """Lower bound of `quantile_ratio` of two sorted samples; 0 where they are too small for one."""
    n, round_up = len(ours), 1 + 1e-9
    need_upper, need_lower = q**n * round_up, (1 - q) ** n * round_up  # no smaller error with n
    upper_error = max(need_upper, min(alpha / 2, alpha - need_lower))
    lower_error = alpha - upper_error
    if lower_error < need_lower:
        return 0.0
    return quantile_lower(theirs, q, lower_error) / quantile_upper(ours, q, upper_error)
