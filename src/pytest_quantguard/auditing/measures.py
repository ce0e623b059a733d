"""The measures by which endpoints are ranked: each has a level, an interval, and a paired test.

Pure. A test is one-sided and exact where it can be: "the second is not worse than the first".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import NormalDist
from typing import Literal

from pytest_quantguard import stats
from pytest_quantguard.auditing.arms import Arm, Evidence, both
from pytest_quantguard.metrics._paired import known
from pytest_quantguard.metrics.cost_per_success import CostPerSuccess
from pytest_quantguard.metrics.tokens_per_second import TokensPerSecond
from pytest_quantguard.metrics.ttft import TtftP50
from pytest_quantguard.pairs import Measurement
from pytest_quantguard.stats._order import sample_quantile
from pytest_quantguard.verdicts import Metric

CONFIDENCE = 0.95
SLOWER = 1.1
"""Ratio of times that has to be exceeded: who is asked first, and what else this machine does,
makes a difference of some percent between two equal endpoints."""
Unit = Literal["share", "tokens/s", "seconds", "money"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one endpoint reaches in one measure; None where it is not known."""

    value: float | None = None
    low: float | None = None
    """Lower end of the two-sided 95 % interval."""
    high: float | None = None
    cases: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One column of the ranking."""

    key: str
    title: str
    unit: Unit
    level: Callable[[Evidence, str], Level]
    worse_p: Callable[[Evidence, str, str], float]
    """p-value of "the second endpoint is not worse than the first", in [0, 1]; 1 = not known."""


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's (1927) 95 % interval of a share in [0, 1] of n cases, n >= 1.

    >>> tuple(round(end, 3) for end in wilson(0.9, 100))
    (0.826, 0.945)
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    spread = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - spread), min(1.0, middle + spread)


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return order statistics that hold the median in 95 % of samples, whatever its law.

    The k-th from either end, k the largest with 2 P(Bin(n, 1/2) < k) <= 5 %. None below 6 values:
    not even the extremes do.

    >>> median_interval([1, 2, 3, 4, 5, 6])
    (1, 6)
    """
    n = len(values)
    k, ways, below = 0, 1, 1  # in whole numbers: 2**n is too large for a float
    while 40 * below <= 2**n:
        ways = ways * (n - k) // (k + 1)
        k, below = k + 1, below + ways
    ordered = sorted(values)
    return (ordered[k - 1], ordered[n - k]) if k else None


def _share(pick: Callable[[Arm], dict[str, bool]]) -> Callable[[Evidence, str], Level]:
    def level(evidence: Evidence, name: str) -> Level:
        found = pick(evidence.arms[name])
        if not found:
            return Level()
        share = sum(found.values()) / len(found)
        low, high = wilson(share, len(found))
        return Level(value=share, low=low, high=high, cases=len(found))

    return level


def _fewer(pick: Callable[[Arm], dict[str, bool]]) -> Callable[[Evidence, str, str], float]:
    """McNemar's exact test on the cases of which one endpoint alone is right."""

    def worse_p(evidence: Evidence, first: str, second: str) -> float:
        lost, gained = both(pick(evidence.arms[first]), pick(evidence.arms[second]))
        return stats.mcnemar_exact(lost, gained)[0]

    return worse_p


def _timed(metric: TokensPerSecond | TtftP50) -> Callable[[Evidence, str], Level]:
    """The median of an endpoint's answers that were asked for in this run."""

    def value(one: Measurement) -> float | None:
        return metric.extract(one) if one.live and one.answered else None

    def level(evidence: Evidence, name: str) -> Level:
        found = [value(one) for one in evidence.arms[name].measured.values()]
        values = [one for one in found if one is not None]
        if not values:
            return Level()
        low, high = median_interval(values) or (None, None)
        middle = sample_quantile(sorted(values), 0.5)
        return Level(value=middle, low=low, high=high, cases=len(values))

    return level


def _slower(metric: TokensPerSecond | TtftP50) -> Callable[[Evidence, str, str], float]:
    """The metric's own test; a slow minute that hit only one of both endpoints shows nothing."""
    above = _above(metric, SLOWER)
    return lambda evidence, first, second: (
        above(evidence, first, second) if evidence.together(first, second) else 1.0
    )


def _above(metric: Metric, limit: float = 1.0) -> Callable[[Evidence, str, str], float]:
    """The metric's own test that the ratio of two endpoints is above a limit, 1 = equal."""

    def worse_p(evidence: Evidence, first: str, second: str) -> float:
        measured, outcomes = evidence.measurements(first, second), evidence.outcomes(first, second)
        return metric.p_over(measured, outcomes, limit) if measured else 1.0

    return worse_p


def _cost(evidence: Evidence, name: str) -> Level:
    """What a case that holds costs: a ratio of two sums over the cases that were answered.

    The interval is that of `stats.success_cost_ratio` to an arm that costs 1 for each case that
    holds, without any spread.
    """
    arm = evidence.arms[name]
    holds = arm.holds
    used = [
        (one, float(holds[c])) for c, one in arm.measured.items() if one.answered and c in holds
    ]
    costs = [cost for one, _ in used if (cost := known(one.cost)) is not None]
    held = [success for _, success in used]
    if len(costs) < len(used) or not any(costs) or not any(held):
        return Level(cases=len(used))
    ones = [1.0] * len(used)
    found = stats.success_cost_ratio(ones, ones, costs, held, (1 - CONFIDENCE) / 2)
    low, high = (end if math.isfinite(end) and end > 0 else None for end in (found.low, found.high))
    return Level(value=found.value, low=low, high=high, cases=len(used))


_HOLDS: Callable[[Arm], dict[str, bool]] = attrgetter("holds")
_ANSWERED: Callable[[Arm], dict[str, bool]] = attrgetter("answered")

MEASURES: tuple[Measure, ...] = (
    Measure(
        key="holds", title="cases hold", unit="share", level=_share(_HOLDS), worse_p=_fewer(_HOLDS)
    ),
    Measure(
        key="answered",
        title="answered",
        unit="share",
        level=_share(_ANSWERED),
        worse_p=_fewer(_ANSWERED),
    ),
    Measure(
        key="tokens_per_second",
        title="tokens/s",
        unit="tokens/s",
        level=_timed(TokensPerSecond()),
        worse_p=_slower(TokensPerSecond()),
    ),
    Measure(
        key="ttft_p50",
        title="first token",
        unit="seconds",
        level=_timed(TtftP50()),
        worse_p=_slower(TtftP50()),
    ),
    Measure(
        key="cost_per_success",
        title="cost per case",
        unit="money",
        level=_cost,
        worse_p=_above(CostPerSuccess()),
    ),
)
"""The first one ranks the endpoints; each of them has ranks of its own."""
