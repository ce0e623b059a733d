"""Paired tables for tests: shorthand, random ones, and the exact chance that one passes."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
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


def chance_of_pass(n: int, max_drop: float, drop: float, psi: float) -> float:
    """Exact probability of PASS: the sum over all tables that pass of their trinomial chance."""
    chances = ((psi + drop) / 2, (psi - drop) / 2, 1 - psi)
    logs = [math.log(p) if p > 0 else -math.inf for p in chances]
    total = 0.0
    for lost, gained in passing_tables(n, max_drop):
        cells = (lost, gained, n - lost - gained)
        if any(k and log == -math.inf for k, log in zip(cells, logs, strict=True)):
            continue
        ways = math.lgamma(n + 1) - sum(math.lgamma(k + 1) for k in cells)
        total += math.exp(ways + sum(k * log for k, log in zip(cells, logs, strict=True) if k))
    return total


_passing: dict[tuple[int, float], list[tuple[int, int]]] = {}


def passing_tables(n: int, max_drop: float) -> list[tuple[int, int]]:
    """All (lost, gained) of n cases whose upper bound is below the budget."""
    key = (n, max_drop)
    if key not in _passing:
        _passing[key] = [
            (lost, gained)
            for lost in range(n + 1)
            for gained in range(n + 1 - lost)
            # z < -z_alpha at the budget is the same as a bound below it, see the test above
            if lost - gained < n * max_drop
            and stats.tango_z(table(lost, gained, n), max_drop) < -Z95
        ]
    return _passing[key]


def psi_grid(drop: float) -> list[float]:
    """From pure losses to cases that all differ, dense where sizes peak."""
    return [drop + (1 - drop) * (step / 24) ** 2 for step in range(25)]
