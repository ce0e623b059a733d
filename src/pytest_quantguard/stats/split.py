"""Shares of two separate groups of requests: traffic that was split, so that nothing is paired.

Sources: R. Newcombe, Interval estimation for the difference between independent proportions,
Statistics in Medicine 17 (1998), method 10. A. Waudby-Smith and A. Ramdas, Estimating means of
bounded random variables by betting, Journal of the Royal Statistical Society B 86 (2024).
R. Turner, A. Ly and P. Gruenwald, Generic E-variables for exact sequential k-sample tests that
allow for optional stopping, Journal of Statistical Planning and Inference 230 (2024). J. Ville,
Etude critique de la notion de collectif (1939). N. Mantel and W. Haenszel, Statistical aspects of
the analysis of data from retrospective studies of disease, JNCI 22 (1959); S. Greenland and J.
Robins, Estimation of a common effect parameter from sparse follow-up data, Biometrics 41 (1985).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from ._domain import between
from ._special import first_true
from .agreement import wilson_interval

_BETS = tuple(tenth / 10 for tenth in range(1, 10))


class SplitTable(NamedTuple):
    """Two groups of requests: how many, and in how many of them (or what part) it is so."""

    count_b: float
    n_b: float
    count_c: float
    n_c: float


def split_standard(strata: Iterable[tuple[float, float, float, float]]) -> SplitTable | None:
    """Two groups as they would be, had both the same part of every stratum; None = no such part.

    Each stratum is (count_b, n_b, count_c, n_c). Its weight is w = n_b n_c / (n_b + n_c), that of
    Mantel and Haenszel (1959) for a difference (Greenland and Robins 1985), so that p_c - p_b is
    their estimate. Sizes are those whose difference has the variance 1 / sum w that the weights
    give where all shares are alike: of one stratum they are its own. Raises ValueError unless
    0 <= count <= n.

    >>> split_standard([(48, 80, 56, 70)])
    SplitTable(count_b=48.0, n_b=80.0, count_c=56.0, n_c=70.0)
    >>> found = split_standard([(25, 100, 3, 10), (1, 20, 10, 100)])  # 5 points worse in either
    >>> round(found.count_c / found.n_c - found.count_b / found.n_b, 12)
    0.05
    """
    weight = share_b = share_c = size_b = size_c = 0.0
    for count_b, n_b, count_c, n_c in strata:
        if not (0 <= count_b <= n_b and 0 <= count_c <= n_c):
            raise ValueError(f"counts are {count_b} of {n_b} and {count_c} of {n_c}")
        if not (n_b and n_c):
            continue
        w = n_b * n_c / (n_b + n_c)
        weight += w
        share_b += w * count_b / n_b
        share_c += w * count_c / n_c
        size_b += n_b
        size_c += n_c
    if not weight:
        return None
    both = weight * (size_b + size_c)
    n_b_, n_c_ = both / size_c, both / size_b
    return SplitTable(share_b / weight * n_b_, n_b_, share_c / weight * n_c_, n_c_)


def split_interval(
    count_b: float, n_b: float, count_c: float, n_c: float, confidence: float = 0.9
) -> tuple[float, float]:
    """Newcombe's (1998) interval of the rise p_c - p_b of a share, from two separate groups.

    With Wilson's (l, u) of each share: low = d - sqrt((p_c - l_c)^2 + (u_b - p_b)^2), high = d +
    sqrt((u_c - p_c)^2 + (p_b - l_b)^2). ``count`` may be a sum of numbers in [0, 1], which vary no
    more than yes and no do, so that the interval is then wider than need be. Raises ValueError
    unless 0 <= count <= n and n > 0 in both, and 0 < confidence < 1.

    >>> [round(x, 4) for x in split_interval(48, 80, 56, 70, confidence=0.95)]
    [0.0524, 0.3339]
    """
    low_b, high_b = wilson_interval(count_b, n_b, confidence)
    low_c, high_c = wilson_interval(count_c, n_c, confidence)
    before, after = count_b / n_b, count_c / n_c
    rise = after - before
    return (
        max(-1.0, rise - math.hypot(after - low_c, high_b - before)),
        min(1.0, rise + math.hypot(high_c - after, before - low_b)),
    )


def split_p(count_b: float, n_b: float, count_c: float, n_c: float, limit: float) -> float:
    """One-sided p-value of "the share rose by no more than the limit": `split_interval` inverted.

    For evidence of a fixed size; `SplitEvidence` holds at every look. Raises ValueError as that
    does, and unless -1 < limit < 1.
    """
    between("limit", limit, -1, 1)

    def excluded(alpha: float) -> bool:
        return split_interval(count_b, n_b, count_c, n_c, 1 - 2 * alpha)[0] > limit

    if not excluded(0.5 - 1e-12):  # the estimate itself is not above the limit
        return 1.0
    return first_true(excluded, 0.0, 0.5 - 1e-12)


class SplitEvidence:
    """Evidence that a mean in [0, 1] is higher in one arm, request by request, arms unpaired.

    Requests are taken in blocks: one is complete as soon as both arms have been asked. Its
    difference D = mean of the candidate's - mean of the baseline's lies in [-1, 1]. Which arm is
    asked next has nothing to do with what the other answers, so that without a rise E D <= 0,
    whatever came before, and e = mean over lambda in .1, .2 ... .9 of prod (1 + lambda D) is an
    e-process (Waudby-Smith and Ramdas 2024; of yes and no in equal blocks it is one of those of
    Turner, Ly and Gruenwald 2024). It may be read at any time. Blocks of the same few minutes are
    compared, so that a share that drifts in both arms alike is no evidence. Each stratum has blocks
    of its own: what one arm got more of is no evidence either.
    """

    __slots__ = ("_logs", "_open", "blocks", "highest")

    def __init__(self) -> None:
        self._open: dict[str, tuple[list[float], list[int]]] = {}
        """Sums and numbers of requests in each stratum's block, of the baseline first."""
        self._logs = [0.0] * len(_BETS)
        self.blocks = 0
        self.highest = 0.0
        """Natural logarithm of the largest e-value so far."""

    def add(self, value: float, *, candidate: bool, stratum: str = "") -> None:
        """Take in one request; ValueError unless the value lies in [0, 1]."""
        if not 0 <= value <= 1:
            raise ValueError(f"value is {value}; it must lie between 0 and 1")
        sums, n = self._open.setdefault(stratum, ([0.0, 0.0], [0, 0]))
        sums[candidate] += value
        n[candidate] += 1
        if n[not candidate]:
            del self._open[stratum]
            self._close(sums[1] / n[1] - sums[0] / n[0])

    def _close(self, rise: float) -> None:
        self.blocks += 1
        if rise:
            self._logs = [
                log + math.log1p(bet * rise) for log, bet in zip(self._logs, _BETS, strict=True)
            ]
            if rise > 0:
                self.highest = max(self.highest, self.log_e)

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value now."""
        top = max(self._logs)
        mean = math.fsum(math.exp(log - top) for log in self._logs) / len(_BETS)
        return top + math.log(mean)

    @property
    def p(self) -> float:
        """P-value that holds whenever it is read: 1 / the largest e-value so far (Ville 1939)."""
        return math.exp(-self.highest)
