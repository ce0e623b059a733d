"""The smallest loss that a golden set would notice, before a run and after it; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_quantguard import stats
from pytest_quantguard._decide import ALPHA_FAIL, Counted
from pytest_quantguard._plural import counted
from pytest_quantguard.pairs import PairedOutcome

_LARGEST = 0.999


def noticed(
    n: float, max_drop: float, psi: float, *, share: float = 1.0, power: float = 0.8
) -> float | None:
    """Return the smallest true loss, in one group alone, that FAILs its budget with this power.

    Two things have to happen: the estimate exceeds the budget, and the cases are evidence of
    1 / (`ALPHA_FAIL` share) : 1, share being the group's part of the run's evidence. Both are
    looked up for the outcome that a run surpasses with the wanted power: the quantile of lost minus
    gained, in a normal approximation, with the number of differing cases that belongs to it. The
    true power is within three points of the wanted one for 20 cases and more (simulated). In a
    loss all of it is on top of psi.

    Returns None where not even the largest loss would be noticed.
    """
    from statistics import NormalDist  # brings decimal, fractions and random

    if n <= 0 or not 0 < max_drop < _LARGEST:
        return None
    needed = math.log(1 / (ALPHA_FAIL * share))
    z = NormalDist().inv_cdf(power)

    def enough(loss: float) -> bool:
        differing = min(1.0, psi + loss)
        variance = n * max(1e-12, differing - loss * loss)
        net = n * loss - z * math.sqrt(variance)
        slope = n * loss * (1 - differing) / variance
        either = max(net, n * differing + slope * (net - n * loss))
        return (
            net > n * max_drop
            and stats.sign_evidence_of((either + net) / 2, (either - net) / 2).log_e >= needed
        )

    low, high = max_drop, _LARGEST
    if not enough(high):
        return None
    while high - low > 5e-5:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def differences(outcomes: Sequence[PairedOutcome], suite: Counted) -> str:
    """Say how much differs, in both directions: everything hangs on it. ``suite`` is every case."""
    worse, better = sum(o.regressed for o in outcomes), sum(o.improved for o in outcomes)
    return differences_of(len(outcomes), worse, better, suite)


def differences_of(checks: int, worse: int, better: int, suite: Counted) -> str:
    """Say the same of checks that were counted and not kept."""
    share = 100 * (worse + better) / checks
    total = counted(checks, "check")
    text = f"{worse} of {total} got worse and {better} better: {share:.1f} % differ"
    counts = suite.table
    if counts.psi:
        chance = stats.noise_limit(counts.psi, counts.n)
        if counts.drop < chance:  # a larger loss is no question of chance
            text += f"; a loss below {100 * chance:.1f} pt over all could be chance"
    return text
