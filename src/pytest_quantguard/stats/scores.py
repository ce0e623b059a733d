"""Paired scores with a range: differences in [-1, 1], positive where the candidate is worse.

Such as the difference of the probabilities of the reference answer. The bound for PASS allows for
what was not seen: damage may sit in few cases, and a sample that shows none of it says nothing
about its size. Also here: whether the lengths of paired answers changed, and how often repeats of
one case disagree.

Sources: Student, The probable error of a mean, Biometrika 6 (1908). W. Hoeffding, Probability
inequalities for sums of bounded random variables, Journal of the American Statistical Association
58 (1963), theorem 1. R. Fisher, The Design of Experiments (1935), for tests by swapping.
B. Phipson and G. Smyth, Permutation p-values should never be zero, Statistical Applications in
Genetics and Molecular Biology 9 (2010). J. Besag and P. Clifford, Sequential Monte Carlo p-values,
Biometrika 78 (1991). L. Kish, Survey Sampling (1965).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, pairwise
from operator import itemgetter, mul, neg
from typing import TYPE_CHECKING

from ._domain import LEAST_DROP, between, checked_differences, checked_weights
from ._special import first_true, smallest, student_t, student_tail, z_alpha

if TYPE_CHECKING:
    from random import Random

_FEWEST = 10  # with fewer (effective) cases no normal limit is trusted, only Hoeffding's bound


def mean_upper(
    differences: Iterable[float], weights: Iterable[float] | None = None, alpha: float = 0.05
) -> float:
    """Upper confidence bound of the mean difference, one-sided, in [-1, 1]: for PASS.

    Student's t bound, mean + t_alpha (standard error), of the cases **and one more that broke
    completely**: D = 1, with the weight of ln(1 / alpha) / (1 + z_alpha) cases, 1.13 at 0.05, so
    that n cases without a difference are bounded by ln(1 / alpha) / n, as in an exact test. Below
    10 (effective) cases Hoeffding's (1963) bound, valid for any distribution: the b at which
    n KL(mean, b) = ln(1 / alpha), KL being the divergence of yes-no outcomes with the chances
    (1 + mean) / 2 and (1 + b) / 2.

    For a candidate that breaks 5 points of the cases completely, and else differs little, Student's
    bound of the cases alone is below the true mean in 36 % of samples of 20 cases and 19 % of 60.
    With the added case that is at most 5.8 %, exactly, for yes-no differences, any psi up to 0.9
    and means of 1 to 20 points.

    Weights, in any unit and equal when left out: W normalised to sum 1, n = 1 / sum W^2 (Kish) and
    the squared standard error sum W^2 (D - mean)^2 n / (n - 1). Raises ValueError unless each case
    has a difference in [-1, 1] and a finite weight >= 0, one of them above 0, and 0 < alpha < 0.5.

    >>> round(mean_upper([0.0] * 100), 4)
    0.0298
    """
    between("alpha", alpha, 0, 0.5)
    values = checked_differences(differences)
    scale = checked_weights(weights, len(values))
    sample = _sample(values, scale)
    if sample.few:
        return _hoeffding_upper(sample, alpha)
    unseen = -math.log(alpha) / (1 + z_alpha(alpha)) * math.fsum(scale) / sample.n
    worse = _sample([*values, 1.0], [*scale, unseen])
    return min(1.0, worse.mean + student_t(alpha, worse.n - 1) * worse.error)


@lru_cache(maxsize=256)
def mean_floor(limit: float, alpha: float = 0.05) -> int:
    """Fewest cases without any difference whose `mean_upper` is below a limit, a share.

    About ln(1 / alpha) / limit. Raises ValueError unless 1e-9 <= limit <= 1 and 0 < alpha < 0.5.

    >>> [mean_floor(points / 100) for points in (1, 2, 5)]
    [299, 150, 60]
    """
    between("alpha", alpha, 0, 0.5)
    if not LEAST_DROP <= limit <= 1:
        raise ValueError(f"limit is {limit}; it must be from {LEAST_DROP:g} to 1")
    likely = math.ceil(-math.log(alpha) / limit)
    return smallest(lambda n: _equal_upper(n, alpha) < limit, 0, likely)


def _equal_upper(n: int, alpha: float) -> float:
    """`mean_upper` of n cases without a difference, with u = the weight of the added case."""
    if n < _FEWEST:
        return math.sqrt(1 - alpha ** (2 / n))
    u = -math.log(alpha) / (1 + z_alpha(alpha))
    t = student_t(alpha, n * (n + 2 * u - 1) / (n + u * u))
    return u * (1 + t * math.sqrt((n + 1) / (n + 2 * u - 1))) / (n + u)


def mean_interval(
    differences: Iterable[float], weights: Iterable[float] | None = None, confidence: float = 0.9
) -> tuple[float, float]:
    """Interval (low, high) of the mean difference, each end the one that a verdict is judged by.

    high is `mean_upper`, low the bound at which `mean_p` is alpha, both with alpha = (1 -
    confidence) / 2. Not mirror images: only PASS has to allow for what was not seen. Raises
    ValueError as `mean_upper` does, and unless 0 < confidence < 1.
    """
    between("confidence", confidence, 0, 1)
    alpha = (1 - confidence) / 2
    values = checked_differences(differences)
    scale = checked_weights(weights, len(values))
    sample = _sample(values, scale)
    if sample.few or sample.error == 0:
        low = -_hoeffding_upper(_sample([-value for value in values], scale), alpha)
    else:
        low = max(-1.0, sample.mean - student_t(alpha, sample.n - 1) * sample.error)
    return low, mean_upper(values, scale, alpha)


def mean_p(
    differences: Iterable[float], limit: float, weights: Iterable[float] | None = None
) -> float:
    """One-sided p-value of "the mean difference is not above the limit", for evidence.

    Student's t test, P(T >= (mean - limit) / (standard error)). With fewer than 10 (effective)
    cases, or where all differences are equal, Hoeffding's exp(-n KL(mean, limit)), valid for any
    distribution. Exact size for yes-no differences and limits of 0 to 5 points: at most 6.7 % at
    0.05 and 1.9 % at 0.01, for symmetric noise below the nominal. It is exceeded where many cases
    get a little worse and few much better: `mean_evidence` holds there too. Raises ValueError as
    `mean_upper` does, and unless -1 <= limit <= 1.
    """
    if not -1 <= limit <= 1:
        raise ValueError(f"limit is {limit}; it must lie between -1 and 1")
    values = checked_differences(differences)
    sample = _sample(values, checked_weights(weights, len(values)))
    if sample.few or sample.error == 0:
        return math.exp(-_surprise(sample, limit)) if sample.mean > limit else 1.0
    return student_tail((sample.mean - limit) / sample.error, sample.n - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """What the bounds need of weighted differences."""

    mean: float
    error: float  # standard error of the mean; 0 for a single case
    n: float  # Kish's effective number
    heaviest: float  # largest share of the weight that one case has

    @property
    def few(self) -> bool:
        return self.n < _FEWEST * (1 - 1e-9)  # ten equal shares may add up to 9.999999999999998


def _sample(values: list[float], scale: list[float]) -> _Sample:
    total = math.fsum(scale)
    shares = [weight / total for weight in scale]
    n = 1 / math.fsum(share * share for share in shares)
    mean = math.fsum(share * value for share, value in zip(shares, values, strict=True))
    if min(values) == max(values):
        return _Sample(mean=values[0], error=0.0, n=n, heaviest=max(shares))
    squares = math.fsum(
        (share * (value - mean)) ** 2 for share, value in zip(shares, values, strict=True)
    )
    error = math.sqrt(squares * n / (n - 1)) if n > 1 else 0.0
    return _Sample(mean=mean, error=error, n=n, heaviest=max(shares))


def _surprise(sample: _Sample, mean: float) -> float:
    """Hoeffding's -ln of the chance to see the sample's mean, or one farther off, under another.

    With weights that no case exceeds, ``1 / heaviest`` equal cases are the worst.
    """
    seen, true = (1 + sample.mean) / 2, (1 + mean) / 2
    divergence = 0.0
    for p, q in ((seen, true), (1 - seen, 1 - true)):
        if p > 0:
            divergence += p * math.log(p / q) if q > 0 else math.inf
    return max(0.0, divergence) / sample.heaviest


def _hoeffding_upper(sample: _Sample, alpha: float) -> float:
    enough = -math.log(alpha)
    return first_true(lambda mean: _surprise(sample, mean) >= enough, sample.mean, 1.0)


def wasserstein_swap_p(
    baseline: Sequence[float],
    candidate: Sequence[float],
    draws: int = 2000,
    seed: int = 0,
    stop: float = 1.0,
) -> tuple[float, float]:
    """Distance of two paired samples, such as lengths of answers, and its p-value by swapping.

    Wasserstein's distance, in the unit of the values, is the mean absolute difference of the
    sorted samples: it sees a shift and also a change of spread. The p-value of "within each pair
    the models could be swapped" is the share of as large distances among ``draws`` random swaps and
    the observed (Phipson and Smyth 2010); the same seed, the same result. Drawing ends where p is
    sure to be ``stop`` or more, with the share of those drawn (Besag and Clifford 1991). Raises
    ValueError unless both have as many values, one at least, all finite, and draws is at least 1.

    >>> wasserstein_swap_p([10, 20, 30, 40], [11, 22, 33, 44])[0]
    2.5
    """
    from random import Random  # loads hashlib and more: only when needed

    _check_draws(draws)
    for name, values in (("baseline", baseline), ("candidate", candidate)):
        for place, value in enumerate(values):
            if not math.isfinite(value):
                raise ValueError(f"{name}[{place}] is {value}; it must be finite")
    if len(baseline) != len(candidate) or not baseline:
        raise ValueError(
            f"baseline has {len(baseline)} and candidate {len(candidate)} values; "
            "as many of each, one at least, are needed"
        )
    swapped = _swapped_distances(baseline, candidate, draws, Random(seed))  # noqa: S311
    observed, reached, drawn = next(swapped), 0, 0
    for distance in swapped:
        drawn += 1
        reached += distance >= observed * (1 - 1e-9)  # ties round
        if 1 + reached >= stop * (1 + draws):
            break
    return observed, (1 + reached) / (1 + drawn)


def _swapped_distances(
    baseline: Sequence[float], candidate: Sequence[float], draws: int, draw: Random
) -> Iterator[float]:
    """Distance of the two samples as they are, then after each of a number of random swaps.

    Sorted together, the samples' distribution functions differ by a running count of signs / n
    over each gap between neighbours; only the signs change with a swap.
    """
    n = len(baseline)
    values = [*baseline, *candidate]
    order = sorted(range(2 * n), key=values.__getitem__)
    gaps = [values[after] - values[before] for before, after in pairwise(order)]
    in_order = itemgetter(*order)
    for pattern in chain((0,), (draw.getrandbits(n) for _ in range(draws))):
        arms = [-1 if bit == "1" else 1 for bit in f"{pattern:0{n}b}"]
        apart = accumulate(in_order([*arms, *map(neg, arms)]))
        yield math.fsum(map(mul, map(abs, apart), gaps)) / n


def instability(holds: int, k: int) -> float:
    """Share of the pairs among k repeats of one case that disagree, m of which hold.

    2 m (k - m) / (k (k - 1)), in [0, 1]: an unbiased estimate of the chance that two runs of the
    case have different outcomes. Raises ValueError unless both are whole numbers, k >= 2 and
    0 <= holds <= k.

    >>> instability(4, 5)
    0.4
    """
    if not (k >= 2 and k % 1 == 0):
        raise ValueError(f"k is {k}; it must be a whole number of repeats, 2 at least")
    if not (0 <= holds <= k and holds % 1 == 0):
        raise ValueError(f"holds is {holds}; it must be a whole number from 0 to k = {k}")
    return 2 * holds * (k - holds) / (k * (k - 1))


def _check_draws(draws: int) -> None:
    if not (draws >= 1 and draws % 1 == 0):
        raise ValueError(f"draws is {draws}; it must be a whole number, 1 at least")
