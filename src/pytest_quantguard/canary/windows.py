"""Split traffic in windows of time and cohort, in which each arm's share of it hardly changes.

Where the candidate got more of the traffic at hours, or in cohorts, in which users are easier to
please, all requests together say something about the hours. Windows are compared each by itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from operator import add

FIRST = 100
"""Requests of a cohort in its first window."""
MOST = 64
"""Windows of a cohort; beyond, each two neighbours become one, and later ones are twice as long."""
_WIDE = 4


class Windows:
    """What users thought of one cohort's requests, by window; the last one is still open."""

    __slots__ = ("_cells", "_size")

    def __init__(self) -> None:
        self._size = FIRST
        self._cells = array("d")
        """Of each window its sum and number of requests, of the baseline, then the candidate."""

    def add(self, value: float, arm: int) -> None:
        """Count a request: 0 is the baseline's arm, 1 the candidate's."""
        cells = self._cells
        if not cells or cells[-3] + cells[-1] >= self._size:
            if len(cells) >= _WIDE * MOST:
                self._halve()
            cells.extend((0.0,) * _WIDE)
        place = len(cells) - _WIDE + 2 * arm
        cells[place] += value
        cells[place + 1] += 1

    def _halve(self) -> None:
        self._size *= 2
        found = list(self)
        for place, (one, other) in enumerate(zip(found[::2], found[1::2], strict=True)):
            start = _WIDE * place
            self._cells[start : start + _WIDE] = array("d", map(add, one, other))
        del self._cells[_WIDE * MOST // 2 :]

    def __iter__(self) -> Iterator[tuple[float, float, float, float]]:
        """Yield each window's sum and number of requests, of the baseline, then the candidate."""
        cells = iter(self._cells)
        yield from zip(cells, cells, cells, cells, strict=True)
