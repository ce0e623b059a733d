"""Plans, against the planning table and enumeration."""

from __future__ import annotations

import math

import pytest
from paired_tables import BAD_NUMBERS, chance_of_pass, random_tables, table

from pytest_quantguard import stats


@pytest.mark.parametrize(
    ("max_drop", "cases"), [(0.01, 268), (0.02, 133), (0.03, 88), (0.05, 52), (0.1, 25)]
)
def test_floor_of_the_planning_table(max_drop: float, cases: int) -> None:
    """The fewest cases that can prove a budget when nothing differs."""
    assert cases == stats.pass_floor(max_drop)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_floor_is_where_the_bound_first_fits(alpha: float) -> None:
    """For every budget in half points the bound itself passes at the floor and not before."""
    for half_points in range(1, 200):
        max_drop = half_points / 200
        floor = stats.pass_floor(max_drop, alpha)

        assert stats.tango_upper(table(0, 0, floor), alpha) < max_drop
        if floor > 1:
            assert stats.tango_upper(table(0, 0, floor - 1), alpha) >= max_drop


@pytest.mark.parametrize(
    ("max_drop", "psi", "cases_80", "cases_95"),
    [
        (0.01, 0.02, 1397, 2375),
        (0.01, 0.05, 3162, 5505),
        (0.01, 0.08, 4989, 8714),
        (0.02, 0.02, 425, 692),
        (0.02, 0.05, 837, 1437),
        (0.02, 0.08, 1277, 2218),
        (0.03, 0.02, 225, 353),
        (0.03, 0.05, 400, 675),
        (0.03, 0.08, 588, 1012),
        (0.05, 0.02, 107, 159),
        (0.05, 0.05, 167, 273),
        (0.05, 0.08, 230, 389),
        (0.1, 0.02, 41, 57),
        (0.1, 0.05, 56, 86),
        (0.1, 0.08, 71, 114),
    ],
)
def test_cases_of_the_planning_table(
    max_drop: float, psi: float, cases_80: int, cases_95: int
) -> None:
    """Cases for 80 % and 95 % power against a candidate without a net loss."""
    expected = cases_80, cases_95

    assert expected == (
        stats.pass_cases(max_drop, psi, power=0.8),
        stats.pass_cases(max_drop, psi, power=0.95),
    )


def test_power_and_cases_are_inverse() -> None:
    """The planned number reaches the power, and one case fewer does not, unless at the floor."""
    for max_drop in (0.01, 0.03, 0.05, 0.1):
        for psi in (0.02, 0.08, 0.3):
            for drop in (-0.01, 0.0, 0.005):
                n = stats.pass_cases(max_drop, psi, power=0.9, drop=drop)

                assert stats.pass_power(n, max_drop, psi, drop) >= 0.9 - 1e-12
                if n > stats.pass_floor(max_drop):
                    assert stats.pass_power(n - 1, max_drop, psi, drop) < 0.9


@pytest.mark.parametrize(
    ("n", "max_drop", "psi", "drop"),
    [
        (167, 0.05, 0.05, 0.0),
        (107, 0.05, 0.03, 0.0),
        (71, 0.1, 0.08, 0.0),
        (150, 0.08, 0.1, 0.02),
        (90, 0.85, 0.8, 0.75),
    ],
)
def test_power_formula_is_close_to_enumeration(
    n: int, max_drop: float, psi: float, drop: float
) -> None:
    """With at least three differing cases expected, the formula errs by at most 5 points."""
    exact = chance_of_pass(n, max_drop, drop, psi)

    assert pytest.approx(exact, abs=0.05) == stats.pass_power(n, max_drop, psi, drop)


def test_power_moves_the_right_way() -> None:
    """More cases help; noise, a real loss and a strict alpha hurt; below the floor it is 0."""
    power = stats.pass_power(200, 0.05, 0.05)

    assert power < stats.pass_power(250, 0.05, 0.05)
    assert power > stats.pass_power(200, 0.05, 0.08)
    assert power > stats.pass_power(200, 0.05, 0.05, drop=0.02)
    assert power > stats.pass_power(200, 0.05, 0.05, alpha=0.01)
    assert stats.pass_power(51, 0.05, 0.0) == 0
    assert stats.pass_power(52, 0.05, 0.0) == 1
    assert stats.pass_power(0, 0.05, 0.05) == 0


