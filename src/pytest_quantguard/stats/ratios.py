"""Ratios of positive paired measurements, such as latency, length and cost: above 1 is worse.

Each metric has one function that estimates candidate / baseline with a one-sided confidence bound
on either side, and one, named ..._p, that gives the p-value of "the ratio is not above a limit"
(or, with ``side="below"``, "not below"). Both say the same: the lower bound at alpha is above a
limit where the p-value is at most alpha. What too few cases cannot bound is bounded by 0 and
infinity, and has the p-value 1; it is never an error.

Sources: W. Conover, Practical Nonparametric Statistics (1999), 3.1-3.2, for medians and quantiles.
Student, The probable error of a mean, Biometrika 6 (1908). W. Cochran, Sampling Techniques (1977),
chapter 6, for the variance of a ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ._domain import LEAST_DROP, between
from ._order import quantile_lower, quantile_upper, sample_quantile
from ._special import binomial_at_least, smallest, student_t, student_tail

Side = Literal["above", "below"]

MEAN_FLOOR = 10
"""Fewest cases of which a mean ratio says anything: Student's t needs nearly normal means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A ratio with one-sided confidence bounds on either side."""

    value: float
    """Estimate, candidate / baseline."""
    low: float
    """Lower bound, each bound at its own alpha: with 5 % either way, the 90 % interval."""
    high: float
    """Upper bound; inf where the cases are too few for one."""
    n: int
    """Pairs of measurements."""


def median_ratio(
    baseline: Sequence[float], candidate: Sequence[float], alpha: float = 0.05
) -> Estimate:
    """Median of the paired ratios, with the bounds of the sign test.

    The bounds are order statistics, exact for any distribution: low is the k-th smallest ratio, k
    being the largest number that P(Bin(n, 1/2) < k) <= alpha, and high the k-th largest. With
    fewer than 5 pairs there are none at 0.05. Raises ValueError unless both have the same number
    of measurements, one at least, all finite and above 0, and 0 < alpha < 0.5.

    >>> median_ratio([1, 1, 2, 2, 4], [1.1, 1.2, 2.6, 2.2, 4.0])
    Estimate(value=1.1, low=1.0, high=1.3, n=5)
    """
    between("alpha", alpha, 0, 0.5)
    ratios = sorted(_ratios(baseline, candidate))
    return Estimate(
        value=sample_quantile(ratios, 0.5),
        low=quantile_lower(ratios, 0.5, alpha),
        high=quantile_upper(ratios, 0.5, alpha),
        n=len(ratios),
    )


def median_ratio_p(
    baseline: Sequence[float], candidate: Sequence[float], limit: float, *, side: Side = "above"
) -> float:
    """P-value of "the median paired ratio is not above the limit": the exact sign test.

    P(Bin(n, 1/2) >= number of ratios above the limit); one that equals it counts as not above.
    Raises ValueError as `median_ratio` does, and unless the limit is finite and above 0.

    >>> round(median_ratio_p([1, 1, 2, 2, 4], [1.1, 1.2, 2.6, 2.2, 4.1], limit=1), 5)
    0.03125
    """
    _check_limit(limit, side)
    ratios = _ratios(baseline, candidate)
    beyond = sum(ratio > limit if side == "above" else ratio < limit for ratio in ratios)
    return binomial_at_least(beyond, len(ratios), 0.5)


def quantile_floor(q: float, alpha: float = 0.05) -> int:
    """Fewest pairs that bound the ratio of q quantiles: the smallest n, q^n + (1 - q)^n < alpha.

    Below, all measurements of an arm may lie on one side of its quantile. Raises ValueError unless
    0 < q < 1 and 0 < alpha < 0.5.

    >>> [quantile_floor(q) for q in (0.5, 0.9, 0.95, 0.99)]
    [6, 29, 59, 299]
    """
    between("q", q, 0, 1)
    between("alpha", alpha, 0, 0.5)
    n = math.floor(math.log(alpha) / math.log(max(q, 1 - q)))
    while q**n + (1 - q) ** n >= alpha:
        n += 1
    return n


