"""Other published intervals of a paired drop: to compare with and to report, no verdict uses them.

All take the table of `PairedCounts` and give (low, high) of the drop, lost share minus gained
share, two-sided. Authors who subtract the other way round get the mirrored interval.

Sources: R. Newcombe, Improved confidence intervals for the difference between binomial
proportions based on paired data, Statistics in Medicine 17 (1998), method 10. A. Agresti and
Y. Min, Simple improved confidence intervals for comparing matched proportions, Statistics in
Medicine 24 (2005). D. Bonett and R. Price, Adjusted Wald confidence interval for a difference of
binomial proportions based on paired data, Journal of Educational and Behavioral Statistics 37
(2012). M. Fagerland, S. Lydersen and P. Laake, Recommended tests and confidence intervals for
paired binomial proportions, Statistics in Medicine 33 (2014).
"""

from __future__ import annotations

import math

from ._domain import between
from ._special import normal_quantile
from .paired import PairedCounts


def wald_interval(counts: PairedCounts, confidence: float = 0.95) -> tuple[float, float]:
    """Wald's interval: drop -+ z sqrt((psi - drop^2) / n), cut to [-1, 1].

    Far too narrow in small samples: its exact chance to exclude the true drop is ten times the
    nominal one there. Raises ValueError unless 0 < confidence < 1.
    """
    return _wald(counts.lost, counts.gained, counts.n, confidence)


def agresti_min_interval(counts: PairedCounts, confidence: float = 0.95) -> tuple[float, float]:
    """Agresti and Min's (2005) interval: Wald's after half a case is added to each of four cells.

    Raises ValueError unless 0 < confidence < 1.

    >>> [round(x, 4) for x in agresti_min_interval(PairedCounts(lost=6, gained=16, n=161))]
    [-0.1182, -0.0045]
    """
    return _wald(counts.lost + 0.5, counts.gained + 0.5, counts.n + 2, confidence)


def bonett_price_interval(counts: PairedCounts, confidence: float = 0.95) -> tuple[float, float]:
    """Bonett and Price's (2012) interval: Wald's after a lost and a gained case are added.

    Raises ValueError unless 0 < confidence < 1.
    """
    return _wald(counts.lost + 1, counts.gained + 1, counts.n + 2, confidence)


def newcombe_interval(
    counts: PairedCounts, both_right: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Newcombe's (1998) square-and-add interval with his correction of the correlation.

    Wilson's intervals (l1, u1) of the baseline's share p1 and (l2, u2) of the candidate's p2 give
    low = p1 - p2 - sqrt((p1 - l1)^2 - 2 phi (p1 - l1)(u2 - p2) + (u2 - p2)^2), high likewise, phi
    being the correlation of the outcomes. The one interval that needs ``both_right``, the number
    of cases that are right with both models: the rest of n is wrong with both. Raises ValueError
    unless 0 <= both_right <= n - lost - gained and 0 < confidence < 1.

    >>> table = PairedCounts(lost=6, gained=16, n=161)
    >>> [round(x, 4) for x in newcombe_interval(table, both_right=59)]
    [-0.1186, -0.0046]
    """
    both_wrong = counts.n - counts.lost - counts.gained - both_right
    if not (both_right >= 0 and both_wrong >= -1e-9 * counts.n):
        most = counts.n - counts.lost - counts.gained
        raise ValueError(f"both_right is {both_right}; it must lie between 0 and {most}")
    z = _two_sided_z(confidence)
    baseline, candidate = both_right + counts.lost, both_right + counts.gained
    phi = _correlation(counts, both_right, both_wrong)
    below1, above1 = _wilson_arms(baseline, counts.n, z)
    below2, above2 = _wilson_arms(candidate, counts.n, z)
    down = math.sqrt(max(0.0, below1 * below1 - 2 * phi * below1 * above2 + above2 * above2))
    up = math.sqrt(max(0.0, above1 * above1 - 2 * phi * above1 * below2 + below2 * below2))
    return counts.drop - down, counts.drop + up


def _correlation(counts: PairedCounts, both_right: float, both_wrong: float) -> float:
    """Newcombe's phi: half a case per case is taken off a positive covariance, down to 0."""
    cross = both_right * both_wrong - counts.lost * counts.gained
    if cross > 0:
        cross = max(cross - counts.n / 2, 0.0)
    product = (both_right + counts.lost) * (counts.gained + both_wrong)
    product *= (both_right + counts.gained) * (counts.lost + both_wrong)
    return cross / math.sqrt(product) if product > 0 else 0.0


def _wilson_arms(right: float, n: float, z: float) -> tuple[float, float]:
    """Distances from the share right / n down and up to the ends of Wilson's interval."""
    share, middle = right / n, (right + z * z / 2) / (n + z * z)
    width = z * math.sqrt(max(0.0, z * z / 4 + right * (n - right) / n)) / (n + z * z)
    return share - middle + width, middle + width - share


def _wald(lost: float, gained: float, n: float, confidence: float) -> tuple[float, float]:
    drop = (lost - gained) / n
    width = _two_sided_z(confidence) * math.sqrt(((lost + gained) / n - drop * drop) / n)
    return max(-1.0, drop - width), min(1.0, drop + width)


def _two_sided_z(confidence: float) -> float:
    between("confidence", confidence, 0, 1)
    return -normal_quantile((1 - confidence) / 2)
