"""Paired yes-no outcomes: the fourfold table, the bound that PASS rests on, McNemar's tests.

Sources: T. Tango, Equivalence test and confidence interval for the difference in proportions
for the paired-sample design, Statistics in Medicine 17 (1998). C. Clopper and E. Pearson, The use
of confidence or fiducial limits illustrated in the case of the binomial, Biometrika 26 (1934).
L. Kish, Survey Sampling (1965). P. Hall, The Bootstrap and Edgeworth Expansion (1992).
M. Fagerland, S. Lydersen and P. Laake, The McNemar test for binary matched-pairs data, BMC
Medical Research Methodology 13:91 (2013).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ._domain import between, checked_differences, checked_weights
from ._special import binomial_at_least, binomial_at_most, first_true, normal_tail, z_alpha


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
    values = checked_differences(differences)
    scale = checked_weights(weights, len(values))
    total = math.fsum(scale)
    shrink = total / math.fsum(weight * weight for weight in scale)
    first = math.fsum(w * d for w, d in zip(scale, values, strict=True))
    second = math.fsum(w * d * d for w, d in zip(scale, values, strict=True))
    second = max(second, abs(first))  # see the docstring: a table's psi is not below its drop
    return PairedCounts(
        lost=shrink * (second + first) / 2, gained=shrink * (second - first) / 2, n=shrink * total
    )


def tango_z(counts: PairedCounts, d: float) -> float:
    """Tango's (1998) score statistic of the hypothesis that the drop is d, a share in [-1, 1].

    z(d) = (lost - gained - n d) / sqrt(n (2 g + d (1 - d))), with g the share of gained cases
    that is most likely under the hypothesis. It falls in d, is 0 at the estimate and standard
    normal in large samples; z(0) is McNemar's (lost - gained) / sqrt(lost + gained). Infinite
    where the hypothesis is impossible. Raises ValueError for another d.
    """
    if not -1 <= d <= 1:
        raise ValueError(f"d is {d}; a drop lies between -1 and 1")
    return _score(counts.lost, counts.gained, counts.n, d)


def _score(lost: float, gained: float, n: float, d: float) -> float:
    if d < 0:
        # Seen from the other model the quadratic has no loss of digits.
        return -_score(gained, lost, n, -d)
    distance = lost - gained - n * d
    # Without a drop it is McNemar's: that stays above 0 for the smallest of differences.
    variance = n * score_variance(lost, gained, n, d) if d else lost + gained
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def tango_upper(counts: PairedCounts, alpha: float = 0.05) -> float:
    """Upper confidence bound of the drop, one-sided, a share in [-1, 1], as published.

    The d at which z(d) = -z_alpha (Tango 1998), found by bisection and never rounded in the
    candidate's favour; zero cells are fine. For a candidate that only loses, the exact chance that
    the bound is below the true drop is up to 7.2 % at alpha = 0.05, for tables of fewer than 200
    cases and drops of 2 to 10 points: verdicts rest on `loss_upper`.
    Raises ValueError unless 0 < alpha < 0.5.

    >>> round(tango_upper(PairedCounts(lost=0, gained=0, n=100)), 4)
    0.0263
    """
    limit, lost, gained, n = -z_alpha(alpha), counts.lost, counts.gained, counts.n
    return first_true(lambda d: _score(lost, gained, n, d) < limit, counts.drop, 1.0)


def tango_lower(counts: PairedCounts, alpha: float = 0.05) -> float:
    """Lower one-sided confidence bound of the drop: `tango_upper`, the two models swapped."""
    return -tango_upper(_mirrored(counts), alpha)


def tango_interval(counts: PairedCounts, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided interval (low, high) of the drop (Tango 1998); 0 < confidence < 1 or ValueError."""
    between("confidence", confidence, 0, 1)
    return tango_lower(counts, (1 - confidence) / 2), tango_upper(counts, (1 - confidence) / 2)


