"""Is a number the result of a simple calculation with the numbers of a context?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import accumulate, combinations, islice

from pytest_quantguard.checks._quantities import Quantity

MOST = 120
"""Different numbers of a context that are calculated with."""

_KINDS = ("number", "amount", "percentage", "measure")


def derived(one: Quantity, known: Sequence[Quantity]) -> bool:
    """Tell whether a number follows from one or two of the known ones, or from several in a row.

    Sums, differences, products, quotients, percentages of and changes in percent of two numbers;
    sums and means of neighbouring numbers; days between two dates. The result may be rounded to
    the digits that were written.
    """
    if one.kind not in _KINDS:
        return False
    wanted = [(abs(float(value)), _tolerance(value)) for value in one.values if len(value) < 16]
    numbers = list(islice(_numbers(known), MOST))
    return any(
        abs(result - value) <= tolerance
        for result in _results(numbers, list(islice(_days(known), 20)))
        for value, tolerance in wanted
    )


def _tolerance(value: str) -> float:
    """Half of the last digit that was written."""
    return 0.5 * 10.0 ** -len(value.partition(".")[2]) + 1e-9


def _numbers(known: Sequence[Quantity]) -> Iterator[float]:
    seen = set()
    for one in known:
        for value in one.values if one.kind in _KINDS else ():
            if len(value) < 16 and value not in seen:
                seen.add(value)
                yield abs(float(value))


def _days(known: Sequence[Quantity]) -> Iterator[date]:
    for one in known:
        for value in one.values if one.kind == "date" else ():
            try:
                yield date.fromisoformat(value)
            except ValueError:  # no year, or no such day
                continue


def _results(numbers: Sequence[float], days: Sequence[date]) -> Iterator[float]:
    for a, b in combinations(numbers, 2):
        yield from (a + b, abs(a - b), a * b, a * b / 100)
        for one, other in ((a, b), (b, a)):
            yield from (one * (1 + other / 100), one * (1 - other / 100))
            if other:
                yield from (one / other, 100 * one / other, 100 * abs(one - other) / other)
    for first in range(len(numbers)):
        for count, total in enumerate(accumulate(numbers[first : first + 30]), start=1):
            if count > 1:
                yield from (total, total / count)
    for one_day, other_day in combinations(days, 2):
        yield float(abs((one_day - other_day).days))