def test_plan_without_any_noise_is_the_floor() -> None:
    """If nothing ever differs, the floor is enough for every power; no plan goes below it."""
    assert stats.pass_floor(0.05) == stats.pass_cases(0.05, psi=0.0, power=0.99)
    assert stats.pass_floor(0.05) == stats.pass_cases(0.05, psi=0.05, power=0.1)


def test_further_cases_are_exactly_enough() -> None:
    """At the same rates the suggested number passes, and one case fewer does not."""
    asked = 0
    for counts in random_tables(seed=23, number=900):
        further = stats.cases_to_pass(counts, 0.05)
        if further is None:
            assert counts.drop >= 0.05
            continue
        if further == 0:
            assert stats.tango_upper(counts) < 0.05
            continue
        asked += 1
        for cases, passes in ((further, True), (further - 1, False)):
            share = 1 + cases / counts.n
            more = table(counts.lost * share, counts.gained * share, counts.n * share)

            assert passes == (stats.tango_upper(more) < 0.05)
    assert asked > 50


def test_more_of_the_same_cannot_pass_over_the_budget() -> None:
    """An estimate at or above the budget has no number of further cases."""
    assert stats.cases_to_pass(table(5, 0, 100), 0.05) is None
    assert stats.cases_to_pass(table(9, 1, 100), 0.05) is None
    assert stats.cases_to_pass(table(1, 0, 400), 0.05) == 0


def test_budget_of_everything_is_allowed() -> None:
    """A budget of 100 points is decided by one case that is not lost."""
    assert stats.pass_floor(1) == 1
    assert stats.pass_cases(1, psi=0.05) == 1
    assert stats.pass_power(5, 1, psi=0.05) == 1
    assert stats.cases_to_pass(table(2, 0, 3), 1) == 0
    assert stats.cases_to_pass(table(3, 0, 3), 1) is None


@pytest.mark.parametrize("bad", [0, -0.05, 1.01, 5, *BAD_NUMBERS])
def test_budget_out_of_range_is_named(bad: float) -> None:
    """A budget of 0 is not provable, and 5 is not 5 points."""
    message = f"max_drop is {bad}"
    with pytest.raises(ValueError, match=message):
        stats.pass_floor(bad)
    with pytest.raises(ValueError, match=message):
        stats.pass_power(100, bad, 0.05)
    with pytest.raises(ValueError, match=message):
        stats.pass_cases(bad, 0.05)
    with pytest.raises(ValueError, match=message):
        stats.cases_to_pass(table(1, 1, 10), bad)


@pytest.mark.parametrize(
    ("psi", "power", "drop", "message"),
    [
        (0.05, 0.8, 0.05, "drop 0.05 is not below max_drop 0.05"),
        (0.01, 0.8, 0.02, "psi is 0.01; it must lie between abs"),
        (1.2, 0.8, 0.0, "psi is 1.2"),
        (math.nan, 0.8, 0.0, "psi is nan"),
        (0.05, 1.0, 0.0, "power is 1.0"),
        (0.05, math.nan, 0.0, "power is nan"),
        (0.05, 0.8, math.nan, "drop is nan"),
    ],
)
def test_plan_out_of_range_is_named(psi: float, power: float, drop: float, message: str) -> None:
    """A plan that cannot be made says which argument is in the way."""
    with pytest.raises(ValueError, match=message):
        stats.pass_cases(0.05, psi, power=power, drop=drop)


@pytest.mark.parametrize("bad", [-1, *BAD_NUMBERS])
def test_power_needs_a_number_of_cases(bad: float) -> None:
    """A number of cases is finite and not negative."""
    with pytest.raises(ValueError, match=f"n is {bad}"):
        stats.pass_power(bad, 0.05, 0.05)
