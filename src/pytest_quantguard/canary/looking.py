"""When the evidence of a stream is looked at, and what a look may conclude.

The family e-value of `_decide.weigh` holds at every pair count, so that it is looked at often, with
weights that were fixed at the first look; so does the evidence that a budget is exceeded, which
stopping takes, too. PASS, FAIL under ``strict``, and FAIL of a budget on a metric are tests of a
fixed size: they are made at 500 pairs and each time these have doubled, and share their error over
as many looks as there may be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pytest_quantguard import stats
from pytest_quantguard._decide import ALPHA_FAIL, ALPHA_PASS, Counted, Family, weigh, weights_of
from pytest_quantguard.canary.rows import Error
from pytest_quantguard.types import Source
from pytest_quantguard.verdicts import Group

EVERY = 250
"""Pairs between two looks at the e-value, at least: more where there are many groups."""
FIRST_SIZE = 500
"""Pairs at the first look that may conclude PASS; each further one is at twice as many."""
KEPT_BACK = 0.1
"""Part of the evidence that is kept for groups which come after the first look."""


def error_of(look: int, *, early: bool = True) -> Error:
    """Return the error that one look, from 1, may make, whose number nobody knows beforehand.

    ``early``: False at the end of the traffic.
    """
    return Error(
        passing=stats.looks_alpha_open(ALPHA_PASS, look),
        failing=stats.looks_alpha_open(ALPHA_FAIL, look),
        early=early,
    )


@dataclass(frozen=True, slots=True)
class Trigger:
    """Where in the traffic a budget was shown to be exceeded."""

    pair: int
    """Number of the pair, from 1."""
    source: Source
    log_evidence: float
    """Natural logarithm of the run's e-value then."""


class Schedule:
    """When to look next."""

    def __init__(self) -> None:
        self.evidence = EVERY
        """Pairs at the next look at the e-value."""
        self.size = FIRST_SIZE
        """Pairs at the next look that may conclude PASS."""
        self.look = 0
        """How many of those there were."""

    @property
    def next(self) -> int:
        """Pairs at the next look of either kind."""
        return min(self.evidence, self.size)

    def after(self, pairs: int, counters: int, *, shown: bool) -> bool:
        """Plan on; tell whether a look may conclude PASS.

        ``shown``: the evidence is there, and looking is only about which budget is exceeded.
        """
        if pairs >= self.evidence:
            sparse = pairs // 50 if shown else 0
            self.evidence = pairs + max(EVERY, 20 * counters, sparse)
        due = pairs >= self.size
        while pairs >= self.size:
            self.size *= 2
            self.look += due
            due = True
        return due


class Weights:
    """The weight of each group in the evidence, fixed before its cases were counted.

    Those of the first look share nine tenths as `_decide.weights_of` splits them; the j-th group
    that comes later has 1 / (j (j + 1)) of the last tenth. A group that has not come yet owns an
    e-value of 1. So the sum is an e-process, whatever comes, and when.
    """

    def __init__(self) -> None:
        self._of: dict[Group, float] = {}
        self._late = 0

    def family(self, cases: Mapping[Group, Counted], alpha_blame: float) -> Family:
        """Weigh the evidence of all groups."""
        self._take(cases)
        if not cases:
            return Family()
        mine = {group: self._of[group] for group in cases}
        family = weigh(cases, alpha_blame, mine)
        total = math.fsum(mine.values())
        rest = max(0.0, 1 - total)
        # log(total e + rest), without ever leaving the logarithms' range
        top = max(family.log_evidence, 0.0)
        scaled = total * math.exp(family.log_evidence - top) + rest * math.exp(-top)
        return replace(family, log_evidence=top + math.log(scaled))

    def _take(self, cases: Mapping[Group, Counted]) -> None:
        if not self._of:
            found = weights_of(cases)
            total = math.fsum(found.values())
            self._of = {g: (1 - KEPT_BACK) * weight / total for g, weight in found.items()}
            return
        for group in sorted(cases.keys() - self._of.keys(), key=str):
            self._late += 1
            self._of[group] = KEPT_BACK / (self._late * (self._late + 1))
