"""McNemar's tests, against published values and whole-number arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist

import pytest
from paired_tables import BAD_NUMBERS, table

from pytest_quantguard import stats


@pytest.mark.parametrize(
    ("lost", "gained", "two_sided", "digits"),
    [(6, 16, 0.052479, 6), (16, 6, 0.052479, 6), (1, 7, 0.0703, 4), (0, 0, 1.0, 12)],
)
def test_mcnemar_equals_published_values(
    lost: int, gained: int, two_sided: float, digits: int
) -> None:
    """Cavo 2012 and Bentur, in either direction; without differences p is 1."""
    assert two_sided == round(stats.mcnemar_exact(lost, gained)[1], digits)


def test_mcnemar_equals_whole_number_arithmetic() -> None:
    """Both p-values agree with exact fractions for every table of up to 40 differing cases."""
    for tosses in range(41):
        ways = [math.comb(tosses, k) for k in range(tosses + 1)]
        for lost in range(tosses + 1):
            upper = Fraction(sum(ways[lost:]), 2**tosses)
            lower = Fraction(sum(ways[: lost + 1]), 2**tosses)
            expected = float(upper), float(min(Fraction(1), 2 * min(upper, lower)))

            assert pytest.approx(expected, rel=1e-11) == stats.mcnemar_exact(lost, tosses - lost)


def test_mcnemar_of_very_many_cases() -> None:
    """A million differing cases take no time and agree with the normal limit."""
    one_sided, _ = stats.mcnemar_exact(501_000, 499_000)

    assert pytest.approx(NormalDist().cdf(-(2000 - 1) / 1000), rel=1e-4) == one_sided
    assert stats.mcnemar_exact(10_000, 0) == (0.0, 0.0)


@pytest.mark.parametrize("bad", [-1, 1.5, *BAD_NUMBERS])
def test_mcnemar_needs_whole_counts(bad: float) -> None:
    """Moment-matched counts have no exact test."""
    with pytest.raises(ValueError, match=f"gained is {bad}"):
        stats.mcnemar_exact(3, bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lost", "gained", "expected", "digits"),
    [(6, 16, 0.034690, 6), (16, 6, 0.034690, 6), (1, 7, 0.0391, 4), (2, 2, 1 - 6 / 32, 12)],
)
def test_midp_equals_published_values(lost: int, gained: int, expected: float, digits: int) -> None:
    """Cavo 2012 and Bentur 2009; with equal counts it is 1 less half the table's own chance."""
    assert expected == round(stats.mcnemar_midp(lost, gained), digits)
    assert stats.mcnemar_midp(lost, gained) < stats.mcnemar_exact(lost, gained)[1]


def test_midp_without_differences_is_one() -> None:
    """Nothing that differs is no evidence."""
    assert stats.mcnemar_midp(0, 0) == 1


def test_asymptotic_mcnemar_equals_published_values() -> None:
    """Cavo 2012: z = -2.132, two-sided p = 0.033006; without differences z is 0."""
    z = stats.mcnemar_z(6, 16)

    assert round(z, 3) == -2.132
    assert round(2 * NormalDist().cdf(z), 6) == 0.033006
    assert pytest.approx(stats.tango_z(table(6, 16, 161), 0)) == z
    assert stats.mcnemar_z(0, 0) == 0


@pytest.mark.parametrize("bad", [-1, *BAD_NUMBERS])
def test_other_mcnemar_tests_need_counts(bad: float) -> None:
    """A count is never negative or missing."""
    with pytest.raises(ValueError, match=f"lost is {bad}"):
        stats.mcnemar_midp(bad, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"lost is {bad}"):
        stats.mcnemar_z(bad, 3)
