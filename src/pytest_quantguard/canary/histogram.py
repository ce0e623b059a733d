"""The distribution of a million times in a few hundred numbers.

Source: C. Masson, J. Rim and H. Lee, DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees, Proceedings of the VLDB Endowment 12 (2019).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Self, overload

RESOLUTION = 0.01
"""Width of a bin, relative to where it stands: a value is known to half of that."""
_PER_E = 1 / math.log1p(RESOLUTION)
_BIN = math.log1p(RESOLUTION)


class Histogram:
    """How many of some positive numbers lie in each bin of one relative width.

    From 1e-12 to 1e12, the range of what `metrics` take for a measurement, there are 5,554 bins.
    """

    __slots__ = ("bins", "size")

    def __init__(self) -> None:
        self.bins: dict[int, int] = {}
        self.size = 0

    def add(self, value: float) -> None:
        """Count a finite number above 0."""
        place = math.floor(math.log(value) * _PER_E + 0.5)
        self.bins[place] = self.bins.get(place, 0) + 1
        self.size += 1

    def merge(self, other: Histogram) -> Self:
        """Add what another one has; return this one."""
        for place, count in other.bins.items():
            self.bins[place] = self.bins.get(place, 0) + count
        self.size += other.size
        return self

    def ordered(self, edge: float = 0.0) -> Ordered:
        """Return the numbers in order, each as one point of its bin: -0.5 is its lower end."""
        return Ordered(self, edge)


class Ordered(Sequence[float]):
    """The numbers of a histogram as if they had been kept and sorted."""

    def __init__(self, found: Histogram, edge: float) -> None:
        places = sorted(found.bins)
        self._values = [math.exp((place + edge) * _BIN) for place in places]
        self._ranks = list(accumulate(found.bins[place] for place in places))

    def __len__(self) -> int:
        return self._ranks[-1] if self._ranks else 0

    @overload
    def __getitem__(self, rank: int) -> float: ...
    @overload
    def __getitem__(self, rank: slice) -> Sequence[float]: ...
    def __getitem__(self, rank: int | slice) -> float | Sequence[float]:
        if isinstance(rank, slice):
            return [self[place] for place in range(*rank.indices(len(self)))]
        if not -len(self) <= rank < len(self):
            raise IndexError(rank)
        return self._values[bisect_right(self._ranks, rank % len(self))]
