"""Ratios of sums over the same cases, against hand calculations."""

from __future__ import annotations

import math

import pytest

from pytest_quantguard import stats

COSTS = ("cost_b", "success_b", "cost_c", "success_c")


def test_cost_of_a_success_is_a_ratio_of_ratios() -> None:
    """40 calls of 2 cents with 30 successes against 40 of 1 cent with 40: 8/3 cents to 1."""
    found = stats.success_cost_ratio([1] * 40, [1] * 40, [2] * 40, [1, 1, 1, 0] * 10)

    assert pytest.approx(8 / 3) == found.value
    # Only the successes vary: influence 1 - s / .75, of variance 1/3 and with 39 degrees.
    error = math.sqrt(1 / 3 * 40 / 39 / 40)
    assert pytest.approx(8 / 3 * math.exp(1.6849 * error), rel=1e-4) == found.high


def test_cost_without_success_is_infinite_and_bounds_nothing() -> None:
    """A candidate that never succeeds costs infinitely much per success, which proves nothing."""
    none = stats.success_cost_ratio([1] * 20, [1] * 20, [1] * 20, [0] * 20)
    free = stats.success_cost_ratio([1] * 20, [1] * 20, [0] * 20, [1] * 20)

    assert (math.inf, 0, math.inf) == (none.value, none.low, none.high)
    assert (0, 0, math.inf) == (free.value, free.low, free.high)
    assert stats.success_cost_ratio_p([1] * 20, [1] * 20, [1] * 20, [0] * 20, limit=1) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost_b": [0.0] * 12}, "cost_b sums to 0"),
        ({"success_b": [0.0] * 12}, "success_b sums to 0"),
        ({"cost_c": [1.0, -1.0] * 6}, r"cost_c\[1\] is -1.0; a cost is finite"),
        ({"cost_c": [math.inf] * 12}, r"cost_c\[0\] is inf"),
        ({"success_c": [1.5] * 12}, r"success_c\[0\] is 1.5; a success is a share"),
        ({"success_c": [math.nan] * 12}, r"success_c\[0\] is nan"),
        ({"success_c": [1.0] * 11}, "success_c has 11 cases, cost_b 12"),
        ({name: [] for name in COSTS}, "cost_b has 0 cases"),
    ],
)
def test_costs_that_cannot_be_are_named(change: dict[str, list[float]], message: str) -> None:
    """The argument, its value and what it may be."""
    sound = {name: [1.0] * 12 for name in COSTS}
    with pytest.raises(ValueError, match=message):
        stats.success_cost_ratio(**(sound | change))
