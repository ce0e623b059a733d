"""Intervals of other authors, against their published values."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from paired_tables import table

from pytest_quantguard import stats


def newcombe_interval(a: int, lost: int, gained: int, d: int) -> tuple[float, float]:
    """Newcombe's (1998, method 10) square-and-add interval for paired proportions."""
    n, z = a + lost + gained + d, NormalDist().inv_cdf(0.975)

    def wilson(k: int) -> tuple[float, float]:
        middle, width = 2 * k + z * z, z * math.sqrt(z * z + 4 * k * (n - k) / n)
        return (middle - width) / (2 * (n + z * z)), (middle + width) / (2 * (n + z * z))

    first, second = a + lost, a + gained
    product = first * (n - first) * second * (n - second)
    cross = float(a * d - lost * gained)
    if cross > 0:
        cross = max(cross - n / 2, 0.0)  # Newcombe's correction for continuity
    phi = cross / math.sqrt(product) if product else 0.0
    (l1, u1), (l2, u2) = wilson(first), wilson(second)
    p1, p2 = first / n, second / n
    below = (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    above = (u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2
    return p1 - p2 - math.sqrt(below), p1 - p2 + math.sqrt(above)


@pytest.mark.parametrize(
    ("cells", "newcombe", "apart"),
    [
        ((59, 6, 16, 80), (-0.1186, -0.0046), 0.006),
        ((14, 5, 0, 22), (0.0115, 0.2265), 0.03),
    ],
)
def test_another_good_method_agrees(
    cells: tuple[int, int, int, int], newcombe: tuple[float, float], apart: float
) -> None:
    """Newcombe's interval, itself checked against published values, lies close to Tango's."""
    other = newcombe_interval(*cells)
    ours = stats.tango_interval(table(cells[1], cells[2], sum(cells)))

    assert newcombe == (round(other[0], 4), round(other[1], 4))
    assert pytest.approx(other, abs=apart) == ours
