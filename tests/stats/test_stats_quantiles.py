"""Ratio of two arms' quantiles, against hand calculations and definitions."""

from __future__ import annotations

import math

import pytest
from paired_tables import binomial
from two_arms import arms

from pytest_quantguard import stats


@pytest.mark.parametrize(
    ("q", "floor"), [(0.99, 299), (0.95, 59), (0.9, 29), (0.5, 6), (0.1, 29), (0.999, 2995)]
)
def test_floor_of_a_quantile(q: float, floor: int) -> None:
    """The smallest n at which an arm's extreme is beyond its quantile with 95 %."""
    assert floor == stats.quantile_floor(q)
    assert q**floor + (1 - q) ** floor < 0.05
    assert q ** (floor - 1) + (1 - q) ** (floor - 1) >= 0.05


@pytest.mark.parametrize("q", [0.9, 0.95, 0.5])
def test_quantile_is_bounded_from_its_floor_on(q: float) -> None:
    """One case fewer and there is no estimate; at the floor both bounds are finite."""
    floor = stats.quantile_floor(q)
    baseline, candidate = arms(seed=6, n=floor)
    found = stats.quantile_ratio(baseline, candidate, q)

    assert stats.quantile_ratio(baseline[1:], candidate[1:], q) is None
    assert 0 < found.low < found.value < found.high < math.inf
    assert 0.05 < stats.quantile_ratio_p(baseline[1:], candidate[1:], q, limit=1e-9)


def test_quantile_bounds_are_order_statistics_of_both_arms() -> None:
    """p90 of 100 cases: half of 5 % each way is the 84th and the 96th smallest, by the binomial."""
    numbers = [float(k) for k in range(1, 101)]
    chances = binomial(100, 0.9)
    lower = max(k for k in range(1, 101) if sum(chances[:k]) <= 0.025)
    upper = min(k for k in range(1, 101) if sum(chances[k:]) <= 0.025)
    found = stats.quantile_ratio(numbers, numbers[::-1], 0.9)

    assert (lower, upper) == (84, 96)
    assert (1.0, 84 / 96, 96 / 84) == (found.value, found.low, found.high)
