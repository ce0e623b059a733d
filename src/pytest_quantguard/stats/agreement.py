"""How well two ways of labelling the same things agree: a judge and given labels.

Sources: J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological
Measurement 20 (1960). J. Fleiss, J. Cohen and B. Everitt, Large sample standard errors of kappa
and weighted kappa, Psychological Bulletin 72 (1969). E. Wilson, Probable inference, the law of
succession, and statistical inference, Journal of the American Statistical Association 22 (1927).
R. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17
(1998), method 3. C. Clopper and E. Pearson, The use of confidence or fiducial limits illustrated in
the case of the binomial, Biometrika 26 (1934).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ._domain import between
from ._special import binomial_at_least, normal_quantile, smallest


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """Cohen's kappa of one table: agreement beyond what chance would give."""

    n: int
    """Things that were labelled twice."""
    observed: float
    """Share of them on which both agree, in [0, 1]."""
    expected: float
    """Share on which two labellers with these habits agree by chance, in [0, 1)."""
    value: float
    """(observed - expected) / (1 - expected): 1 = always, 0 = no better than chance."""
    error: float
    """Its large-sample standard error (Fleiss, Cohen and Everitt 1969, formula 13)."""
    low: float
    """Lower end of its interval."""
    high: float


def wilson_interval(count: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's (1927) score interval of the share count / n, two-sided.

    It needs no correction near 0 and 1. Raises ValueError unless 0 <= count <= n, n > 0 and
    0 < confidence < 1.

    >>> [round(x, 4) for x in wilson_interval(81, 263)]
    [0.2553, 0.3662]
    """
    if not (n > 0 and 0 <= count <= n):
        raise ValueError(f"count is {count} of n = {n}; it must lie between 0 and n, n above 0")
    between("confidence", confidence, 0, 1)
    z = -normal_quantile((1 - confidence) / 2)
    middle = (count + z * z / 2) / (n + z * z)
    width = z * math.sqrt(count * (n - count) / n + z * z / 4) / (n + z * z)
    return max(0.0, middle - width), min(1.0, middle + width)


def share_p(count: int, n: int, limit: float) -> float:
    """Exact one-sided p-value of "the share behind count / n is not above the limit".

    The chance of count or more of n at a share of the limit itself (Clopper and Pearson 1934), so
    that it holds for any n. Raises ValueError unless 0 <= count <= n, n > 0 and 0 < limit < 1.

    >>> round(share_p(3, 3, 1 / 3), 4)
    0.037
    """
    if not (n > 0 and 0 <= count <= n):
        raise ValueError(f"count is {count} of n = {n}; it must lie between 0 and n, n above 0")
    between("limit", limit, 0, 1)
    return binomial_at_least(count, n, limit)


def cohen_kappa(table: Sequence[Sequence[int]], confidence: float = 0.95) -> Kappa | None:
    """Cohen's (1960) kappa of a square table of counts: rows are one labeller, columns the other.

    None where it is not defined: both gave one and the same label to everything. The interval is
    Wilson's of the observed agreement, with as many labels as give it the standard error of Fleiss,
    Cohen and Everitt. Wald's, value -+ 1.96 errors, has the same limit, but with few disagreements
    it is far too narrow: with 50 labels and a kappa of 0.9 its exact chance to exclude the truth is
    8 %, with one of 0.96 it is 36 %, here 4 and 8 %. Raises ValueError unless the table is
    square, of 2 rows at least, holds whole numbers >= 0 that are not all 0, and
    0 < confidence < 1.

    >>> found = cohen_kappa([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
    >>> round(found.value, 3), round(found.error**2, 6)
    (0.429, 0.002885)
    """
    n = _checked(table)
    cells = [[count / n for count in row] for row in table]
    rows = [sum(row) for row in cells]
    columns = [sum(column) for column in zip(*cells, strict=True)]
    observed = sum(cells[i][i] for i in range(len(cells)))
    expected = sum(row * column for row, column in zip(rows, columns, strict=True))
    if expected > 1 - 1e-12:
        return None
    value = (observed - expected) / (1 - expected)
    error = _error(cells, rows, columns, value, expected) / math.sqrt(n)
    weight = _effective(n, observed, expected, error)
    low, high = _interval(observed, expected, weight, confidence)
    return Kappa(
        n=n, observed=observed, expected=expected, value=value, error=error, low=low, high=high
    )


def labels_needed(kappa: Kappa, half_width: float = 0.1, confidence: float = 0.95) -> int:
    """Return how many labels of the same kind give an interval of `kappa` +- ``half_width``.

    Raises ValueError unless 0 < half_width < 1 and 0 < confidence < 1.

    >>> labels_needed(cohen_kappa([[106, 10, 4], [22, 28, 10], [2, 12, 6]]), 0.05)
    885
    """
    between("half_width", half_width, 0, 1)
    worth = _effective(kappa.n, kappa.observed, kappa.expected, kappa.error) / kappa.n

    def enough(n: int) -> bool:
        low, high = _interval(kappa.observed, kappa.expected, n * worth, confidence)
        return high - low <= 2 * half_width

    return smallest(enough, 1, kappa.n)


def _checked(table: Sequence[Sequence[int]]) -> int:
    n = 0
    for row in table:
        if len(row) != len(table) or len(table) < 2:
            raise ValueError(f"the table has rows of {len(row)} in {len(table)}; it must be square")
        for count in row:
            if type(count) is not int or count < 0:
                raise ValueError(f"the table holds {count!r}; it must hold whole numbers >= 0")
            n += count
    if not n:
        raise ValueError("the table is empty; at least one thing must have been labelled twice")
    return n


def _error(
    cells: list[list[float]], rows: list[float], columns: list[float], value: float, expected: float
) -> float:
    """The standard error of kappa for one label: formula 13 of Fleiss, Cohen and Everitt."""
    rest, size = 1 - value, range(len(cells))
    same = sum(cells[i][i] * (1 - (rows[i] + columns[i]) * rest) ** 2 for i in size)
    other = sum(cells[i][j] * (columns[i] + rows[j]) ** 2 for i in size for j in size if i != j)
    variance = same + rest * rest * other - (value - expected * rest) ** 2
    return math.sqrt(max(0.0, variance)) / (1 - expected)


def _effective(n: int, observed: float, expected: float, error: float) -> float:
    """How many labels would give this error, were the agreement by chance known."""
    spread = observed * (1 - observed)
    if spread < 1e-12 or error < 1e-12:
        return float(n)
    return spread / ((1 - expected) * error) ** 2


def _interval(
    observed: float, expected: float, weight: float, confidence: float
) -> tuple[float, float]:
    ends = wilson_interval(observed * weight, weight, confidence)
    low, high = ((end - expected) / (1 - expected) for end in ends)
    return low, high
