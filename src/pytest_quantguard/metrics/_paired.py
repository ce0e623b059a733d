"""What most metrics share: one number per case and arm, compared case by case."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import ClassVar, NamedTuple

from pytest_quantguard._plural import counted
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Delta, Group, Reading, Unit

ALPHA = 0.05
"""Nominal probability that a bound lies on the wrong side of the truth, one-sided."""
CONFIDENCE = 1 - 2 * ALPHA
"""Of the two-sided intervals, so that either end is the one-sided bound."""
NOTHING = "nothing was measured"
LARGEST = 1e12
"""A number of seconds, tokens or money beyond it is no measurement; nor is a duration below its
inverse. So every ratio is finite."""
LEAST_SHARE = 0.0001
"""Smallest budget in points that is planned: it takes 30,000 cases without any difference."""
LEAST_RATIO = 1.001
"""Smallest limit above 1 that is planned for a mean ratio."""


class Pair(NamedTuple):
    """One case in both arms."""

    case: str
    baseline: float
    candidate: float
    weight: float = 1.0

    @property
    def swapped(self) -> Pair:
        """The same case, the two models exchanged."""
        return self._replace(baseline=self.candidate, candidate=self.baseline)


class Found(NamedTuple):
    """The cases a metric can use, and what is to be said about the others."""

    pairs: tuple[Pair, ...]
    note: str = ""
    barred: bool = False
    """True: the levels may be shown, but nothing may be concluded; the note tells why."""


class Paired(ABC):
    """A metric of one number per case and arm."""

    __slots__ = ()

    key: ClassVar[str]
    unit: ClassVar[Unit]
    both_ways: ClassVar[bool] = False
    report_only: ClassVar[bool] = False
    needs: ClassVar[str] = "an answer"
    """What an arm must have for a case to count."""

    @abstractmethod
    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> Found:
        """Return the cases that count."""

    @abstractmethod
    def _delta(self, pairs: Sequence[Pair]) -> Delta | None:
        """Compare the arms; there is at least one pair. None when these are too few."""

    @abstractmethod
    def _level(self, values: Sequence[float], weights: Sequence[float]) -> float:
        """Return the level of one arm; there is at least one value."""

    @abstractmethod
    def _p_above(self, pairs: Sequence[Pair], limit: float) -> float:
        """Return the one-sided p-value of "not above the limit"; there is at least one pair."""

    @abstractmethod
    def _check(self, limit: float) -> None:
        """Raise ValueError for a limit that no budget of this metric can have."""

    @abstractmethod
    def floor(self, limit: float) -> int:
        """Return the fewest cases with which a budget of this limit can pass.

        Raises:
            ValueError: a limit that no budget of this metric can have.
        """

    def _remark(self, pairs: Sequence[Pair], delta: Delta | None) -> str:
        """Return what else a reader should know; there is at least one pair."""
        return ""

    def read(
        self,
        group: Group,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
    ) -> Reading:
        """Return what the group's cases show; no delta, and a note, where they show nothing."""
        pairs, note, barred = self._find(measurements, outcomes)
        group = group._replace(metric=self.key)
        if not pairs:
            return Reading(group=group, unit=self.unit, note=note or NOTHING)
        delta = None if barred else self._delta(pairs)
        weights = [pair.weight for pair in pairs]
        return Reading(
            group=group,
            unit=self.unit,
            delta=delta,
            baseline=self._level([pair.baseline for pair in pairs], weights),
            candidate=self._level([pair.candidate for pair in pairs], weights),
            cases=len(pairs),
            note=sentences(note, "" if barred else self._remark(pairs, delta)),
        )

    def p_over(
        self,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
        limit: float,
    ) -> float:
        """Return the p-value of "the true delta is not above the limit"; 1 where unknown.

        Where both directions are a loss it is that of "the shift is within the limit": twice the
        smaller of the two one-sided p-values, at most 1.

        Raises:
            ValueError: a limit that no budget of this metric can have.
        """
        self._check(limit)
        pairs, _, barred = self._find(measurements, outcomes)
        if barred or not pairs:
            return 1.0
        above = self._p_above(pairs, limit)
        if not self.both_ways:
            return above
        below = self._p_above([pair.swapped for pair in pairs], limit)
        return min(1.0, 2 * above, 2 * below)


def check_share(limit: float) -> None:
    """Raise ValueError unless the limit of a metric in points is in (0, 1]."""
    if not 0 < limit <= 1:
        raise ValueError(f"the limit is {limit}; a share is above 0 and at most 1")


def check_ratio(limit: float, least: float = 0.0) -> None:
    """Raise ValueError unless the limit of a metric that is a ratio is finite, above ``least``."""
    if not least < limit < math.inf:
        raise ValueError(f"the limit is {limit}; it must be finite and above {least:g}")


def check_decidable(limit: float, least: float, written: str) -> None:
    """Raise ValueError for a budget below the ``least`` that anybody has the cases for."""
    if limit < least * (1 - 1e-9):
        raise ValueError(
            f"the limit is {limit}, so close to none that nobody has the cases to decide it; "
            f"write {written} or more"
        )


def known(value: float | None, most: float = LARGEST) -> float | None:
    """Return a value from 0 to ``most``; None for anything else that a server may have said."""
    return value if value is not None and 0 <= value <= most else None


def positive(value: float | None) -> float | None:
    """Return a value that a ratio can be made of; None for anything else."""
    return value if value is not None and 1 / LARGEST <= value <= LARGEST else None


def pairs_of(
    measurements: Iterable[PairedMeasurement], value: Callable[[Measurement], float | None]
) -> tuple[Pair, ...]:
    """Return the cases in which both arms have the value, in the order of their ids."""
    pairs = []
    for found in sorted(measurements, key=attrgetter("case")):
        baseline, candidate = value(found.baseline), value(found.candidate)
        if baseline is not None and candidate is not None:
            pairs.append((found.case, baseline, candidate, found.weight))
    return tuple(map(Pair._make, pairs))


def answered(measurements: Iterable[PairedMeasurement]) -> list[PairedMeasurement]:
    """Return the cases that both arms answered."""
    return [m for m in measurements if m.baseline.answered and m.candidate.answered]


def left_out(asked: int, used: int, needs: str) -> str:
    """Return a sentence about the cases that do not count; empty when all do."""
    if asked == used:
        return ""
    if not used:
        return f"no case has {needs} in both arms"
    return f"{asked - used} of {counted(asked, 'case')} left out: an arm lacks {needs}"


def sentences(*parts: str) -> str:
    """Join what there is to say."""
    return "; ".join(part for part in parts if part)


def weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the mean; the weights are above 0, in any unit."""
    return math.fsum(v * w for v, w in zip(values, weights, strict=True)) / math.fsum(weights)
