"""Ratios of sums over the same cases, such as of cost per success: above 1 is worse.

Estimate and p-value say the same, as in `ratios.py`.

Source: W. Cochran, Sampling Techniques (1977), chapter 6, for the variance of a ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ._domain import between, check_limit
from .ratios import Estimate, Side, mean_log_ratio_of, mean_log_ratio_p_of


def success_cost_ratio(
    cost_b: Sequence[float],
    success_b: Sequence[float],
    cost_c: Sequence[float],
    success_c: Sequence[float],
    alpha: float = 0.05,
) -> Estimate:
    """Cost per success of the candidate over the baseline's: a ratio of two ratios of sums.

    R = sum cost / sum success of an arm. The error of ln(R_c / R_b) comes case by case from the
    delta method: c / mean(c) - s / mean(s) of the candidate minus that of the baseline, with
    Student's t; its standard error is never taken below ln(2) / n, and fewer than 10 cases give no
    bounds. A candidate without any success has the value inf, one without any cost 0, neither with
    bounds. Raises ValueError unless all four have the same length, one case at least, costs are
    finite and >= 0, successes (shares of repeats) lie in [0, 1], the baseline has some cost and
    some success, and 0 < alpha < 0.5.

    >>> round(success_cost_ratio([1] * 40, [1] * 40, [1] * 40, [1, 1, 1, 0] * 10).value, 4)
    1.3333
    """
    between("alpha", alpha, 0, 0.5)
    return mean_log_ratio_of(*_success_cost(cost_b, success_b, cost_c, success_c), alpha)


def success_cost_ratio_p(
    cost_b: Sequence[float],
    success_b: Sequence[float],
    cost_c: Sequence[float],
    success_c: Sequence[float],
    *,
    limit: float,
    side: Side = "above",
) -> float:
    """P-value of "the cost per success is not above limit times the baseline's": a t test.

    Raises ValueError as `success_cost_ratio` does, and unless the limit is finite and above 0.
    """
    check_limit(limit, side)
    found = _success_cost(cost_b, success_b, cost_c, success_c)
    return mean_log_ratio_p_of(*found, limit, side)


def total_ratio(
    baseline: Sequence[float], candidate: Sequence[float], alpha: float = 0.05
) -> Estimate:
    """Ratio of two sums over the same cases, such as of what all answers cost.

    As `success_cost_ratio` where every case succeeds: bounds by the delta method, case by case.
    Raises ValueError unless both have the same length, one case at least, values are finite and
    >= 0, those of the baseline not all 0, and 0 < alpha < 0.5.

    >>> found = total_ratio([1, 3] * 20, [2, 4] * 20)
    >>> [round(number, 3) for number in (found.low, found.value, found.high)]
    [1.434, 1.5, 1.569]
    """
    ones = [1.0] * len(baseline)
    return success_cost_ratio(baseline, ones, candidate, ones, alpha)


def total_ratio_p(
    baseline: Sequence[float], candidate: Sequence[float], limit: float, *, side: Side = "above"
) -> float:
    """P-value of "the ratio of the two sums is not above the limit": a t test.

    Raises ValueError as `total_ratio` does, and unless the limit is finite and above 0.
    """
    ones = [1.0] * len(baseline)
    return success_cost_ratio_p(baseline, ones, candidate, ones, limit=limit, side=side)


def _success_cost(
    cost_b: Sequence[float],
    success_b: Sequence[float],
    cost_c: Sequence[float],
    success_c: Sequence[float],
) -> tuple[float, float, int]:
    """ln(R_c / R_b), the squares of each case's influence on it, and the number of cases."""
    arms = {"cost_b": cost_b, "success_b": success_b, "cost_c": cost_c, "success_c": success_c}
    n = len(cost_b)
    for name, values in arms.items():
        most, unit = (math.inf, "a cost is finite and >= 0")
        if name.startswith("success"):
            most, unit = (1.0, "a success is a share in [0, 1]")
        for place, value in enumerate(values):
            if not (0 <= value <= most and value < math.inf):
                raise ValueError(f"{name}[{place}] is {value}; {unit}")
        if len(values) != n or n == 0:
            raise ValueError(
                f"{name} has {len(values)} cases, cost_b {n}; as many, above 0, needed"
            )
    totals = {name: math.fsum(values) for name, values in arms.items()}
    for name in ("cost_b", "success_b"):
        if totals[name] == 0:
            raise ValueError(f"{name} sums to 0; there is no cost per success to compare with")
    if totals["success_c"] == 0 or totals["cost_c"] == 0:
        return (math.inf if totals["success_c"] == 0 else -math.inf), 0.0, n
    share = {name: [n * value / totals[name] for value in values] for name, values in arms.items()}
    influences = [cc - sc - cb + sb for cb, sb, cc, sc in zip(*share.values(), strict=True)]
    log_ratio = math.log(
        (totals["cost_c"] / totals["success_c"]) / (totals["cost_b"] / totals["success_b"])
    )
    return log_ratio, math.fsum(value * value for value in influences), n  # their mean is 0
