"""Counters of paired outcomes: everything the decision rule asks of a group, and nothing else.

They add up: what was counted by cohort and check gives every wider group. Their size does not
depend on how many pairs there are.
"""

from __future__ import annotations

import math
from typing import Self

from pytest_quantguard import stats

_PARTS = 10**12
"""Differences are rounded to 12 digits, so that in these parts every sum of them is exact."""
_STEPS = 120
"""Parts of 1 in which differences are told apart: halves, thirds, up to sixths, eighths and tenths
are kept as they are."""


class Count:
    """The cases of one group, counted; what `_decide.Counted` asks for."""

    __slots__ = (
        "alone",
        "better",
        "broken",
        "checks",
        "difference",
        "gained",
        "held",
        "hidden",
        "lost",
        "parts",
        "size",
        "square",
        "whole",
        "worse",
        "wrong",
    )

    def __init__(self) -> None:
        self.size = 0
        """Cases."""
        self.worse = self.better = 0
        """Cases in which the candidate did worse, and better."""
        self.whole = True
        """True where every difference is -1, 0 or 1."""
        self.difference = 0
        """Sum of the differences, in parts of `_PARTS`."""
        self.square = 0.0
        """Sum of their squares."""
        self.broken = (0, 0)
        """How many of the worse, and of the better, differ by less than 1."""
        self.parts: dict[int, float] = {}
        """How many differences other than -1, 0 and 1 there are, by `_STEPS`; one between two
        steps is split, so that the mean stays."""
        self.held = 0.0
        """Sum of the baseline's values."""
        self.checks = self.lost = self.gained = 0
        """Checks of these cases, and how many of them regressed and improved."""
        self.hidden = 0.0
        """How much less would be lost, in cases, had every silence of the candidate been right."""
        self.wrong = 0
        """Cases without a difference of which a check holds in neither arm."""
        self.alone = 0
        """Cases with a check that has no pair, since the baseline was silent."""

    def add(self, difference: float, held: float) -> None:
        """Count one case: its difference in [-1, 1], and the baseline's value in [0, 1]."""
        self.size += 1
        self.held += held
        if not difference:
            return
        if difference == 1:
            self.worse += 1
            self.difference += _PARTS
            self.square += 1
        elif difference == -1:
            self.better += 1
            self.difference -= _PARTS
            self.square += 1
        else:
            self._add_part(difference)

    def _add_part(self, difference: float) -> None:
        self.whole = False
        self.difference += round(difference * _PARTS)
        self.square += difference * difference
        step = math.floor(difference * _STEPS)
        above = round(difference * _STEPS - step, 9)
        self.parts[step] = self.parts.get(step, 0.0) + 1 - above
        if above:
            self.parts[step + 1] = self.parts.get(step + 1, 0.0) + above
        worse, better = self.broken
        if difference > 0:
            self.worse += 1
            self.broken = worse + 1, better
        else:
            self.better += 1
            self.broken = worse, better + 1

    def merge(self, other: Count) -> Self:
        """Add what another counter of other cases has; return this one."""
        self.size += other.size
        self.worse += other.worse
        self.better += other.better
        self.whole = self.whole and other.whole
        self.difference += other.difference
        self.square += other.square
        self.held += other.held
        self.broken = self.broken[0] + other.broken[0], self.broken[1] + other.broken[1]
        for step, number in other.parts.items():
            self.parts[step] = self.parts.get(step, 0.0) + number
        self.checks += other.checks
        self.lost += other.lost
        self.gained += other.gained
        self.hidden += other.hidden
        self.wrong += other.wrong
        self.alone += other.alone
        return self

    @property
    def total(self) -> float:
        """Sum of the differences: cases lost less cases gained."""
        return self.difference / _PARTS

    @property
    def rate(self) -> float:
        """Share of cases that hold in the baseline, in [0, 1]; one case at least."""
        return self.held / self.size

    @property
    def table(self) -> stats.PairedCounts:
        """As `stats.paired_counts` matches it by its moments; one case at least."""
        total = self.total
        square = max(self.square, abs(total))
        return stats.PairedCounts(
            lost=(square + total) / 2, gained=(square - total) / 2, n=float(self.size)
        )

    @property
    def spread(self) -> dict[float, float]:
        """How many cases have which difference; what lies between two steps is split."""
        alike = self.size - self.worse - self.better
        found = {1.0: 0.0 + self.worse, -1.0: 0.0 + self.better, 0.0: 0.0 + alike}
        found[1.0] -= self.broken[0]
        found[-1.0] -= self.broken[1]
        for step, number in self.parts.items():
            found[step / _STEPS] = found.get(step / _STEPS, 0.0) + number
        return found

    @property
    def signs(self) -> tuple[int, int]:
        """How many cases got worse, and how many better."""
        return self.worse, self.better

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Estimates of the loss, had every missing answer been right, and wrong; None = no gap."""
        if not (self.hidden or self.alone):
            return None
        n = self.size + self.alone
        return (self.total - self.hidden - self.alone) / n, (self.total + self.alone) / n