def quantile_ratio(
    baseline: Sequence[float], candidate: Sequence[float], q: float, alpha: float = 0.05
) -> Estimate | None:
    """Ratio of the q quantiles of the two arms, such as p99 latency; None below `quantile_floor`.

    Order statistics bound each arm's quantile, whatever the distribution, and however the arms
    depend: low = candidate's lower / baseline's upper bound, high the reverse. The two errors add
    up to alpha: half each, or, where n is small, as much as the outer bound needs for the one and
    the rest for the other. The value is the ratio of the interpolated sample quantiles. Raises
    ValueError as `median_ratio` does, and unless 0 < q < 1.
    """
    between("alpha", alpha, 0, 0.5)
    _check_arms(baseline, candidate)
    ours, theirs = sorted(baseline), sorted(candidate)
    if len(ours) < quantile_floor(q, alpha):
        return None
    inverse = quantiles_apart(theirs, ours, q, alpha)
    return Estimate(
        value=sample_quantile(theirs, q) / sample_quantile(ours, q),
        low=quantiles_apart(ours, theirs, q, alpha),
        high=1 / inverse if inverse else math.inf,
        n=len(ours),
    )


def quantile_ratio_p(
    baseline: Sequence[float],
    candidate: Sequence[float],
    q: float,
    limit: float,
    *,
    side: Side = "above",
) -> float:
    """P-value of "the ratio of the q quantiles is not above the limit".

    The smallest alpha, to 1e-9, at which the bound of `quantile_ratio` is beyond the limit.
    Raises ValueError as `quantile_ratio` does, and unless the limit is finite and above 0.
    """
    between("q", q, 0, 1)
    _check_limit(limit, side)
    _check_arms(baseline, candidate)
    ours, theirs = sorted(baseline), sorted(candidate)
    if side == "below":
        ours, theirs, limit = theirs, ours, 1 / limit
    return quantile_ratio_p_of(ours, theirs, q, limit)


def quantile_ratio_p_of(
    ours: Sequence[float], theirs: Sequence[float], q: float, limit: float
) -> float:
    """`quantile_ratio_p` of two samples of one size that are sorted."""
    high, low = 1.0, 0.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        if quantiles_apart(ours, theirs, q, middle) > limit:
            high = middle
        else:
            low = middle
    return high


def mean_log_ratio(
    baseline: Sequence[float], candidate: Sequence[float], alpha: float = 0.05
) -> Estimate:
    """Geometric mean of the paired ratios, with Student's t bounds of their logarithms.

    exp(mean -+ t_alpha s / sqrt(n)). A change that most cases do not show may sit in a few: so the
    standard error is never taken below ln(2) / n, as if one case of n had doubled. That allows for
    rare doublings, not for rare answers many times as long: look at truncated ones, too. Fewer than
    10 pairs give no bounds. Raises ValueError as `median_ratio` does.
    """
    between("alpha", alpha, 0, 0.5)
    logs = _logs(baseline, candidate)
    return _log_estimate(math.fsum(logs) / len(logs), logs, alpha)


@lru_cache(maxsize=256)
def mean_ratio_floor(limit: float, alpha: float = 0.05) -> int:
    """Fewest pairs without any difference whose mean ratio is bounded below a limit.

    By `mean_log_ratio` and by `success_cost_ratio`: both are exp(t_alpha ln(2) / n) then. Raises
    ValueError unless the limit is finite and at least 1 + 1e-9, and 0 < alpha < 0.5.

    >>> [mean_ratio_floor(limit) for limit in (1.02, 1.1, 2)]
    [59, 13, 10]
    """
    between("alpha", alpha, 0, 0.5)
    if not 1 + LEAST_DROP <= limit < math.inf:
        raise ValueError(f"limit is {limit}; it must be finite and at least 1 + {LEAST_DROP:g}")
    likely = math.ceil(student_t(alpha, MEAN_FLOOR) * math.log(2) / math.log(limit))
    return smallest(lambda n: _equal_upper(n, alpha) < limit, MEAN_FLOOR - 1, likely)


def _equal_upper(n: int, alpha: float) -> float:
    """Upper bound of the mean ratio of n pairs without a difference."""
    return math.exp(student_t(alpha, n - 1) * math.log(2) / n)


def mean_log_ratio_p(
    baseline: Sequence[float], candidate: Sequence[float], limit: float, *, side: Side = "above"
) -> float:
    """P-value of "the geometric mean of the paired ratios is not above the limit": a t test.

    Raises ValueError as `mean_log_ratio` does, and unless the limit is finite and above 0.
    """
    _check_limit(limit, side)
    logs = _logs(baseline, candidate)
    return _log_p(math.fsum(logs) / len(logs), logs, limit, side)


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
    log_ratio, influences = _success_cost(cost_b, success_b, cost_c, success_c)
    return _log_estimate(log_ratio, influences, alpha)


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
    _check_limit(limit, side)
    log_ratio, influences = _success_cost(cost_b, success_b, cost_c, success_c)
    return _log_p(log_ratio, influences, limit, side)


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


