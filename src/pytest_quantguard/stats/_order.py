"""Order statistics: quantiles of a sorted sample, and bounds that hold for any distribution.

Source: W. Conover, Practical Nonparametric Statistics (1999), 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ._special import binomial_at_least, binomial_at_most


def sample_quantile(ordered: Sequence[float], q: float) -> float:
    """Return the q quantile of a sorted sample, by linear interpolation between neighbours."""
    place = q * (len(ordered) - 1)
    below = min(math.floor(place), len(ordered) - 2)
    if below < 0:
        return ordered[0]
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def quantile_lower(ordered: Sequence[float], q: float, error: float) -> float:
    """Return a bound that is above the true q quantile with at most this chance.

    The k-th smallest with the largest k that P(Bin(n, q) < k) <= error; 0 if there is none.
    """
    n = len(ordered)
    rank = _last(lambda k: binomial_at_most(k - 1, n, q) <= error, n)
    return ordered[rank - 1] if rank else 0.0


def quantile_upper(ordered: Sequence[float], q: float, error: float) -> float:
    """Return a bound that is below the true q quantile with at most this chance.

    The k-th smallest with the smallest k that P(Bin(n, q) >= k) <= error; inf if there is none.
    """
    n = len(ordered)
    rank = _last(lambda k: binomial_at_least(n + 1 - k, n, q) <= error, n)
    return ordered[n - rank] if rank else math.inf


def _last(condition: Callable[[int], bool], most: int) -> int:
    """Largest number from 1 to most for which a condition, true up to there, holds; else 0."""
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        if condition(middle):
            low = middle
        else:
            high = middle
    return low
