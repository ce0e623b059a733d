"""Planning: what a number of cases can decide, before or after they are run.

A budget, or a drop, below 1e-9 is planned as 1e-9: nobody has the cases for either.

Sources: T. Tango, Statistics in Medicine 17 (1998). R. Connor, Sample size for testing differences
in proportions for the paired-sample design, Biometrics 43 (1987).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from ._domain import LEAST_DROP, between, planned_drop
from ._special import binomial_at_most, normal_quantile, normal_tail, smallest, z_alpha
from .paired import PairedCounts, edges_exclude, score_variance, tango_z

_EXACT_DISCORDANT = 20_000  # differing cases up to which every table is summed, in about 10 ms
_SMOOTH_DISCORDANT = 40  # from so many on, power between neighbouring n wavers by under a point
_FARTHEST = 1e6  # times as many cases as there are: nobody collects them
_PROBES = 200  # in so many steps a plan is searched for an n at which the chance wavers below
_TINY = 1e-12  # shares of exactly 0 and 1 have no logarithm


def pass_floor(max_drop: float, alpha: float = 0.05) -> int:
    """Fewest cases with which a budget m = max_drop can PASS, even if no outcome differs.

    The smallest whole number above both ln(alpha) / ln(1 - m), where a candidate that fails a share
    m of cases shows none with chance alpha, and Tango's z_alpha^2 (1 - m) / m, which is larger for
    alpha below 0.014: `loss_upper` of a table without differences is below m from there on. Raises
    ValueError unless 0 < m <= 1, 0 < alpha < 0.5.

    >>> [pass_floor(points / 100) for points in (1, 2, 3, 5, 10)]
    [299, 149, 99, 59, 29]
    """
    max_drop = planned_drop(max_drop)
    tango = z_alpha(alpha) ** 2 * (1 - max_drop) / max_drop
    exact = math.log(alpha) / math.log1p(-max_drop) if max_drop < 1 else 0.0
    return math.floor(max(tango, exact) * (1 + 1e-12)) + 1  # 2 may be stored as 1.9999999999999998


def pass_power(
    n: float, max_drop: float, psi: float, drop: float = 0.0, alpha: float = 0.05
) -> float:
    """Chance that n cases PASS a budget, if the true drop and share of differences are these.

    Exact: the trinomial chances of all tables whose `loss_upper` is below the budget, summed, for
    n rounded down. 0 below `pass_floor`. Where psi n is above 20,000 the normal limit
    Phi((sqrt(n) (m - d) - z_alpha sqrt(s0)) / sqrt(psi - d^2)) takes over, with budget m, drop d
    and s0 Tango's variance at m for the expected counts. Tables are few, so between neighbouring n
    the chance wavers. n counts (effective) cases; the rest are shares. Raises ValueError unless
    0 <= n < inf, 0 < m <= 1, -1 < d < 1, abs(d) <= psi <= 1 and 0 < alpha < 0.5.

    >>> round(pass_power(150, 0.05, psi=0.03), 3)
    0.884
    """
    if not 0 <= n < math.inf:
        raise ValueError(f"n is {n}; it must be finite and >= 0")
    max_drop = _check_plan(max_drop, psi, drop)
    if n < pass_floor(max_drop, alpha):
        return 0.0
    if psi * n > _EXACT_DISCORDANT:
        return _limit_power(n, max_drop, psi, drop, alpha)
    return _exact_power(math.floor(n), max_drop, psi, drop, alpha)


def pass_cases(
    max_drop: float, psi: float, power: float = 0.8, drop: float = 0.0, alpha: float = 0.05
) -> int:
    """Cases with which a budget PASSes with the wanted power: `pass_power` solved for n.

    The smallest n from which on the power is reached, so that a few cases more never plan for
    less; for budgets below 1 point, where not every n is tried, to less than half a point. With
    more than 40 differing cases expected, where the chance wavers by less than a point, an n at
    which it is reached. At least `pass_floor`. Raises ValueError as `pass_power` does, unless
    0 < power < 1, and if the drop is not below the budget: no number of cases would do.

    >>> pass_cases(0.05, psi=0.05)
    158
    """
    planned = _check_plan(max_drop, psi, drop)
    between("power", power, 0, 1)
    if drop >= max_drop:
        raise ValueError(f"drop {drop} is not below max_drop {max_drop}; no number of cases passes")
    return _pass_cases(planned, psi, power, drop, alpha)


def pass_budget(n: float, psi: float, power: float = 0.95, alpha: float = 0.05) -> float:
    """Smallest budget that n cases PASS with this power if the candidate is equal, a share.

    `pass_power` solved for the budget by bisection and rounded up to a tenth of a point. 1 where
    none below would do, which for n above 0 still passes unless every case was lost. Raises
    ValueError unless 0 < n < inf, 0 <= psi <= 1, 0 < power < 1 and 0 < alpha < 0.5.

    >>> pass_budget(200, psi=0.02)
    0.042
    """
    between("n", n, 0, math.inf)
    between("power", power, 0, 1)
    low, high = 0, 1000
    while high - low > 1:
        middle = (low + high) // 2
        if pass_power(n, middle / 1000, psi, alpha=alpha) >= power:
            high = middle
        else:
            low = middle
    return high / 1000


def cases_to_pass(counts: PairedCounts, max_drop: float, alpha: float = 0.05) -> int | None:
    """How many further cases would PASS the budget if the observed rates went on; 0 if it does.

    The smallest whole number after which `loss_upper` of the table, grown at its rates, is below
    the budget m. None when the estimate is at or above the budget, or so near below it that more
    than a million times as many cases would be needed: more of the same would not help.
    The unit is that of ``counts.n``. Raises ValueError unless 0 < m <= 1 and 0 < alpha < 0.5.

    >>> cases_to_pass(PairedCounts(lost=5, gained=0, n=160), 0.05)
    229
    """
    max_drop = planned_drop(max_drop)
    z, limit = tango_z(counts, max_drop), z_alpha(alpha)
    if z >= 0 or (limit / z) ** 2 > _FARTHEST:
        return None

    def enough(further: int) -> bool:
        share = 1 + further / counts.n
        return _passes(
            counts.lost * share, counts.gained * share, counts.n * share, max_drop, alpha
        )

    # At fixed rates z grows with sqrt(n), so Tango's bound alone gives a start in closed form.
    low = max(0, math.floor(counts.n * (limit / z) ** 2 - counts.n))
    while low > 0 and enough(low):
        low -= 1
    return low if enough(low) else smallest(enough, low, low + 1)


def fail_cases(drop: float, psi: float, alpha: float = 0.01, power: float = 0.8) -> int:
    """Cases with which a true drop is seen as "worse", by one exact McNemar test at alpha.

    n = ((z_alpha sqrt(psi) + z_power sqrt(psi - d^2)) / d)^2 + 2 / d, rounded up (Connor 1987, and
    2 / d for the steps of the exact test): enough, and more than that where hardly any case is
    gained. A guide for evidence too: an e-value, which may be looked at after every case, needs
    about 1.6 times as many. Raises ValueError unless
    0 < drop < 1, drop <= psi <= 1, 0 < alpha < 0.5 and 0 < power < 1.

    >>> fail_cases(0.05, psi=0.08)
    359
    """
    between("drop", drop, 0, 1)
    between("power", power, 0, 1)
    _check_psi(psi, drop)
    drop = max(drop, LEAST_DROP)
    reach = z_alpha(alpha) * math.sqrt(psi)
    reach += normal_quantile(power) * math.sqrt(max(0.0, psi - drop * drop))
    return math.ceil((max(0.0, reach) / drop) ** 2 + 2 / drop)


def noise_limit(psi: float, n: float, alpha: float = 0.05) -> float:
    """Observed drop up to which two equal models differ by chance, a share.

    z_alpha sqrt(psi / n): the drop at which McNemar's (lost - gained) / sqrt(lost + gained) reaches
    z_alpha, 1.64 sqrt(psi / n) by default. Equal models stay below it in about 95 % of runs. Raises
    ValueError unless 0 <= psi <= 1, 0 < n < inf and 0 < alpha < 0.5.

    >>> round(noise_limit(0.02, 200), 4)
    0.0164
    """
    _check_psi(psi, 0.0)
    between("n", n, 0, math.inf)
    return z_alpha(alpha) * math.sqrt(psi / n)


@lru_cache(maxsize=1024)
def _pass_cases(max_drop: float, psi: float, power: float, drop: float, alpha: float) -> int:
    floor = pass_floor(max_drop, alpha)
    if psi == 0:
        return floor

    def reached(n: int) -> bool:
        return pass_power(n, max_drop, psi, drop, alpha) >= power

    z, z_power = z_alpha(alpha), normal_quantile(power)
    spread = math.sqrt(psi - drop * drop)
    reach = z * math.sqrt(_planned_variance(max_drop, psi, drop)) + z_power * spread
    likely = math.ceil((max(0.0, reach) / (max_drop - drop)) ** 2)
    short = probe = smallest(reached, floor - 1, max(floor, likely)) - 1
    step = math.ceil(2 / max_drop / _PROBES - 1e-9)
    while probe < short + 2 / max_drop and psi * short <= _SMOOTH_DISCORDANT:
        probe += step
        if not reached(probe):
            short = probe
    return smallest(reached, short, short + step)


def _passes(lost: float, gained: float, n: float, max_drop: float, alpha: float) -> bool:
    """Whether `loss_upper` is below the budget, without a search for the bound."""
    distance = n * max_drop - lost + gained
    spread = math.sqrt(n * score_variance(lost, gained, n, max_drop))
    return distance > z_alpha(alpha) * spread and edges_exclude(lost, gained, n, max_drop, alpha)


def _exact_power(n: int, max_drop: float, psi: float, drop: float, alpha: float) -> float:
    """Sum over k differing cases of P(k) P(at most as many of them are lost as may be)."""
    if psi == 0:
        return 1.0
    share = min(max((psi + drop) / (2 * psi), _TINY), 1 - _TINY)  # of the differing cases, lost
    psi = min(psi, 1 - _TINY)
    spread = 8 * math.sqrt(n * psi * (1 - psi))
    first, last = (
        max(0, math.floor(n * psi - spread) - 20),
        min(n, math.ceil(n * psi + spread) + 20),
    )
    total = 0.0
    log_chance = _log_binomial(first, n, psi)
    for k, below in _chances(n, first, max_drop, share, alpha):
        total += math.exp(log_chance) * below
        if k == last:
            break
        log_chance += math.log((n - k) / (k + 1) * psi / (1 - psi))
    return min(1.0, total)


def _chances(
    n: int, k: int, max_drop: float, share: float, alpha: float
) -> Iterator[tuple[int, float]]:
    """For k, k + 1 ... differing cases, the chance that they PASS, each from the one before.

    One more differing case is lost with chance ``share``. Of one more, at most one more may be
    lost; fewer only where no case is unchanged.
    """

    def passes(lost: int) -> bool:
        return _passes(lost, k - lost, n, max_drop, alpha)

    odds = share / (1 - share)
    most = smallest(lambda lost: lost > k or not passes(lost), 0, 1) - 1
    below, log_here = binomial_at_most(most, k, share), _log_binomial(most, k, share)
    while True:
        yield k, below
        below -= share * math.exp(log_here)
        log_here += math.log((1 - share) * (k + 1) / (k + 1 - most))
        k += 1
        if passes(most + 1):
            log_here += math.log((k - most) / (most + 1) * odds)
            most += 1
            below += math.exp(log_here)
        while not passes(most):
            below -= math.exp(log_here)
            log_here -= math.log((k - most + 1) / most * odds)
            most -= 1


def _log_binomial(k: int, n: int, p: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return ways + k * math.log(p) + (n - k) * math.log1p(-p)


def _limit_power(n: float, max_drop: float, psi: float, drop: float, alpha: float) -> float:
    margin = math.sqrt(n) * (max_drop - drop)
    margin -= z_alpha(alpha) * math.sqrt(_planned_variance(max_drop, psi, drop))
    return normal_tail(-margin / math.sqrt(psi - drop * drop))


def _planned_variance(max_drop: float, psi: float, drop: float) -> float:
    """Tango's variance at the budget, for the counts expected under psi and drop."""
    return score_variance((psi + drop) / 2, (psi - drop) / 2, 1.0, max_drop)


def _check_plan(max_drop: float, psi: float, drop: float) -> float:
    """Return the budget to plan with."""
    planned = planned_drop(max_drop)
    between("drop", drop, -1, 1)
    _check_psi(psi, drop)
    return planned


def _check_psi(psi: float, drop: float) -> None:
    if not abs(drop) <= psi <= 1:
        raise ValueError(f"psi is {psi}; it must lie between abs(drop) = {abs(drop)} and 1")