def _ratios(baseline: Sequence[float], candidate: Sequence[float]) -> list[float]:
    _check_arms(baseline, candidate)
    return [theirs / ours for ours, theirs in zip(baseline, candidate, strict=True)]


def _logs(baseline: Sequence[float], candidate: Sequence[float]) -> list[float]:
    _check_arms(baseline, candidate)
    pairs = zip(baseline, candidate, strict=True)
    return [math.log(theirs) - math.log(ours) for ours, theirs in pairs]


def _check_arms(baseline: Sequence[float], candidate: Sequence[float]) -> None:
    for name, values in (("baseline", baseline), ("candidate", candidate)):
        for place, value in enumerate(values):
            if not 0 < value < math.inf:
                raise ValueError(f"{name}[{place}] is {value}; it must be finite and above 0")
    if len(baseline) != len(candidate) or not baseline:
        raise ValueError(
            f"baseline has {len(baseline)} and candidate {len(candidate)} measurements; "
            "as many of each, one at least, are needed"
        )


def _check_limit(limit: float, side: Side) -> None:
    if not 0 < limit < math.inf:
        raise ValueError(f"limit is {limit}; it must be finite and above 0")
    if side not in ("above", "below"):
        raise ValueError(f"side is {side!r}; it must be 'above' or 'below'")


def _success_cost(
    cost_b: Sequence[float],
    success_b: Sequence[float],
    cost_c: Sequence[float],
    success_c: Sequence[float],
) -> tuple[float, list[float]]:
    """ln(R_c / R_b) and each case's influence on it."""
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
        return (math.inf if totals["success_c"] == 0 else -math.inf), [0.0] * n
    share = {name: [n * value / totals[name] for value in values] for name, values in arms.items()}
    influences = [cc - sc - cb + sb for cb, sb, cc, sc in zip(*share.values(), strict=True)]
    per_success_c = totals["cost_c"] / totals["success_c"]
    return math.log(per_success_c / (totals["cost_b"] / totals["success_b"])), influences


def quantiles_apart(
    ours: Sequence[float], theirs: Sequence[float], q: float, alpha: float
) -> float:
    """Lower bound of `quantile_ratio` of two sorted samples; 0 where they are too small for one."""
    n, round_up = len(ours), 1 + 1e-9
    need_upper, need_lower = q**n * round_up, (1 - q) ** n * round_up  # no smaller error with n
    upper_error = max(need_upper, min(alpha / 2, alpha - need_lower))
    lower_error = alpha - upper_error
    if lower_error < need_lower:
        return 0.0
    return quantile_lower(theirs, q, lower_error) / quantile_upper(ours, q, upper_error)


def _log_estimate(mean: float, values: list[float], alpha: float) -> Estimate:
    return mean_log_ratio_of(mean, _squares(values), len(values), alpha)


def _log_p(mean: float, values: list[float], limit: float, side: Side) -> float:
    return mean_log_ratio_p_of(mean, _squares(values), len(values), limit, side)


def _squares(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values)


def mean_log_ratio_of(mean: float, squares: float, n: int, alpha: float) -> Estimate:
    """`mean_log_ratio` of what was added up: a mean of n, and squares of distances from it."""
    if n < MEAN_FLOOR or math.isinf(mean):
        return Estimate(value=math.exp(mean), low=0.0, high=math.inf, n=n)
    width = student_t(alpha, n - 1) * _standard_error(squares, n)
    return Estimate(
        value=math.exp(mean), low=math.exp(mean - width), high=math.exp(mean + width), n=n
    )


def mean_log_ratio_p_of(
    mean: float, squares: float, n: int, limit: float, side: Side = "above"
) -> float:
    """`mean_log_ratio_p` of what was added up, as `mean_log_ratio_of` has it."""
    if n < MEAN_FLOOR or math.isinf(mean):
        return 1.0
    t = (mean - math.log(limit)) / _standard_error(squares, n)
    return student_tail(t if side == "above" else -t, n - 1)


def _standard_error(squares: float, n: int) -> float:
    return max(math.sqrt(squares / (n - 1) / n), math.log(2) / n)
