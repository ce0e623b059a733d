"""Distribution functions that the standard library lacks, or keeps behind a heavy import.

Source of the incomplete beta function: NIST Digital Library of Mathematical Functions, 8.17.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from ._domain import between


def first_true(condition: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition turns true between low and high, by bisection; it holds at the answer.

    The answer is high itself if the condition holds nowhere below.
    """
    for _ in range(60):  # halves a width of at most 2 to below 1e-17
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if condition(middle):
            high = middle
        else:
            low = middle
    return high


def smallest(condition: Callable[[int], bool], low: int, guess: int) -> int:
    """Whole number above low where a condition turns true; guess is where to look first."""
    high = max(guess, low + 1)
    while not condition(high):
        low, high = high, high + max(1, (high - low) // 2, high // 16)
    while high - low > 1:
        middle = (low + high) // 2
        if condition(middle):
            high = middle
        else:
            low = middle
    return high


@lru_cache(maxsize=256)
def normal_quantile(probability: float) -> float:
    """Return the standard normal quantile of a probability in (0, 1)."""
    from statistics import NormalDist  # pulls decimal, fractions and random: only when needed

    return NormalDist().inv_cdf(probability)


def normal_tail(z: float) -> float:
    """P(Z >= z), standard normal, with full relative accuracy far out."""
    return math.erfc(z / math.sqrt(2)) / 2


def z_alpha(alpha: float) -> float:
    """Return the z that P(Z >= z) = alpha; ValueError unless 0 < alpha < 0.5."""
    between("alpha", alpha, 0, 0.5)
    return -normal_quantile(alpha)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b) for a, b > 0; x outside [0, 1] is clipped."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast below its mean only
        return 1 - incomplete_beta(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log1p(-x)
    return min(1.0, math.exp(log_front) / a / _beta_fraction(x, a, b))


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction of I_x(a, b), DLMF 8.17.22, by Lentz's method."""
    tiny = 1e-300
    value, c, d = 1.0, 1.0, 0.0
    for m in range(100_000):  # about sqrt(max(a, b)) steps are taken
        even = 2 * m
        odd_term = -(a + m) * (a + b + m) * x / ((a + even) * (a + even + 1))
        even_term = (m + 1) * (b - m - 1) * x / ((a + even + 1) * (a + even + 2))
        for term in (odd_term, even_term):
            d = 1 / (1 + term * d or tiny)
            c = 1 + term / c or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def binomial_at_least(k: float, n: float, p: float) -> float:
    """P(Bin(n, p) >= k) = I_p(k, n - k + 1), which also takes broken counts."""
    if k <= 0:
        return 1.0
    return 0.0 if k > n else incomplete_beta(p, k, n - k + 1)


def binomial_at_most(k: float, n: float, p: float) -> float:
    """P(Bin(n, p) <= k) = I_(1 - p)(n - k, k + 1), which also takes broken counts."""
    if k >= n:
        return 1.0
    return 0.0 if k < 0 else incomplete_beta(1 - p, n - k, k + 1)


def student_tail(t: float, df: float) -> float:
    """P(T >= t) of Student's t distribution with df > 0 degrees of freedom."""
    half = incomplete_beta(df / (df + t * t), df / 2, 0.5) / 2 if math.isfinite(t) else 0.0
    return half if t >= 0 else 1 - half


@lru_cache(maxsize=1024)
def student_t(alpha: float, df: float) -> float:
    """Return the t that P(T >= t) = alpha; ValueError unless 0 < alpha < 0.5."""
    between("alpha", alpha, 0, 0.5)
    high = 1.0
    while student_tail(high, df) > alpha:
        high *= 2
    return first_true(lambda t: student_tail(t, df) <= alpha, 0.0, high)
