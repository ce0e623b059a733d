"""How often the rules err, exactly: the chances of all tables added up."""

from __future__ import annotations

import pytest
from paired_tables import chance_of, chance_of_pass, most_lost, passing_tables, psi_grid, table

from pytest_quantguard import stats


@pytest.mark.parametrize(
    ("max_drop", "n"),
    [(0.02, 149), (0.05, 59), (0.05, 60), (0.1, 29), (0.1, 42), (0.1, 60), (0.01, 299)],
)
def test_false_pass_stays_near_five_percent(max_drop: float, n: int) -> None:
    """At a true drop equal to the budget a candidate passes with at most 6 % (nominal 5 %).

    At twice the budget, with 3 % of cases that differ besides, it is at most 1 %.
    """
    size = max(chance_of_pass(n, max_drop, max_drop, psi) for psi in psi_grid(max_drop))
    double = chance_of_pass(n, max_drop, 2 * max_drop, psi=2 * max_drop + 0.03)

    assert size <= 0.06
    assert double <= 0.01


@pytest.mark.parametrize(
    ("max_drop", "bound", "double"), [(0.05, 0.055, 0.022), (0.1, 0.059, 0.016)]
)
def test_false_pass_for_every_number_of_cases_up_to_a_hundred(
    max_drop: float, bound: float, double: float
) -> None:
    """The bounds stated in the docstring hold for each n from the floor on, and any psi."""
    for n in range(stats.pass_floor(max_drop), 101):
        at_budget = [chance_of_pass(n, max_drop, max_drop, psi) for psi in psi_grid(max_drop, 9)]
        at_double = [
            chance_of_pass(n, max_drop, 2 * max_drop, psi) for psi in psi_grid(2 * max_drop, 4)
        ]

        assert max(at_budget) <= bound
        assert max(at_double) <= double


def test_bound_of_tango_alone_errs_more() -> None:
    """A candidate that only loses passes with 6.9 % at 52 cases: what `loss_upper` mends."""
    tango = most_lost(52, lambda counts: stats.tango_upper(counts) < 0.05)

    assert 0.069 < chance_of(tango, 52, 0.05, psi=0.05) < 0.07


@pytest.mark.parametrize(("max_drop", "n"), [(0.02, 60), (0.02, 148), (0.05, 58), (0.1, 28)])
def test_nothing_passes_below_the_floor(max_drop: float, n: int) -> None:
    """With fewer cases than the floor only a net gain could pass, never a faultless candidate."""
    assert passing_tables(n, max_drop)[0] == -1
    assert all(lost < gained for gained, lost in enumerate(passing_tables(n, max_drop)))


@pytest.mark.parametrize("n", [10, 25, 38, 82, 180])
@pytest.mark.parametrize("max_drop", [0.0, 0.02, 0.05])
def test_false_evidence_about_the_budget_itself(n: int, max_drop: float) -> None:
    """`loss_p` is at most .05, .01 and .001 with chances of 6.8 %, 1.3 % and 0.12 %."""
    for alpha, bound in ((0.05, 0.068), (0.01, 0.0131), (0.001, 0.0012)):
        kept = most_lost(n, lambda counts, alpha=alpha: stats.loss_p(counts, max_drop) > alpha)

        assert all(1 - chance_of(kept, n, max_drop, psi) <= bound for psi in psi_grid(max_drop, 12))


def test_tail_of_tango_alone_is_too_small_far_out() -> None:
    """At 126 cases and 5 points the plain tail is below .01 in 2.5 % of runs without more loss."""
    kept = most_lost(126, lambda counts: stats.tango_z(counts, 0.05) < 2.3263)

    assert 1 - chance_of(kept, 126, 0.05, psi=0.0597) > 0.025
    assert stats.loss_p(table(13, 0, 126), 0.05) > 0.01
