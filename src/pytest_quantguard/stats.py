"""The statistics of the gate: pure functions on numbers, standard library only.

A case has a difference D = baseline outcome - candidate outcome in [-1, 1]; **positive means
that the candidate is worse**, everywhere. Shares are fractions: 0.05 is 5 points. An argument
outside its domain raises ValueError, which names the argument, the value and the domain.

PASS asks whether the drop is shown to be inside a budget: Tango's score bound. FAIL asks whether
cases got worse beyond chance: e-values, which hold at every look, for added cases and for groups
that share cases, so nothing has to be planned for that.

Sources: T. Tango, Equivalence test and confidence interval for the difference in proportions
for the paired-sample design, Statistics in Medicine 17 (1998). L. Kish, Survey Sampling (1965).
V. Vovk and R. Wang, E-values: calibration, combination and applications, Annals of Statistics
49(3) (2021).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Group = TypeVar("Group")  # whatever the caller names groups by

_BETS = tuple(tenth / 10 for tenth in range(1, 10))


def _between(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError unless low < value < high; NaN is not between anything."""
    if not low < value < high:
        raise ValueError(f"{name} is {value}; it must lie between {low} and {high}, both excluded")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCounts:
    """The paired fourfold table; its counts are broken numbers after moment matching.

    Raises ValueError unless all are finite, n > 0, both counts >= 0 and their sum at most n.
    """

    lost: float
    """Cases that are right with the baseline and wrong with the candidate."""
    gained: float
    """Cases that are wrong with the baseline and right with the candidate."""
    n: float
    """Pairs in all; with weights the effective number. Repeats of a case are not pairs."""

    def __post_init__(self) -> None:
        for name, value in (("lost", self.lost), ("gained", self.gained), ("n", self.n)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; a count is a finite number >= 0")
        if self.n == 0:
            raise ValueError("n is 0; at least one pair of outcomes is needed")
        # Moment matching rounds: a table in which every case flips may exceed n by an ulp.
        if self.lost + self.gained > self.n * (1 + 1e-9):
            raise ValueError(f"lost + gained is {self.lost + self.gained}, more than n = {self.n}")

    @property
    def drop(self) -> float:
        """Estimated loss of the candidate, (lost - gained) / n, a share in [-1, 1]."""
        return max(-1.0, min(1.0, (self.lost - self.gained) / self.n))

    @property
    def psi(self) -> float:
        """Share of cases whose outcome differs, (lost + gained) / n: what noise is made of."""
        return min(1.0, (self.lost + self.gained) / self.n)


def paired_counts(
    differences: Iterable[float], weights: Iterable[float] | None = None
) -> PairedCounts:
    """Match a fourfold table to the first two moments of the cases' differences.

    With W normalised to sum 1: drop = sum W D, psi = sum W D^2, n = 1 / sum W^2 (Kish's
    effective number), lost = n (psi + drop) / 2, gained = n (psi - drop) / 2. For yes-no
    outcomes of equal weight these are exactly the two counts. A case that was run several times
    comes in once, with the mean of its differences.

    No table has psi < abs(drop), but small differences that all point one way do. There psi is
    raised to abs(drop): the variance is then overstated and the bounds are wider than need be.

    Raises ValueError unless each case has a difference in [-1, 1] and a finite weight >= 0 (any
    unit; equal when left out), and one weight is above 0.

    >>> paired_counts([1, 1, 0, -1, 0])
    PairedCounts(lost=2.0, gained=1.0, n=5.0)
    """
    values = _checked_differences(differences)
    scale = [1.0] * len(values) if weights is None else list(weights)
    if len(scale) != len(values):
        raise ValueError(f"{len(scale)} weights for {len(values)} differences; one each is needed")
    for place, weight in enumerate(scale):
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"weights[{place}] is {weight}; a weight is a finite number >= 0")
    heaviest = max(scale, default=0.0)
    if heaviest == 0:
        raise ValueError("no case has a weight above 0; at least one is needed")
    # Relative to the heaviest, equal weights are exactly 1 and the counts stay whole numbers.
    scale = [weight / heaviest for weight in scale]
    total = math.fsum(scale)
    shrink = total / math.fsum(weight * weight for weight in scale)
    first = math.fsum(w * d for w, d in zip(scale, values, strict=True))
    second = math.fsum(w * d * d for w, d in zip(scale, values, strict=True))
    second = max(second, abs(first))  # see the docstring: a table's psi is not below its drop
    return PairedCounts(
        lost=shrink * (second + first) / 2, gained=shrink * (second - first) / 2, n=shrink * total
    )


def _checked_differences(differences: Iterable[float]) -> list[float]:
    values = list(differences)
    for place, value in enumerate(values):
        if not -1 <= value <= 1:
            raise ValueError(f"differences[{place}] is {value}; it must lie between -1 and 1")
    return values


