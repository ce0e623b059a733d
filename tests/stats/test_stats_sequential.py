"""Looks before the end, against the published boundaries."""

from __future__ import annotations

import math
import random
from statistics import NormalDist

import pytest

from pytest_quantguard import stats

NORMAL = NormalDist()


def boundaries(alpha: float, looks: int, spending: str = "obrien-fleming") -> list[float]:
    """The z value of each look."""
    return [-NORMAL.inv_cdf(a) for a in stats.looks_alpha(alpha, looks, spending)]


@pytest.mark.parametrize(
    ("alpha", "spending", "expected"),
    [
        (0.05, "obrien-fleming", [4.23, 2.89, 2.30, 1.96, 1.74]),
        (0.05, "pocock", [2.18, 2.14, 2.11, 2.09, 2.07]),
        (0.025, "obrien-fleming", [4.88, 3.36, 2.68, 2.29, 2.03]),
        (0.025, "pocock", [2.44, 2.43, 2.41, 2.40, 2.39]),
    ],
)
def test_boundaries_equal_published_values(
    alpha: float, spending: str, expected: list[float]
) -> None:
    """Five equally spaced looks with the spending functions of Lan and DeMets (1983)."""
    assert expected == [round(z, 2) for z in boundaries(alpha, 5, spending)]


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock"])
def test_all_looks_together_spend_alpha(spending: str) -> None:
    """Of 20,000 random paths without an effect, about 5 % cross a boundary at any of four looks."""
    limits = [z * math.sqrt(look) for look, z in enumerate(boundaries(0.05, 4, spending), 1)]
    draw, crossed = random.Random(12), 0
    for _ in range(20_000):
        total = 0.0
        for limit in limits:
            total += draw.gauss()
            if total >= limit:
                crossed += 1
                break

    assert pytest.approx(1000, abs=100) == crossed  # three standard deviations are 92


def test_one_look_spends_everything() -> None:
    """Without an early look the nominal alpha is alpha."""
    assert pytest.approx(0.05, rel=1e-9) == stats.looks_alpha(0.05, 1)[0]
    assert pytest.approx(0.05, rel=1e-9) == stats.looks_alpha(0.05, 1, "pocock")[0]


def test_looking_early_costs_little_and_more_looks_cost_more() -> None:
    """The last look keeps most of alpha; the nominal alphas grow towards it."""
    last = [stats.looks_alpha(0.05, looks)[-1] for looks in (1, 2, 3, 5, 10)]
    alphas = stats.looks_alpha(0.05, 10)

    assert last == sorted(last, reverse=True)
    assert last[-1] > 0.03
    assert list(alphas) == sorted(alphas)
    assert all(0 < alpha < 0.05 for alpha in alphas)


def test_bounds_can_be_taken_at_every_look() -> None:
    """The nominal alphas are alphas of `loss_upper`; the first looks ask for much."""
    counts = stats.PairedCounts(lost=1, gained=1, n=200)
    bounds = [stats.loss_upper(counts, alpha) for alpha in stats.looks_alpha(0.05, 5)]

    assert bounds == sorted(bounds, reverse=True)


@pytest.mark.parametrize(
    ("alpha", "looks", "spending", "message"),
    [
        (0.5, 5, "pocock", "alpha is 0.5"),
        (math.nan, 5, "pocock", "alpha is nan"),
        (0.05, 0, "pocock", "looks is 0"),
        (0.05, 2.5, "pocock", "looks is 2.5"),
        (0.05, 101, "pocock", "looks is 101"),
        (0.05, 5, "linear", "spending is 'linear'"),
    ],
)
def test_plan_of_looks_out_of_range_is_named(
    alpha: float, looks: float, spending: str, message: str
) -> None:
    """What cannot be planned is refused by name."""
    with pytest.raises(ValueError, match=message):
        stats.looks_alpha(alpha, looks, spending)  # type: ignore[arg-type]
