"""Plans, against the planning table and enumeration."""

from __future__ import annotations

import math
import random

import pytest
from paired_tables import BAD_NUMBERS, chance_of, chance_of_pass, most_lost, random_tables, table

from pytest_quantguard import stats
from pytest_quantguard.stats import planning


@pytest.mark.parametrize(
    ("max_drop", "cases"), [(0.01, 299), (0.02, 149), (0.03, 99), (0.05, 59), (0.1, 29)]
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

        assert stats.loss_upper(table(0, 0, floor), alpha) < max_drop
        if floor > 1:
            assert stats.loss_upper(table(0, 0, floor - 1), alpha) >= max_drop


PLANNING_TABLE = [  # budget, psi: exact cases for power .8 and .95, and those of the normal limit
    (0.01, 0.02, (1354, 2307), (1397, 2375)),
    (0.01, 0.05, (3142, 5470), (3162, 5505)),
    (0.01, 0.08, (4975, 8693), (4989, 8714)),
    (0.02, 0.02, (401, 655), (425, 692)),
    (0.02, 0.05, (819, 1409), (837, 1437)),
    (0.02, 0.08, (1260, 2198), (1277, 2218)),
    (0.03, 0.02, (218, 339), (225, 353)),
    (0.03, 0.05, (388, 652), (400, 675)),
    (0.03, 0.08, (577, 994), (588, 1012)),
    (0.05, 0.02, (101, 153), (107, 159)),
    (0.05, 0.05, (158, 260), (167, 273)),
    (0.05, 0.08, (221, 375), (230, 389)),
    (0.1, 0.02, (46, 61), (41, 57)),
    (0.1, 0.05, (49, 82), (56, 86)),
    (0.1, 0.08, (69, 108), (71, 114)),
]


@pytest.mark.parametrize(("max_drop", "psi", "exact", "limit"), PLANNING_TABLE)
def test_cases_of_the_planning_table(
    max_drop: float, psi: float, exact: tuple[int, int], limit: tuple[int, int]
) -> None:
    """Cases for 80 % and 95 % power against a candidate without a net loss.

    The published formula, a normal limit, gives nearly the same: within 5 % from 10 differing
    cases on, within 13 % else.
    """
    planned = tuple(stats.pass_cases(max_drop, psi, power=power) for power in (0.8, 0.95))
    near = 0.05 if psi * limit[0] >= 10 else 0.13

    assert exact == planned
    assert pytest.approx(limit, rel=near) == planned


@pytest.mark.parametrize(("max_drop", "psi", "drop"), [(0.1, 0.02, 0.0), (0.05, 0.02, 0.015)])
def test_more_cases_than_planned_never_plan_for_less(
    max_drop: float, psi: float, drop: float
) -> None:
    """The chance wavers where few cases differ; the plan is the number from which on it is met."""
    for power in (0.5, 0.8, 0.9):
        n = stats.pass_cases(max_drop, psi, power, drop)

        assert all(stats.pass_power(n + more, max_drop, psi, drop) >= power for more in range(200))


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
        (60, 0.1, 1.0, 0.05),
        (64, 0.2, 0.98, -0.1),
        (100, 0.05, 0.04, 0.04),
        (100, 0.05, 0.04, -0.04),
    ],
)
def test_power_equals_enumeration(n: int, max_drop: float, psi: float, drop: float) -> None:
    """The chance is that of all tables that pass, one by one."""
    exact = chance_of_pass(n, max_drop, drop, psi)

    assert pytest.approx(exact, abs=1e-9) == stats.pass_power(n, max_drop, psi, drop)


@pytest.mark.parametrize(
    ("n", "max_drop", "psi", "drop"),
    [(2_000_000, 0.01, 0.02, 0.0098), (100_000, 0.01, 0.2005, 0.0075), (25_000, 0.05, 0.8, 0.04)],
)
def test_power_of_very_many_cases_goes_over_into_its_limit(
    n: int, max_drop: float, psi: float, drop: float
) -> None:
    """Above 20,000 differing cases the normal limit takes over without a step."""
    sides = [
        stats.pass_power(20_000 * share / psi, max_drop, psi, drop) for share in (0.9999, 1.0001)
    ]

    assert pytest.approx(sides[0], abs=0.004) == sides[1]
    assert 0 < stats.pass_power(n, max_drop, psi, drop) < 1