def loss_upper(counts: PairedCounts, alpha: float = 0.05) -> float:
    """Upper confidence bound of the drop, one-sided, in [-1, 1]: PASS is when it is below a budget.

    `tango_upper`, except where a cell of the table is empty and that is too low: without gained
    cases it is at least Clopper and Pearson's (1934) bound, the d that P(Bin(n, d) <= lost) =
    alpha, and without unchanged cases at least the d that P(Bin(n, (1 + d) / 2) <= lost) = alpha.
    Broken counts below one case are treated in between, so that there is no step.

    Exact chance of PASS at alpha = 0.05, the largest over n from `pass_floor` on and over psi:

        budget                                    1 pt    2 pt    3 pt    5 pt   10 pt
        true drop = budget, any psi               5.3 %   5.3 %   5.4 %   5.5 %   5.9 %
        drop = 2 budgets, psi = drop + 3 pt       0.8 %   0.5 %   0.4 %   0.3 %   0.2 %
        drop = 2 budgets, any psi                 3.6 %   3.0 %   2.6 %   2.2 %   1.6 %

    The last line is reached only where nearly every outcome differs: below 1 % while psi is at
    most 0.06, 0.12, 0.19, 0.30 and 0.64.
    Raises ValueError unless 0 < alpha < 0.5.

    >>> round(loss_upper(PairedCounts(lost=0, gained=0, n=100)), 4)
    0.0295
    """
    lost, gained, n = counts.lost, counts.gained, counts.n
    bound = tango_upper(counts, alpha)
    if edges_exclude(lost, gained, n, bound, alpha):
        return bound
    return first_true(lambda d: edges_exclude(lost, gained, n, d, alpha), bound, 1.0)


def edges_exclude(lost: float, gained: float, n: float, d: float, alpha: float) -> bool:
    """Whether a table with an empty cell is too unlikely, exactly, under a drop of d or more.

    Without gained cases the lost ones are Bin(n, d); without unchanged cases Bin(n, (1 + d) / 2).
    A broken count below 1 counts as partly empty; from one case on Tango's bound is the larger.
    """
    unchanged = n - lost - gained
    if gained < 1 and binomial_at_most(lost, n, d + 2 * gained / n) >= alpha:
        return False
    return unchanged >= 1 or binomial_at_most(lost, n, (1 + d) / 2 + unchanged / n) < alpha


def loss_interval(counts: PairedCounts, confidence: float = 0.9) -> tuple[float, float]:
    """Interval (low, high) of the drop: `loss_upper` from either side, each at (1 - confidence)/2.

    Swapping the models mirrors it. Raises ValueError unless 0 < confidence < 1.
    """
    between("confidence", confidence, 0, 1)
    alpha = (1 - confidence) / 2
    return -loss_upper(_mirrored(counts), alpha), loss_upper(counts, alpha)


def loss_p(counts: PairedCounts, max_drop: float) -> float:
    """One-sided p-value of "the drop is not above max_drop", for evidence about the budget itself.

    The largest of three: the tail P(Z >= z) of `tango_z` at max_drop; the same with Edgeworth's
    term for skewness (Hall 1992), + phi(z) (z^2 - 1) s / (6 sqrt(n)), s being the skewness of one
    case under the hypothesis; the exact tail P(Bin(n, max_drop) >= lost), and, without unchanged
    cases, P(Bin(n, (1 + max_drop) / 2) >= lost). Losses are rare, so the first alone is too small
    far out: its exact size is up to 2.5 % at 0.01 and 0.33 % at 0.001. That of the largest, over
    10 to 400 cases, all psi and budgets of 0 to 10 points, is at most 6.8 % at 0.05, 1.3 % at 0.01
    and 0.12 % at 0.001. Raises ValueError unless 0 <= max_drop <= 1.
    """
    if not 0 <= max_drop <= 1:
        raise ValueError(f"max_drop is {max_drop}; it must lie between 0 and 1")
    z = tango_z(counts, max_drop)
    plain = normal_tail(z)
    if not 0 < z < math.inf:
        return plain
    gain = _likely_gain(counts.lost, counts.gained, counts.n, max_drop)
    spread = 2 * gain + max_drop * (1 - max_drop)
    third = (gain + max_drop) * (1 - max_drop) ** 3 - gain * (1 + max_drop) ** 3
    third -= (1 - max_drop - 2 * gain) * max_drop**3
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    scale = 6 * spread * math.sqrt(spread * counts.n)
    # Differences so small that their skewness is no number are no evidence: z is next to 0.
    bent = plain + density * (z * z - 1) * third / scale if scale > 0 else plain
    exact = binomial_at_least(counts.lost, counts.n, max_drop)
    unchanged = counts.n - counts.lost - counts.gained
    if unchanged < 1:
        share = (1 + max_drop) / 2 - unchanged / counts.n
        exact = max(exact, binomial_at_least(counts.lost, counts.n, share))
    return min(1.0, max(plain, bent, exact))


