"""Evidence that something got worse: e-values, and Holm's procedure where p-values are wanted.

An e-value holds at every look, for added cases and for groups that share cases.

Sources: V. Vovk and R. Wang, E-values: calibration, combination and applications, Annals of
Statistics 49(3) (2021). I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables
by betting, Journal of the Royal Statistical Society B 86 (2024). S. Holm, A simple sequentially
rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ._domain import between, checked_differences

Group = TypeVar("Group")  # whatever the caller names groups by

_BETS = tuple(tenth / 10 for tenth in range(1, 10))
_SMALL_BETS = (0.01, 0.02, 0.05)  # for means that are hardly above a limit, over many cases
_FARTHEST = 128  # times as many cases: beyond that nobody collects them


@dataclass(frozen=True, slots=True, kw_only=True)
class EValue:
    """An e-value: if the candidate is not worse, it reaches E with probability at most 1/E."""

    log_e: float
    """Natural logarithm of the e-value; it stays finite where the e-value itself cannot."""

    @property
    def e(self) -> float:
        """The e-value, read "e : 1 that the candidate is worse"; inf beyond a float's range."""
        try:
            return math.exp(self.log_e)
        except OverflowError:
            return math.inf


def sign_evidence(differences: Iterable[float]) -> EValue:
    """Evidence that more cases got worse than better.

    e = mean over lambda in .1, .2 ... .9 of prod (1 + lambda sign(D)): the wealth of nine
    gamblers who bet on "worse" with a fixed share of what they own (Vovk and Wang 2021). Equal
    outcomes stake nothing, sizes do not count. It may be read after every case. One difference
    in [-1, 1] per case, none gives e = 1. Raises ValueError for another difference or NaN.

    >>> round(sign_evidence([1, 1, -1, 0]).e, 4)
    0.9583
    """
    values = checked_differences(differences)
    return sign_evidence_of(sum(value > 0 for value in values), sum(value < 0 for value in values))


def sign_evidence_of(worse: float, better: float) -> EValue:
    """`sign_evidence` of that many cases that got worse and better; planning may break them.

    Raises ValueError unless both are finite and >= 0.
    """
    for name, value in (("worse", worse), ("better", better)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} is {value}; a number of cases is finite and >= 0")
    wealth = [worse * math.log1p(bet) + better * math.log1p(-bet) for bet in _BETS]
    return EValue(log_e=_log_sum_exp(wealth) - math.log(len(_BETS)))


def stretch_to_evidence(
    groups: Mapping[Group, tuple[float, float, float]], log_e: float
) -> float | None:
    """How many times as many cases would reach an e-value, if the observed rates went on.

    groups: group -> (weight, number that got worse, number that got better), stretched alike until
    their `family_evidence` is at least log_e (a natural logarithm). 1 where it is; found to 0.1 %.
    None where 128 times as many would not do: at such rates the bets lose. Raises ValueError as
    `sign_evidence_of` and `family_evidence` do.

    >>> round(stretch_to_evidence({"all": (1, 9, 1)}, log_e=math.log(100)), 2)
    1.48
    """

    def reached(stretch: float) -> bool:
        found = {
            name: (weight, sign_evidence_of(worse * stretch, better * stretch).log_e)
            for name, (weight, worse, better) in groups.items()
        }
        return family_evidence(found).log_e >= log_e

    if reached(1.0):
        return 1.0
    low, high = 1.0, 2.0
    while not reached(high):
        low, high = high, 2 * high
        if high > _FARTHEST:
            return None
    while high - low > 1e-3 * low:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def mean_evidence(differences: Iterable[float]) -> EValue:
    """Evidence that the mean difference is above 0: strict about means, where sizes count.

    e = mean over lambda in .1, .2 ... .9 of prod (1 + lambda D), the bets of `sign_evidence` with D
    in the place of its sign (Waudby-Smith and Ramdas 2024). For yes-no outcomes they are the same;
    where a few cases got much better and many a little worse, only this one is an e-value of "not
    worse on average". It may be read after every case. One difference in [-1, 1] per case, none
    gives e = 1. Raises ValueError for another difference or NaN.

    >>> round(mean_evidence([0.5, 0.5, -1, 0]).e, 4)
    0.7062
    """
    values = [value for value in checked_differences(differences) if value]
    wealth = [math.fsum(math.log1p(bet * value) for value in values) for bet in _BETS]
    return EValue(log_e=_log_sum_exp(wealth) - math.log(len(_BETS)))