def test_power_moves_the_right_way() -> None:
    """More cases help; noise, a real loss and a strict alpha hurt; below the floor it is 0."""
    power = stats.pass_power(200, 0.05, 0.05)

    assert power < stats.pass_power(250, 0.05, 0.05)
    assert power > stats.pass_power(200, 0.05, 0.08)
    assert power > stats.pass_power(200, 0.05, 0.05, drop=0.02)
    assert power > stats.pass_power(200, 0.05, 0.05, alpha=0.01)
    assert stats.pass_power(58, 0.05, 0.0) == 0
    assert stats.pass_power(59, 0.05, 0.0) == 1
    assert stats.pass_power(59.7, 0.05, 0.02) == stats.pass_power(59, 0.05, 0.02)
    assert stats.pass_power(0, 0.05, 0.05) == 0


def test_plan_without_any_noise_is_the_floor() -> None:
    """If nothing ever differs, the floor is enough for every power; no plan goes below it."""
    assert stats.pass_floor(0.05) == stats.pass_cases(0.05, psi=0.0, power=0.99)
    assert stats.pass_floor(0.05) == stats.pass_cases(0.05, psi=0.05, power=0.1)


@pytest.fixture
def powers(monkeypatch) -> list[float]:
    """Every number of cases that a power was worked out for."""
    seen: list[float] = []

    def counted(n: float, *arguments: float) -> float:
        seen.append(n)
        return stats.pass_power(n, *arguments)

    monkeypatch.setattr(planning, "pass_power", counted)
    return seen


@pytest.mark.parametrize("max_drop", [0.05, 1e-6, 1e-9])
def test_plan_without_any_noise_needs_no_search(max_drop: float, powers: list[float]) -> None:
    """The floor is known in closed form."""
    assert stats.pass_floor(max_drop) == stats.pass_cases(max_drop, 0.0, power=0.7123)
    assert [] == powers


@pytest.mark.parametrize(
    ("max_drop", "psi"), [(1e-4, 1e-4), (1e-4, 1e-5), (1e-6, 1e-7), (1e-3, 1e-3), (1e-9, 1e-9)]
)
def test_plan_of_a_tiny_budget_takes_a_bounded_search(
    max_drop: float, psi: float, powers: list[float]
) -> None:
    """A thousand steps at most; from the plan on the power is met, to less than half a point."""
    n = stats.pass_cases(max_drop, psi, power=0.81)

    assert len(powers) < 1000
    assert stats.pass_power(n, max_drop, psi) >= 0.81 - 1e-12
    assert n == stats.pass_floor(max_drop) or stats.pass_power(n - 1, max_drop, psi) < 0.81
    draw = random.Random(4)
    for more in (draw.uniform(0, 2 / max_drop) for _ in range(100)):
        assert stats.pass_power(math.floor(n + more), max_drop, psi) >= 0.805


@pytest.mark.parametrize("tiny", [1e-10, 1e-17, 1e-200, 1e-300, 5e-324])
def test_a_budget_of_nothing_is_planned_as_a_thousand_millionth(tiny: float) -> None:
    """No number overflows: nobody has the cases of either."""
    assert stats.pass_floor(1e-9) == stats.pass_floor(tiny)
    assert stats.pass_cases(1e-9, 0.02) == stats.pass_cases(tiny, 0.02)
    assert stats.pass_power(1e6, tiny, 0.02) == 0
    for counts in (table(0, 0, 160), table(5, 5, 160), table(2, 5, 160)):
        assert stats.cases_to_pass(counts, 1e-9) == stats.cases_to_pass(counts, tiny)
    assert stats.fail_cases(1e-9, 0.02) == stats.fail_cases(tiny, 0.02)


def test_further_cases_are_exactly_enough() -> None:
    """At the same rates the suggested number passes, and one case fewer does not."""
    asked = 0
    for counts in random_tables(seed=23, number=900):
        further = stats.cases_to_pass(counts, 0.05)
        if further is None:
            assert counts.drop >= 0.05
            continue
        if further == 0:
            assert stats.loss_upper(counts) < 0.05
            continue
        asked += 1
        for cases, passes in ((further, True), (further - 1, False)):
            share = 1 + cases / counts.n
            more = table(counts.lost * share, counts.gained * share, counts.n * share)

            assert passes == (stats.loss_upper(more) < 0.05)
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
    assert pytest.approx(1) == stats.pass_power(5, 1, psi=0.05)
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


# --- budgets, failures, noise ---------------------------------------------------------------