def tango_z(counts: PairedCounts, d: float) -> float:
    """Tango's (1998) score statistic of the hypothesis that the drop is d, a share in [-1, 1].

    z(d) = (lost - gained - n d) / sqrt(n (2 g + d (1 - d))), with g the share of gained cases
    that is most likely under the hypothesis. It falls in d, is 0 at the estimate and standard
    normal in large samples; z(0) is McNemar's (lost - gained) / sqrt(lost + gained). Infinite
    where the hypothesis is impossible. Raises ValueError for another d.
    """
    if not -1 <= d <= 1:
        raise ValueError(f"d is {d}; a drop lies between -1 and 1")
    if d < 0:
        # Seen from the other model the quadratic has no loss of digits.
        return -tango_z(_mirrored(counts), -d)
    distance = counts.lost - counts.gained - counts.n * d
    variance = counts.n * _score_variance(counts.lost, counts.gained, counts.n, d)
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def tango_upper(counts: PairedCounts, alpha: float = 0.05) -> float:
    """Upper confidence bound of the drop, one-sided, a share in [-1, 1].

    The d at which z(d) = -z_alpha (Tango 1998), found by bisection and never rounded in the
    candidate's favour; zero cells are fine. PASS means: this bound is below the budget, so it
    is also the smallest budget that today's evidence could pass. alpha is the nominal chance of
    PASS at a drop that equals the budget; for 0.05, tables of fewer than 200 cases and budgets
    of 2 to 10 points the exact chance is at most 0.072. Raises ValueError unless 0 < alpha < 0.5.

    >>> round(tango_upper(PairedCounts(lost=0, gained=0, n=100)), 4)
    0.0263
    """
    limit, low, high = -_z_alpha(alpha), counts.drop, 1.0
    for _ in range(60):  # halves a width of at most 2 to below 1e-17
        middle = (low + high) / 2
        if tango_z(counts, middle) < limit:
            high = middle
        else:
            low = middle
    return high


def tango_lower(counts: PairedCounts, alpha: float = 0.05) -> float:
    """Lower one-sided confidence bound of the drop: `tango_upper`, the two models swapped."""
    return -tango_upper(_mirrored(counts), alpha)


