"""Intervals of other authors, against their published values."""

from __future__ import annotations

import math

import pytest
from paired_tables import BAD_NUMBERS, table

from pytest_quantguard import stats

CAVO = table(6, 16, 161)  # Cavo 2012 in Fagerland, Lydersen and Laake: [[59, 6], [16, 80]]


def rounded(interval: tuple[float, float]) -> tuple[float, float]:
    """To the four decimals that are published."""
    return round(interval[0], 4), round(interval[1], 4)


def test_intervals_equal_published_values() -> None:
    """The 95 % intervals of one table agree with the R package contingencytables."""
    assert rounded(stats.newcombe_interval(CAVO, both_right=59)) == (-0.1186, -0.0046)
    assert rounded(stats.wald_interval(CAVO)) == (-0.1184, -0.0058)
    assert rounded(stats.bonett_price_interval(CAVO)) == (-0.1195, -0.0032)
    assert rounded(stats.agresti_min_interval(CAVO)) == (-0.1182, -0.0045)
    assert rounded(stats.tango_interval(CAVO)) == (-0.1240, -0.0054)


@pytest.mark.parametrize(
    ("cells", "interval"),
    [
        ((59, 6, 16, 80), (-0.1186, -0.0046)),
        ((14, 5, 0, 22), (0.0115, 0.2265)),  # Altman, Practical Statistics, table 6.2
        ((1, 0, 0, 1), (-0.5734, 0.5734)),  # the tests of contingencytables
    ],
)
def test_newcombe_equals_published_values(
    cells: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    """All four cells count: the outcomes' correlation makes the interval narrower."""
    both_right, lost, gained, _ = cells
    counts = table(lost, gained, sum(cells))

    assert interval == rounded(stats.newcombe_interval(counts, both_right))


@pytest.mark.parametrize(
    ("cells", "apart"), [((59, 6, 16, 80), 0.006), ((14, 5, 0, 22), 0.03), ((300, 9, 4, 87), 0.003)]
)
def test_good_methods_agree(cells: tuple[int, int, int, int], apart: float) -> None:
    """Every interval lies close to Tango's where there are cases enough."""
    both_right, lost, gained, _ = cells
    counts = table(lost, gained, sum(cells))
    tango = stats.tango_interval(counts)

    assert pytest.approx(tango, abs=apart) == stats.newcombe_interval(counts, both_right)
    assert pytest.approx(tango, abs=2 * apart) == stats.bonett_price_interval(counts)
    assert pytest.approx(tango, abs=2 * apart) == stats.agresti_min_interval(counts)


@pytest.mark.parametrize(
    "interval",
    [
        stats.wald_interval,
        stats.bonett_price_interval,
        stats.agresti_min_interval,
        lambda counts, confidence=0.95: stats.newcombe_interval(counts, 20, confidence),
    ],
)
def test_swapping_the_models_mirrors_every_interval(interval) -> None:
    """What is a loss from one side is a gain from the other; less confidence is narrower."""
    low, high = interval(table(9, 2, 77))

    assert pytest.approx((-high, -low)) == interval(table(2, 9, 77))
    assert interval(table(9, 2, 77), confidence=0.8)[1] < high
    for bad in (0, 1, *BAD_NUMBERS):
        with pytest.raises(ValueError, match=f"confidence is {bad}"):
            interval(table(9, 2, 77), confidence=bad)


def test_wald_has_no_width_where_nothing_differs() -> None:
    """That is why it is no rule for PASS: 30 cases without a difference would prove any budget."""
    assert stats.wald_interval(table(0, 0, 30)) == (0, 0)
    assert stats.bonett_price_interval(table(0, 0, 30))[1] > 0.05


def test_intervals_end_at_one() -> None:
    """A drop is a share, also where the formula would go beyond."""
    assert stats.wald_interval(table(3, 1, 4), confidence=0.999)[1] == 1
    assert stats.agresti_min_interval(table(0, 4, 4), confidence=0.999)[0] == -1


@pytest.mark.parametrize("bad", [-1, 81, math.nan, math.inf])
def test_newcombe_needs_a_table_that_adds_up(bad: float) -> None:
    """More cases right with both models than there are unchanged ones are refused."""
    with pytest.raises(ValueError, match=f"both_right is {bad}; it must lie between 0 and 80"):
        stats.newcombe_interval(table(10, 10, 100), bad)
