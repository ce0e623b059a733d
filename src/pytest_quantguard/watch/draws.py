"""Do answers drawn at random come from the same model? A two-sample test on texts.

The statistic is the maximum mean discrepancy with the Hamming string kernel (Gao, Liang and
Guestrin, Model Equality Testing, 2024): do two texts agree in more places when both are of one
side? At temperature 1 the randomness is the sampler's own, so that draws of one model are
exchangeable within a probe, and the mean and variance of the statistic over all relabellings are
known exactly, without relabelling once. How far looks differ beyond that is learned from the
pin's looks.

Source of the two moments: J. Friedman and L. Rafsky, Multivariate generalizations of the
Wald-Wolfowitz and Smirnov two-sample tests, Annals of Statistics 7 (1979).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_quantguard.watch.probes import DRAWN
from pytest_quantguard.watch.records import Look

PLACES = 64
"""Characters of a text that are compared."""
ALLOWANCE = 0.4
"""Standard deviation that is added, for each of a side's draws of one probe. Where a model is
nearly sure, relabelling knows next to no variance, and one rare text drawn twice would be many of
its standard deviations. With this, Student's t gives a p that is never less than half of the true
one, however sure the model is (benchmarks/watch); where it is unsure z shrinks by a sixth."""
_FEWEST = 4  # texts of a probe on each side: with fewer it is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """How far two sets of draws are apart."""

    z: float
    """In standard deviations of what relabelling gives; about 0 for one and the same model."""
    guarded: float
    """The same with an allowance for rare texts: what a limit is held against."""
    value: float
    """Squared maximum mean discrepancy, the mean over the probes: 0 = the same, at most 2."""


def hamming(one: str, other: str) -> float:
    """Share, in [0, 1], of the places in which two texts agree, up to `PLACES` of them.

    A place that only the longer one has is no agreement; two empty texts agree.
    """
    one, other = one[:PLACES], other[:PLACES]
    longest = max(len(one), len(other))
    return sum(a == b for a, b in zip(one, other, strict=False)) / longest if longest else 1.0


def drawn(looks: Sequence[Look]) -> dict[str, Counter[str]]:
    """Return for each probe the texts that were drawn, and how often."""
    found: dict[str, Counter[str]] = {}
    for look in looks:
        for answer in look.answers:
            if answer.probe.startswith(f"{DRAWN}-"):
                found.setdefault(answer.probe, Counter())[answer.text[:PLACES]] += 1
    return found


def discrepancy(looks: Sequence[Look], others: Sequence[Look]) -> Discrepancy | None:
    """Compare the draws of some looks with those of others; None where there are too few.

    Per probe, with m texts of the one side, N of both and the kernel k centred in rows and columns,
    the statistic is W = sum of k over the pairs within the m. Over all choices of m among N texts
    its mean and variance follow from the sums of k, k^2 and squared row sums. z = sum (W - mean) /
    sqrt(sum variance), the sums being over the probes; `Discrepancy.guarded` divides by
    sqrt(sum variance + (0.4 m)^2).
    """
    ours, theirs = drawn(looks), drawn(others)
    shared = [probe for probe in theirs if probe in ours]
    moments = [
        _moments(ours[probe], theirs[probe])
        for probe in shared
        if min(ours[probe].total(), theirs[probe].total()) >= _FEWEST
    ]
    if not moments or len(moments) < len(theirs) / 2:
        return None
    variance = math.fsum(one.variance for one in moments)
    apart = math.fsum(one.apart for one in moments)
    rare = ALLOWANCE * max(ours[probe].total() for probe in shared)
    return Discrepancy(
        z=apart / math.sqrt(variance) if variance > 0 else 0.0,
        guarded=apart / math.sqrt(variance + rare**2),
        value=math.fsum(one.value for one in moments) / len(moments),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moments:
    apart: float  # W minus its mean
    variance: float
    value: float


def _moments(ours: Counter[str], theirs: Counter[str]) -> _Moments:
    """One probe; equal texts are worked on together, so the cost is that of distinct ones."""
    texts = list(ours | theirs)
    m, n = ours.total(), ours.total() + theirs.total()
    mine = [ours[text] for text in texts]
    count = [ours[text] + theirs[text] for text in texts]
    kernel = [[hamming(one, other) for other in texts] for one in texts]
    means = [math.fsum(map(float.__mul__, row, map(float, count))) / n for row in kernel]
    grand = math.fsum(mean * number for mean, number in zip(means, count, strict=True)) / n
    places = range(len(texts))
    centred = [[kernel[i][j] - means[i] - means[j] + grand for j in places] for i in places]
    within = _pairs(centred, mine)
    squares = [[value * value for value in row] for row in centred]
    # A centred row sums to 0 with its own diagonal, so without it to minus the diagonal.
    rows = math.fsum(count[i] * centred[i][i] ** 2 for i in places)
    total, square = _pairs(centred, count), _pairs(squares, count)
    two = m * (m - 1) / (n * (n - 1))
    three = two * (m - 2) / (n - 2)
    four = three * (m - 3) / (n - 3)
    mean = two * total
    second = two * square + three * (rows - 2 * square) + four * (total**2 - rows + square)
    variance = second - mean**2
    return _Moments(
        apart=within - mean,
        variance=variance if variance > 1e-12 * square else 0.0,
        value=_squared_discrepancy(kernel, mine, [c - k for c, k in zip(count, mine, strict=True)]),
    )


def _pairs(kernel: Sequence[Sequence[float]], count: Sequence[int]) -> float:
    """Sum of a kernel over the unordered pairs of different items, equal texts being several."""
    places = range(len(count))
    everything = math.fsum(
        count[i] * count[j] * kernel[i][j] for i in places if count[i] for j in places if count[j]
    )
    return (everything - math.fsum(count[i] * kernel[i][i] for i in places)) / 2


def _squared_discrepancy(
    kernel: Sequence[Sequence[float]], ours: Sequence[int], theirs: Sequence[int]
) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy."""
    m, n = sum(ours), sum(theirs)
    places = range(len(ours))
    across = math.fsum(ours[i] * theirs[j] * kernel[i][j] for i in places for j in places)
    one = 2 * _pairs(kernel, ours) / (m * (m - 1))
    other = 2 * _pairs(kernel, theirs) / (n * (n - 1))
    return one + other - 2 * across / (m * n)
