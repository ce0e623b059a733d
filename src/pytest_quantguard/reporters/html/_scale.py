"""Scales: where a difference or a ratio stands in a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pytest_quantguard.reporters._words import digits
from pytest_quantguard.verdicts import BudgetVerdict, Unit

WIDEST = 4.0
"""A scale reaches at most this many times the widest budget; what lies beyond ends in an arrow.

One build that is wrong nearly everywhere must not squeeze the bars of all others to dots.
"""
_RATIO_TICKS = (1, 0.5, 2, 0.25, 4, 0.1, 10, 0.8, 1.25, 0.02, 50, 0.9, 1.1, 0.95, 1.05)
"""In the order in which they are wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Maps differences, or ratios by their logarithm, to [0, width]."""

    unit: Unit
    low: float
    high: float
    width: float

    def at(self, value: float) -> float:
        """Return the place of a value; beyond the ends it is the end."""
        low, high = self._inner(self.low), self._inner(self.high)
        place = (self._inner(value) - low) / (high - low)
        return self.width * min(1.0, max(0.0, place))

    def holds(self, value: float) -> bool:
        """Tell whether a value lies on the scale."""
        return self.low <= value <= self.high

    def ticks(self, room: float) -> list[float]:
        """Return round values, at least ``room`` apart, neutral one first, sorted."""
        wanted = _RATIO_TICKS if self.unit == "ratio" else _round_values(self, room)
        found: list[float] = []
        for value in wanted:
            if self.holds(value) and all(abs(self.at(value) - self.at(t)) >= room for t in found):
                found.append(value)
        return sorted(found)

    def name(self, tick: float) -> str:
        """Return a tick as people read it; points are signed."""
        if self.unit == "ratio":
            return f"x{tick:g}"
        return f"{100 * tick:+.3g}" if tick else "0"

    def _inner(self, value: float) -> float:
        if self.unit == "points":
            return value
        return math.log(min(1e12, max(1e-12, value)))


def scale_of(rows: Iterable[BudgetVerdict], unit: Unit, width: float) -> Scale | None:
    """Return one scale for all rows of a unit; None where no row has a difference in it."""
    found = [(row, row.delta) for row in rows if row.delta and row.delta.unit == unit]
    if not found:
        return None
    limits = [limit for row, _ in found if (limit := limit_of(row)) is not None]
    values = [one for _, delta in found for one in (delta.low, delta.value, delta.high)]
    values = [one for one in values if not math.isnan(one)]
    if unit == "points":
        reach = max(WIDEST * max(limits, default=0.05), 0.02)
        return _between(unit, [0.0, 0.01, *limits, *values], -reach, reach, width)
    reach = max([limit**3 for limit in limits if limit > 1] + [4.0])
    return _between(unit, [0.9, 1.1, *limits, *values], 1 / reach, reach, width)


def limit_of(row: BudgetVerdict) -> float | None:
    """Return a budget in the unit of its delta; None where the row has none."""
    if row.max_ratio is not None:
        return row.max_ratio
    if row.max_drop is None:
        return None
    return row.max_drop * (row.baseline_rate or 0.0) if row.relative else row.max_drop


def _between(unit: Unit, values: list[float], least: float, most: float, width: float) -> Scale:
    low, high = max(least, min(values)), min(most, max(values))
    if unit == "points":
        margin = 0.04 * (high - low)
        return Scale(unit=unit, low=low - margin, high=high + margin, width=width)
    margin = (high / low) ** 0.04
    return Scale(unit=unit, low=low / margin, high=high * margin, width=width)


def _round_values(scale: Scale, room: float) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten, 0 first."""
    step = round_up((scale.high - scale.low) * room / scale.width)
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    return [0.0, *(step * i for i in range(first, last + 1) if i)]


def round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50 ... times a power of ten; ``value`` above 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(nice * power for nice in (1, 2, 5, 10) if nice * power >= value * (1 - 1e-9))


def plain_number(unit: str) -> Callable[[float], str]:
    """Return how values of a unit are written: seconds as ms where they are short."""

    def write(value: float) -> str:
        if unit == "s":
            return f"{digits(1000 * value, 3)} ms" if value < 1 else f"{digits(value, 3)} s"
        return digits(value, 3) if value < 1000 else f"{value:,.0f}"

    return write
