"""Ratios of paired measurements, against hand calculations, definitions and simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from paired_tables import BAD_NUMBERS
from two_arms import arms, cost_arms

from pytest_quantguard import stats
from pytest_quantguard.stats import Estimate

# Every metric as an estimate and as a p-value, on the same arms.
METRICS: dict[str, tuple[Callable[..., Estimate], Callable[..., float]]] = {
    "median": (
        lambda seed, n, alpha: stats.median_ratio(*arms(seed, n), alpha),
        lambda seed, n, **kw: stats.median_ratio_p(*arms(seed, n), **kw),
    ),
    "quantile": (
        lambda seed, n, alpha: stats.quantile_ratio(*arms(seed, n), 0.9, alpha),
        lambda seed, n, **kw: stats.quantile_ratio_p(*arms(seed, n), 0.9, **kw),
    ),
    "mean": (
        lambda seed, n, alpha: stats.mean_log_ratio(*arms(seed, n), alpha),
        lambda seed, n, **kw: stats.mean_log_ratio_p(*arms(seed, n), **kw),
    ),
    "cost": (
        lambda seed, n, alpha: stats.success_cost_ratio(*cost_arms(seed, n), alpha),
        lambda seed, n, **kw: stats.success_cost_ratio_p(*cost_arms(seed, n), **kw),
    ),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [40, 101])
def test_bounds_and_p_values_say_the_same(metric: str, n: int) -> None:
    """A limit just inside a bound is not rejected at alpha, one just outside is."""
    estimate, p_value = METRICS[metric]
    for seed, alpha in ((1, 0.05), (2, 0.2), (3, 0.06)):
        found = estimate(seed, n, alpha)

        assert found.low <= found.value <= found.high
        assert found.n == n
        assert p_value(seed, n, limit=found.low * 0.9999, side="above") <= alpha + 1e-8
        assert p_value(seed, n, limit=found.low * 1.0001, side="above") > alpha - 1e-8
        assert p_value(seed, n, limit=found.high * 1.0001, side="below") <= alpha + 1e-8
        assert p_value(seed, n, limit=found.high * 0.9999, side="below") > alpha - 1e-8


@pytest.mark.parametrize("metric", METRICS)
def test_p_values_follow_the_limit(metric: str) -> None:
    """A stricter limit is exceeded more surely; a smaller alpha gives wider bounds."""
    estimate, p_value = METRICS[metric]
    above = [p_value(4, 60, limit=step / 20) for step in range(8, 40)]
    below = [p_value(4, 60, limit=step / 20, side="below") for step in range(8, 40)]
    bounds = [estimate(4, 60, alpha) for alpha in (0.01, 0.05, 0.2)]

    assert above == sorted(above)
    assert below == sorted(below, reverse=True)
    assert above[0] < 0.01 < 0.99 < above[-1]
    assert all(one.low <= other.low <= other.high <= one.high for one, other in pairwise(bounds))


@pytest.mark.parametrize("metric", ["median", "quantile", "mean"])
def test_swapping_the_arms_inverts_the_ratio(metric: str) -> None:
    """Twice as slow from one side is twice as fast from the other; the unit does not matter."""
    function = {
        "median": stats.median_ratio,
        "quantile": lambda b, c: stats.quantile_ratio(b, c, 0.9),
        "mean": stats.mean_log_ratio,
    }[metric]
    baseline, candidate = arms(seed=5, n=61)
    found, inverted = function(baseline, candidate), function(candidate, baseline)
    in_ms = function([1000 * b for b in baseline], [1000 * c for c in candidate])

    assert pytest.approx(1 / inverted.low) == found.high
    assert pytest.approx(1 / inverted.high) == found.low
    assert pytest.approx(found.value) == in_ms.value


# --- coverage -------------------------------------------------------------------------------

MISSES = {  # largest share of samples in which a bound, nominally 5 %, is beyond the truth
    "median": 0.07,
    "quantile": 0.01,
    "mean": 0.07,
    "cost": 0.08,
}


@pytest.mark.parametrize("metric", METRICS)
def test_bounds_hold_what_they_promise(metric: str) -> None:
    """In 600 samples of 40 cases each bound misses the true ratio in about 5 %, or less."""
    estimate, _ = METRICS[metric]
    # Ninety percent quantiles of two lognormal distributions; else the factor of the arms.
    wider = math.exp(1.2816 * (math.hypot(0.5, 0.2) - 0.5)) if metric == "quantile" else 1
    truth = 1.1 * wider * (math.exp(0.02) if metric == "cost" else 1)
    found = [estimate(1000 + seed, 40, 0.05) for seed in range(600)]

    assert sum(one.low > truth for one in found) / 600 <= MISSES[metric]
    assert sum(one.high < truth for one in found) / 600 <= MISSES[metric]


# --- medians --------------------------------------------------------------------------------


def test_median_is_bounded_by_order_statistics() -> None:
    """Of 10 ratios P(Bin(10, 1/2) < 2) = .0107 but P(< 3) = .0547: the second counts."""
    ratios = [1.01, 1.02, 1.03, 1.04, 1.05, 1.07, 1.08, 1.09, 1.1, 5.0]
    found = stats.median_ratio([1] * 10, ratios)

    assert (pytest.approx(1.06), 1.02, 1.1) == (found.value, found.low, found.high)
    assert stats.median_ratio([1] * 10, ratios, alpha=0.06).low == 1.03


def test_median_p_is_the_sign_test() -> None:
    """Eight of ten above the limit: P(Bin(10, 1/2) >= 8) = 56 / 1024; ties count as not above."""
    ratios = [1.2] * 8 + [1.0, 0.8]

    assert pytest.approx(56 / 1024) == stats.median_ratio_p([1] * 10, ratios, limit=1.0)
    assert pytest.approx(1.0) == stats.median_ratio_p([1] * 10, ratios, limit=1.2)
    below = stats.median_ratio_p([1] * 10, ratios, limit=1.0, side="below")
    assert pytest.approx(1 - 1 / 1024) == below


def test_too_few_cases_bound_nothing_and_are_no_error() -> None:
    """Four pairs have no bound at 5 %, nine no mean; nothing can be claimed of them."""
    found = stats.median_ratio([1, 2, 3, 4], [2, 4, 6, 8])
    mean = stats.mean_log_ratio(*arms(seed=1, n=9))

    assert (2, 0, math.inf) == (found.value, found.low, found.high)
    assert (0, math.inf) == (mean.low, mean.high)
    assert stats.mean_log_ratio_p(*arms(seed=1, n=9), limit=0.001) == 1
    assert stats.median_ratio([2], [3]).value == 1.5


# --- means ----------------------------------------------------------------------------------


def test_mean_is_geometric_with_students_bounds() -> None:
    """Ten ratios, half 2 and half 1/2: the mean is 1, and t(.05, 9) = 1.8331."""
    found = stats.mean_log_ratio([1] * 10, [2, 0.5] * 5)
    error = math.log(2) * math.sqrt(10 / 9) / math.sqrt(10)

    assert pytest.approx(1) == found.value
    assert pytest.approx(math.exp(1.8331 * error), rel=1e-4) == found.high
    assert pytest.approx(1 / found.high) == found.low


def test_equal_answers_are_bounded_as_if_one_had_doubled() -> None:
    """No difference in n cases is no proof of none: t(.05, 29) ln(2) / 30 is left."""
    found = stats.mean_log_ratio([7] * 30, [7] * 30)

    assert found.value == 1
    assert pytest.approx(math.exp(1.6991 * math.log(2) / 30), rel=1e-4) == found.high
    assert stats.mean_log_ratio_p([7] * 30, [7] * 30, limit=1.1, side="below") < 0.001


@pytest.mark.parametrize("bad", [0, -1.0, *BAD_NUMBERS])
def test_measurements_and_limits_are_positive(bad: float) -> None:
    """A ratio of a time that is zero, negative or missing says nothing."""
    calls = [
        stats.median_ratio,
        lambda b, c: stats.median_ratio_p(b, c, 1),
        stats.mean_log_ratio,
        lambda b, c: stats.mean_log_ratio_p(b, c, 1),
        lambda b, c: stats.quantile_ratio(b, c, 0.5),
        lambda b, c: stats.quantile_ratio_p(b, c, 0.5, 1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=rf"baseline\[1\] is {bad}"):
            call([1, bad], [1, 1])
        with pytest.raises(ValueError, match=rf"candidate\[0\] is {bad}"):
            call([1, 1], [bad, 1])
        with pytest.raises(ValueError, match="baseline has 2 and candidate 1 measurements"):
            call([1, 1], [1])
        with pytest.raises(ValueError, match="baseline has 0 and candidate 0 measurements"):
            call([], [])
    for p_value in (stats.median_ratio_p, stats.mean_log_ratio_p):
        with pytest.raises(ValueError, match=f"limit is {bad}"):
            p_value([1], [1], bad)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_floor_of_a_mean_ratio_is_where_its_bound_first_fits(alpha: float) -> None:
    """Of arms that are equal to the last digit, in lengths and in cost per success."""
    for limit in (1.005, 1.02, 1.1, 1.5, 2.0, 100.0):
        floor = stats.mean_ratio_floor(limit, alpha)
        ones, fewer = [1.0] * floor, [1.0] * (floor - 1)

        assert stats.mean_log_ratio(ones, ones, alpha).high < limit
        assert stats.mean_log_ratio(fewer, fewer, alpha).high >= limit
        assert stats.success_cost_ratio(ones, ones, ones, ones, alpha).high < limit
        assert stats.success_cost_ratio(fewer, fewer, fewer, fewer, alpha).high >= limit
    assert pytest.approx(1.1401e9, rel=1e-3) == stats.mean_ratio_floor(1 + 1e-9)


@pytest.mark.parametrize("bad", [0, 1, 1 + 1e-12, *BAD_NUMBERS])
def test_floor_of_a_ratio_that_cannot_be(bad: float) -> None:
    """Equal arms have no bound of 1, however many cases there are."""
    with pytest.raises(ValueError, match=f"limit is {bad}"):
        stats.mean_ratio_floor(bad)


@pytest.mark.parametrize("bad", [0, 0.5, *BAD_NUMBERS])
def test_ratios_need_an_alpha(bad: float) -> None:
    """An alpha of a half would put the bounds in the wrong order."""
    for call in (
        lambda: stats.median_ratio([1], [1], bad),
        lambda: stats.mean_log_ratio([1], [1], bad),
        lambda: stats.quantile_ratio([1], [1], 0.9, bad),
        lambda: stats.success_cost_ratio([1], [1], [1], [1], bad),
        lambda: stats.quantile_floor(0.9, bad),
        lambda: stats.mean_ratio_floor(1.1, bad),
        lambda: stats.mean_floor(0.1, bad),
    ):
        with pytest.raises(ValueError, match=f"alpha is {bad}"):
            call()


def test_quantiles_and_sides_that_cannot_be_are_named() -> None:
    """99 is not the 99th percentile; there are two sides."""
    with pytest.raises(ValueError, match="q is 99"):
        stats.quantile_floor(99)
    with pytest.raises(ValueError, match="q is 1"):
        stats.quantile_ratio([1], [1], 1)
    with pytest.raises(ValueError, match="q is 0"):
        stats.quantile_ratio_p([1], [1], 0, 1)
    with pytest.raises(ValueError, match="side is 'over'"):
        stats.median_ratio_p([1], [1], 1, side="over")  # type: ignore[arg-type]