def tango_interval(counts: PairedCounts, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided interval (low, high) of the drop (Tango 1998); 0 < confidence < 1 or ValueError."""
    _between("confidence", confidence, 0, 1)
    return tango_lower(counts, (1 - confidence) / 2), tango_upper(counts, (1 - confidence) / 2)


def _mirrored(counts: PairedCounts) -> PairedCounts:
    return PairedCounts(lost=counts.gained, gained=counts.lost, n=counts.n)


def _score_variance(lost: float, gained: float, n: float, d: float) -> float:
    """Variance of one case's difference under a drop of d >= 0, at its most likely value.

    The likelihood's derivative is a quadratic in the share g of gained cases:
    2 n g^2 + b g + c = 0; c <= 0, so exactly one root is not negative.
    """
    b = (2 * n - lost + gained) * d - lost - gained
    c = -gained * d * (1 - d)
    root = math.sqrt(b * b - 8 * n * c)
    # The second form is the same root without the difference of two nearly equal numbers.
    g = (root - b) / (4 * n) if b <= 0 else -2 * c / (root + b)
    return 2 * g + d * (1 - d)


def _z_alpha(alpha: float) -> float:
    _between("alpha", alpha, 0, 0.5)
    return -_normal_quantile(alpha)


def _normal_quantile(probability: float) -> float:
    from statistics import NormalDist  # pulls decimal, fractions and random: only when needed

    return NormalDist().inv_cdf(probability)


def mcnemar_exact(lost: int, gained: int) -> tuple[float, float]:
    """McNemar's exact test: one-sided p ("not worse") and two-sided p ("no difference").

    P(X >= lost) with X ~ Binomial(lost + gained, 1/2), and twice the smaller tail, at most 1.
    Raises ValueError unless both are whole numbers >= 0 (moment matched counts are not).

    >>> [round(p, 6) for p in mcnemar_exact(16, 6)]
    [0.026239, 0.052479]
    """
    for name, value in (("lost", lost), ("gained", gained)):
        if not (value >= 0 and value % 1 == 0):
            raise ValueError(f"{name} is {value}; a count of cases is a whole number >= 0")
    larger = _fair_tail(max(lost, gained), min(lost, gained))
    one_sided = larger if lost >= gained else 1 - _fair_tail(gained + 1, lost - 1)
    return one_sided, min(1.0, 2 * larger)


def _fair_tail(heads: int, tails: int) -> float:
    """P(at least that many heads in heads + tails tosses), heads >= tails: the terms shrink."""
    if tails < 0:
        return 0.0
    tosses = heads + tails
    log_ways = math.lgamma(tosses + 1) - math.lgamma(heads + 1) - math.lgamma(tails + 1)
    total = ratio = 1.0
    for k in range(heads, tosses):
        ratio *= (tosses - k) / (k + 1)
        total += ratio
        if ratio < total * 1e-17:
            break
    return min(1.0, math.exp(log_ways - tosses * math.log(2)) * total)


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
    values = _checked_differences(differences)
    worse = sum(value > 0 for value in values)
    better = sum(value < 0 for value in values)
    wealth = [worse * math.log1p(bet) + better * math.log1p(-bet) for bet in _BETS]
    return EValue(log_e=_log_sum_exp(wealth) - math.log(len(_BETS)))


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
    _between("alpha", alpha, 0, 0.5)
    needed = math.log(1 / alpha)
    surplus = {g: w * (EValue(log_e=log_e - needed).e - 1) for g, (w, log_e) in groups.items()}
    deficit = math.fsum(value for value in surplus.values() if value < 0)
    return tuple(g for g, value in surplus.items() if value + deficit >= 0)


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


def pass_floor(max_drop: float, alpha: float = 0.05) -> int:
    """Fewest cases with which a budget m = max_drop can PASS, even if no outcome differs.

    The smallest whole number above z_alpha^2 (1 - m) / m: `tango_upper` of a table without
    differences is below m from there on. Raises ValueError unless 0 < m <= 1, 0 < alpha < 0.5.
    """
    _check_max_drop(max_drop)
    return math.floor(_z_alpha(alpha) ** 2 * (1 - max_drop) / max_drop) + 1


def pass_power(
    n: float, max_drop: float, psi: float, drop: float = 0.0, alpha: float = 0.05
) -> float:
    """Chance that n cases PASS a budget, if the true drop and share of differences are these.

    Phi((sqrt(n) (m - d) - z_alpha sqrt(s0)) / sqrt(psi - d^2)), with budget m, drop d and s0
    Tango's variance at m for the expected counts; 0 below `pass_floor`. An approximation that
    needs psi n >= 3. n counts (effective) cases; the rest are shares. Raises ValueError unless
    0 <= n < inf, 0 < m <= 1, -1 < d < 1, abs(d) <= psi <= 1 and 0 < alpha < 0.5.
    """
    if not 0 <= n < math.inf:
        raise ValueError(f"n is {n}; it must be finite and >= 0")
    s0 = _planned_variance(max_drop, psi, drop)
    if n < pass_floor(max_drop, alpha):
        return 0.0
    margin = math.sqrt(n) * (max_drop - drop) - _z_alpha(alpha) * math.sqrt(s0)
    spread = math.sqrt(psi - drop * drop)
    if spread == 0:  # psi = drop = 0: nothing differs, and n is above the floor
        return 1.0
    return math.erfc(-margin / spread / math.sqrt(2)) / 2


def pass_cases(
    max_drop: float, psi: float, power: float = 0.8, drop: float = 0.0, alpha: float = 0.05
) -> int:
    """Cases with which a budget PASSes with the wanted power: `pass_power` solved for n.

    n = ((z_alpha sqrt(s0) + z_power sqrt(psi - d^2)) / (m - d))^2, rounded up; at least
    `pass_floor`. Raises ValueError as `pass_power` does, unless 0 < power < 1, and if the drop
    is not below the budget: no number of cases would do.

    >>> pass_cases(0.05, psi=0.05)
    167
    """
    s0 = _planned_variance(max_drop, psi, drop)
    _between("power", power, 0, 1)
    if drop >= max_drop:
        raise ValueError(f"drop {drop} is not below max_drop {max_drop}; no number of cases passes")
    spread = math.sqrt(psi - drop * drop)
    reach = _z_alpha(alpha) * math.sqrt(s0) + _normal_quantile(power) * spread
    wanted = math.ceil((max(0.0, reach) / (max_drop - drop)) ** 2)
    return max(wanted, pass_floor(max_drop, alpha))


def cases_to_pass(counts: PairedCounts, max_drop: float, alpha: float = 0.05) -> int | None:
    """How many further cases would PASS the budget if the observed rates went on; 0 if it does.

    At fixed rates `tango_z` grows with sqrt(n), so n (z_alpha / z(m))^2 cases reach the bound.
    None when the estimate is at or above the budget m: more of the same would not help. The
    unit is that of ``counts.n``. Raises ValueError unless 0 < m <= 1 and 0 < alpha < 0.5.

    >>> cases_to_pass(PairedCounts(lost=5, gained=0, n=160), 0.05)
    206
    """
    _check_max_drop(max_drop)
    z, limit = tango_z(counts, max_drop), _z_alpha(alpha)
    if z >= 0:
        return None
    return max(0, math.floor(counts.n * (limit / z) ** 2 - counts.n) + 1)


def _planned_variance(max_drop: float, psi: float, drop: float) -> float:
    """Tango's variance at the budget, for the counts expected under psi and drop."""
    _check_max_drop(max_drop)
    _between("drop", drop, -1, 1)
    if not abs(drop) <= psi <= 1:
        raise ValueError(f"psi is {psi}; it must lie between abs(drop) = {abs(drop)} and 1")
    return _score_variance((psi + drop) / 2, (psi - drop) / 2, 1.0, max_drop)


def _check_max_drop(max_drop: float) -> None:
    if not 0 < max_drop <= 1:
        raise ValueError(f"max_drop is {max_drop}; a budget is above 0 and at most 1")
