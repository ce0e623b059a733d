"""Paired tables for tests: shorthand, random ones, and the exact chance that one passes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from functools import cache
from statistics import NormalDist

from pytest_quantguard import stats
from pytest_quantguard.stats import PairedCounts

Z95 = NormalDist().inv_cdf(0.95)
BAD_NUMBERS = (math.nan, math.inf, -math.inf)


def table(lost: float, gained: float, n: float) -> PairedCounts:
    """Shorthand for a paired table."""
    return PairedCounts(lost=lost, gained=gained, n=n)


def random_tables(seed: int, number: int) -> Iterator[PairedCounts]:
    """Tables of all sizes and shares, many sparse, some with an empty cell."""
    draw = random.Random(seed)
    for _ in range(number):
        n = draw.randint(1, 400)
        differ = round(n * draw.random() * draw.choice([1, 0.1]))
        lost = draw.choice([0, differ, draw.randint(0, differ)])
        yield table(lost, differ - lost, n)


def most_lost(n: int, passes: Callable[[PairedCounts], bool]) -> list[int]:
    """For each number of gained cases, the most lost cases of n with which a table passes, or -1.

    One more gained case allows at least as many lost ones, up to the n there are.
    """
    most, found = -1, []
    for gained in range(n + 1):
        most = min(most, n - gained)
        while most < n - gained and passes(table(most + 1, gained, n)):
            most += 1
        while most >= 0 and not passes(table(most, gained, n)):
            most -= 1
        found.append(most)
    return found


@cache
def passing_tables(n: int, max_drop: float) -> list[int]:
    """For each number of gained cases, the most lost ones with which the budget is passed."""
    return most_lost(n, lambda counts: stats.loss_upper(counts) < max_drop)


def chance_of_pass(n: int, max_drop: float, drop: float, psi: float) -> float:
    """Exact probability of PASS under a true drop and share of differences."""
    return chance_of(passing_tables(n, max_drop), n, drop, psi)


def chance_of(most: list[int], n: int, drop: float, psi: float) -> float:
    """Sum of the trinomial chances of all tables with at most so many lost cases."""
    lost_share, gained_share = (psi + drop) / 2, (psi - drop) / 2
    rest = min(1.0, lost_share / (1 - gained_share))
    return sum(
        chance * sum(binomial(n - gained, rest, lost))
        for gained, (lost, chance) in enumerate(zip(most, binomial(n, gained_share), strict=True))
        if chance > 1e-15 and lost >= 0
    )


LOG_FACTORIAL = [math.lgamma(k + 1) for k in range(3001)]


def binomial(n: int, p: float, most: int | None = None) -> list[float]:
    """Chances of 0, 1 ... hits in n trials, up to all or to the most asked for."""
    hits = range((n if most is None else most) + 1)
    if p in (0, 1):
        return [float(k == n * p) for k in hits]
    top, odds = LOG_FACTORIAL[n] + n * math.log1p(-p), math.log(p) - math.log1p(-p)
    return [math.exp(top - LOG_FACTORIAL[k] - LOG_FACTORIAL[n - k] + k * odds) for k in hits]


def psi_grid(drop: float, points: int = 24) -> list[float]:
    """From pure losses to cases that all differ, dense where sizes peak."""
    return [drop + (1 - drop) * (step / points) ** 2 for step in range(points + 1)]