def test_budget_is_the_smallest_that_passes_with_the_power() -> None:
    """A tenth of a point less would pass too seldom; more noise and fewer cases cost budget."""
    for n, psi in ((60, 0.02), (200, 0.02), (200, 0.08), (1000, 0.05)):
        budget = stats.pass_budget(n, psi)

        assert stats.pass_power(n, budget, psi) >= 0.95 > stats.pass_power(n, budget - 0.001, psi)
    assert stats.pass_budget(200, 0.02) < stats.pass_budget(200, 0.08)
    assert stats.pass_budget(200, 0.02) < stats.pass_budget(100, 0.02)
    assert stats.pass_budget(200, 0.02, power=0.5) < stats.pass_budget(200, 0.02)


def test_budget_without_noise_is_the_one_whose_floor_it_is() -> None:
    """59 cases without a difference prove 5 points; half a case proves nothing."""
    assert stats.pass_budget(59, 0.0) == 0.05
    assert stats.pass_budget(58, 0.0) == 0.051
    assert stats.pass_budget(0.5, 0.0) == 1


@pytest.mark.parametrize(("drop", "psi"), [(0.05, 0.08), (0.05, 0.11), (0.1, 0.16), (0.02, 0.05)])
def test_planned_failures_are_seen(drop: float, psi: float) -> None:
    """The exact test of that many cases finds the drop with 78 to 90 % (wanted: 80 %)."""
    n = stats.fail_cases(drop, psi)
    missed = most_lost(n, lambda counts: stats.mcnemar_exact(counts.lost, counts.gained)[0] > 0.01)

    assert 0.78 < 1 - chance_of(missed, n, drop, psi) < 0.9


def test_planned_failures_equal_hand_calculation() -> None:
    """((2.3263 sqrt(.08) + .8416 sqrt(.0775)) / .05)^2 + 2 / .05 = 358.5."""
    assert stats.fail_cases(0.05, 0.08) == 359
    assert stats.fail_cases(0.05, 0.08, alpha=0.05) < 359 < stats.fail_cases(0.05, 0.08, power=0.9)
    assert stats.fail_cases(0.05, 0.08) < stats.fail_cases(0.05, 0.1)


def test_noise_limit_is_where_mcnemar_begins_to_see() -> None:
    """At the limit the statistic of the drop is z_alpha; equal models exceed it in 5 % of runs."""
    limit = stats.noise_limit(0.1, 400)
    lost, gained = (400 * (0.1 + limit) / 2, 400 * (0.1 - limit) / 2)

    assert pytest.approx(1.645, abs=1e-3) == stats.mcnemar_z(lost, gained)
    assert pytest.approx(1.645 * math.sqrt(0.1 / 400), rel=1e-3) == limit
    assert stats.noise_limit(0.0, 10) == 0

    draw = random.Random(8)
    beyond = sum(
        sum(draw.choices((1, -1, 0), (0.05, 0.05, 0.9), k=400)) / 400 > limit for _ in range(1000)
    )
    assert pytest.approx(50, abs=25) == beyond


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.fail_cases(0.0, 0.1), "drop is 0.0"),
        (lambda: stats.fail_cases(1.0, 1.0), "drop is 1.0"),
        (lambda: stats.fail_cases(math.nan, 0.1), "drop is nan"),
        (lambda: stats.fail_cases(0.05, 0.04), "psi is 0.04; it must lie between abs"),
        (lambda: stats.fail_cases(0.05, 0.1, power=1), "power is 1"),
        (lambda: stats.fail_cases(0.05, 0.1, alpha=0.5), "alpha is 0.5"),
        (lambda: stats.pass_budget(0, 0.1), "n is 0"),
        (lambda: stats.pass_budget(math.inf, 0.1), "n is inf"),
        (lambda: stats.pass_budget(100, 1.1), "psi is 1.1"),
        (lambda: stats.pass_budget(100, 0.1, power=0), "power is 0"),
        (lambda: stats.noise_limit(-0.1, 100), "psi is -0.1"),
        (lambda: stats.noise_limit(0.1, 0), "n is 0"),
        (lambda: stats.noise_limit(0.1, 100, alpha=0.6), "alpha is 0.6"),
    ],
)
def test_other_plans_out_of_range_are_named(call, message: str) -> None:
    """Every argument that cannot be is refused by name."""
    with pytest.raises(ValueError, match=message):
        call()
