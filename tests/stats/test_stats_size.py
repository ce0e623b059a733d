"""The size of the PASS rule, by enumeration of every table."""

from __future__ import annotations

import pytest
from paired_tables import chance_of_pass, passing_tables, psi_grid


@pytest.mark.parametrize(
    ("max_drop", "n"),
    [(0.02, 133), (0.05, 52), (0.05, 59), (0.05, 60), (0.1, 25), (0.1, 29), (0.1, 42), (0.1, 60)],
)
def test_false_pass_stays_near_five_percent(max_drop: float, n: int) -> None:
    """At a true drop equal to the budget a candidate passes with at most 7.2 % (nominal 5 %).

    The worst is a candidate that only loses, judged on as many cases as the floor: (1 - m)^n.
    At twice the budget, with 3 % of cases that differ besides, it is at most 1 %.
    """
    size = max(chance_of_pass(n, max_drop, max_drop, psi) for psi in psi_grid(max_drop))
    double = chance_of_pass(n, max_drop, 2 * max_drop, psi=2 * max_drop + 0.03)

    assert size <= 0.072
    assert double <= 0.01


@pytest.mark.parametrize(("max_drop", "n"), [(0.02, 60), (0.02, 132), (0.05, 51), (0.1, 24)])
def test_nothing_passes_below_the_floor(max_drop: float, n: int) -> None:
    """With fewer cases than the floor only a net gain could pass, never a faultless candidate."""
    assert (0, 0) not in passing_tables(n, max_drop)
    assert all(lost < gained for lost, gained in passing_tables(n, max_drop))
