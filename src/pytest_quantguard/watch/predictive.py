"""How far is too far, where a handful of earlier looks is all that is known of the spread.

Sources: Student, The probable error of a mean, Biometrika 6 (1908), for the prediction of one more
value. G. Smyth, Linear models and empirical Bayes methods for assessing differential expression in
microarray experiments, Statistical Applications in Genetics and Molecular Biology 3 (2004), for the
moderated t: a variance of few values, joined with one that is known beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_quantguard.stats._special import student_tail

PRIOR_LOOKS = 8
"""How many looks the spread that is assumed beforehand is worth: so nobody who saw eight looks, and
no model of the noise, is taken to know it better than within a quarter."""
NIGHTS_ALIKE = 0.5
"""Correlation of one night with the next that is allowed for: a busy week is no seven nights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What looks that show no change say about the next one."""

    mean: float
    sd: float
    """Of one look, never below what is assumed beforehand would leave of it."""
    df: float
    looks: int

    def p_above(self, value: float, looks: float = 1.0) -> float:
        """Return P(T >= t) for the mean of so many new looks: the chance of as much or more."""
        return student_tail(self._t(value, looks), self.df)

    def p_apart(self, value: float, looks: float = 1.0) -> float:
        """Return the chance, in [0, 1], of being as far from the mean or farther, either way."""
        return min(1.0, 2 * student_tail(abs(self._t(value, looks)), self.df))

    def above(self, p: float, looks: float = 1.0) -> float:
        """Return the value that is exceeded with chance p by the mean of so many new looks."""
        low, high = self.mean, self.mean + self.sd
        while self.p_above(high, looks) > p:
            high += high - low
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.p_above(middle, looks) > p else (low, middle)
        return high

    def _t(self, value: float, looks: float) -> float:
        return (value - self.mean) / (self.sd * math.sqrt(1 / looks + 1 / self.looks))


def spread(
    values: Sequence[float],
    assumed: float,
    *,
    mean: float | None = None,
    least: float = -math.inf,
) -> Spread:
    """Learn from values, one a look, and from a standard deviation assumed beforehand.

    sd^2 = (8 assumed^2 + sum (value - mean)^2) / df with df = 8 + (number of values) - 1, or one
    more where the mean is known and given. A value at ``least`` was too small to be told apart from
    it, so that its spread is not known: it counts with assumed^2. Raises ValueError for no values,
    values that are not finite, and unless ``assumed`` is finite and above 0.

    >>> found = spread([0.0, 0.0, 0.0, 0.0], assumed=0.25)
    >>> round(found.sd, 4), found.df
    (0.2132, 11)
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"values are {list(values)[:5]}; at least one, all finite, is needed")
    if not (math.isfinite(assumed) and assumed > 0):
        raise ValueError(f"assumed is {assumed}; it must be finite and above 0")
    middle = math.fsum(values) / len(values) if mean is None else mean
    df = PRIOR_LOOKS + len(values) - (mean is None)
    floor = assumed**2
    squares = math.fsum(
        max((value - middle) ** 2, floor if value <= least else 0.0) for value in values
    )
    sd = math.sqrt((PRIOR_LOOKS * assumed**2 + squares) / df)
    return Spread(mean=middle, sd=sd, df=df, looks=len(values))


def nights(looks: int) -> float:
    """Return how many independent nights so many nights in a row are worth at `NIGHTS_ALIKE`.

    n (1 - r) / (1 + r), at least 1: the variance of the mean of a series in which neighbours have
    the correlation r, and those farther apart r^2, r^3 ...

    >>> round(nights(7), 2)
    2.33
    """
    return max(1.0, looks * (1 - NIGHTS_ALIKE) / (1 + NIGHTS_ALIKE))