def _mirrored(counts: PairedCounts) -> PairedCounts:
    return PairedCounts(lost=counts.gained, gained=counts.lost, n=counts.n)


def score_variance(lost: float, gained: float, n: float, d: float) -> float:
    """Return the variance of one case's difference under a drop of d >= 0, at its likeliest."""
    return 2 * _likely_gain(lost, gained, n, d) + d * (1 - d)


def _likely_gain(lost: float, gained: float, n: float, d: float) -> float:
    """Share g of gained cases that is most likely under a drop of d >= 0.

    The likelihood's derivative is a quadratic: 2 n g^2 + b g + c = 0; c <= 0, so exactly one
    root is not negative.
    """
    b = (2 * n - lost + gained) * d - lost - gained
    c = -gained * d * (1 - d)
    root = math.sqrt(b * b - 8 * n * c)
    # The second form is the same root without the difference of two nearly equal numbers.
    return (root - b) / (4 * n) if b <= 0 else -2 * c / (root + b)


def mcnemar_exact(lost: int, gained: int) -> tuple[float, float]:
    """McNemar's exact test: one-sided p ("not worse") and two-sided p ("no difference").

    P(X >= lost) with X ~ Binomial(lost + gained, 1/2), and twice the smaller tail, at most 1.
    Raises ValueError unless both are whole numbers >= 0 (moment matched counts are not).

    >>> [round(p, 6) for p in mcnemar_exact(16, 6)]
    [0.026239, 0.052479]
    """
    _check_whole(lost, gained)
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


def mcnemar_midp(lost: int, gained: int) -> float:
    """McNemar's two-sided mid-P: the exact p-value less the chance of the very table observed.

    2 P(X <= k) - P(X = k) with X ~ Binomial(lost + gained, 1/2) and k the smaller count, and
    1 - P(X = k) / 2 where both are equal (Fagerland, Lydersen and Laake 2013); 1 if nothing
    differs. Raises ValueError as `mcnemar_exact` does.

    >>> round(mcnemar_midp(16, 6), 6)
    0.03469
    """
    _check_whole(lost, gained)
    if lost + gained == 0:
        return 1.0
    larger, smaller = max(lost, gained), min(lost, gained)
    beyond = _fair_tail(larger + 1, smaller - 1)
    here = _fair_tail(larger, smaller) - beyond
    return 1 - here / 2 if larger == smaller else here + 2 * beyond


def mcnemar_z(lost: float, gained: float) -> float:
    """McNemar's asymptotic statistic (lost - gained) / sqrt(lost + gained), 0 if nothing differs.

    Standard normal without a drop; broken counts are fine. Raises ValueError unless both are
    finite and >= 0.

    >>> round(mcnemar_z(16, 6), 3)
    2.132
    """
    for name, value in (("lost", lost), ("gained", gained)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; a count is a finite number >= 0")
    return (lost - gained) / math.sqrt(lost + gained) if lost + gained else 0.0


def _check_whole(lost: float, gained: float) -> None:
    for name, value in (("lost", lost), ("gained", gained)):
        if not (value >= 0 and value % 1 == 0):
            raise ValueError(f"{name} is {value}; a count of cases is a whole number >= 0")