def excess_evidence(cases: Mapping[float, float], limit: float) -> EValue:
    """Evidence that the mean difference is above a limit; cases: difference -> how many have it.

    e = mean over b in .01, .02, .05, .1, .2 ... .9 of prod (1 + b (D - limit) / (1 + limit)): the
    bets of `mean_evidence`, as large as they may be where D can be as low as -1 (Waudby-Smith and
    Ramdas 2024). It may be read after every case. A case may be split between two differences
    whose weighted mean is its own: as the logarithm is concave, that never makes e larger. Raises
    ValueError unless differences lie in [-1, 1], numbers are finite and >= 0, and 0 <= limit <= 1.

    >>> cases = {1: 60, -1: 10, 0: 930}
    >>> [round(excess_evidence(cases, limit).e, 1) for limit in (0.05, 0.02)]
    [0.3, 431.4]
    """
    if not 0 <= limit <= 1:
        raise ValueError(f"limit is {limit}; it must lie between 0 and 1")
    checked_differences(cases)
    for difference, number in cases.items():
        if not 0 <= number < math.inf:
            raise ValueError(f"cases of {difference} are {number}; a number is finite and >= 0")
    wealth = []
    for bet in (*_SMALL_BETS, *_BETS):
        part = bet / (1 + limit)
        wealth.append(math.fsum(n * math.log1p(part * (d - limit)) for d, n in cases.items()))
    return EValue(log_e=_log_sum_exp(wealth) - math.log(len(wealth)))


def family_evidence(groups: Mapping[Group, tuple[float, float]]) -> EValue:
    """Evidence of several groups together: the weighted mean of their e-values.

    E = sum w e / sum w over group -> (weight w, log e). An e-value whatever the groups share
    (Vovk and Wang 2021), if the weights were fixed before the outcomes were seen. Raises
    ValueError for no group, a weight that is not finite and above 0, or a log_e not finite.
    """
    _check_groups(groups)
    total = math.fsum(weight for weight, _ in groups.values())
    weighted = [math.log(weight / total) + log_e for weight, log_e in groups.values()]
    return EValue(log_e=_log_sum_exp(weighted))


def closure_rejects(
    groups: Mapping[Group, tuple[float, float]], alpha: float = 0.01
) -> tuple[Group, ...]:
    """Groups that are worse each on its own account, in the order given.

    Closed testing with the weighted mean as the test of each subset (Vovk and Wang 2021): g is
    named if and only if in every subset S that holds g, sum w e / sum w over S is >= 1/alpha,
    that is sum over S of w (alpha e - 1) >= 0. The worst S is g with all groups whose e-value
    is below 1/alpha, so one sum decides instead of 2^k subsets. alpha is the chance of naming
    any group that is not worse. Raises ValueError as `family_evidence` does, and unless
    0 < alpha < 0.5.
    """
    _check_groups(groups)
    between("alpha", alpha, 0, 0.5)
    needed = math.log(1 / alpha)
    surplus = {g: w * (EValue(log_e=log_e - needed).e - 1) for g, (w, log_e) in groups.items()}
    deficit = math.fsum(value for value in surplus.values() if value < 0)
    return tuple(g for g, value in surplus.items() if value + deficit >= 0)


def holm(p_values: Mapping[Group, float], alpha: float) -> frozenset[Group]:
    """Groups whose hypotheses Holm's (1979) step-down procedure rejects.

    The smallest of k p-values is held against alpha / k, the next against alpha / (k - 1) and so
    on, until one is larger. alpha is the chance of rejecting any true hypothesis, whatever the
    groups share. No groups reject nothing. Raises ValueError unless every p-value lies in [0, 1]
    and 0 < alpha < 0.5.

    >>> sorted(holm({"chat": 0.02, "tools": 0.004, "json": 0.3}, alpha=0.05))
    ['chat', 'tools']
    """
    between("alpha", alpha, 0, 0.5)
    for name, p in p_values.items():
        if not 0 <= p <= 1:
            raise ValueError(f"p-value of {name!r} is {p}; it must lie between 0 and 1")
    rejected: set[Group] = set()
    for name, p in sorted(p_values.items(), key=lambda item: item[1]):
        if p > alpha / (len(p_values) - len(rejected)):
            break
        rejected.add(name)
    return frozenset(rejected)


def _check_groups(groups: Mapping[Group, tuple[float, float]]) -> None:
    if not groups:
        raise ValueError("no groups; evidence needs at least one")
    for name, (weight, log_e) in groups.items():
        if not (math.isfinite(weight) and weight > 0):
            raise ValueError(f"weight of {name!r} is {weight}; a weight is finite and above 0")
        if not math.isfinite(log_e):
            raise ValueError(f"log_e of {name!r} is {log_e}; it must be finite")


def _log_sum_exp(exponents: list[float]) -> float:
    largest = max(exponents)
    return largest + math.log(math.fsum(math.exp(exponent - largest) for exponent in exponents))
