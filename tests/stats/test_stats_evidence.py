"""Evidence, against hand calculations and the definitions."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations

import pytest

from pytest_quantguard import stats


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([], Fraction(1)),
        ([0, 0, 0], Fraction(1)),
        ([1], Fraction(3, 2)),  # 1 + mean of lambda
        ([-1], Fraction(1, 2)),
        ([1, -1], Fraction(41, 60)),  # 1 - mean of lambda^2 = 1 - 2.85 / 9
        ([1, 1, -1], Fraction(23, 24)),  # 1 + .5 - 2.85 / 9 - 2.025 / 9
    ],
)
def test_evidence_equals_hand_calculation(differences: list[float], expected: Fraction) -> None:
    """A few bets can be multiplied out by hand."""
    evidence = stats.sign_evidence(differences)

    assert pytest.approx(float(expected), rel=1e-12) == evidence.e
    assert pytest.approx(math.log(expected), abs=1e-12) == evidence.log_e


def test_evidence_counts_signs_only() -> None:
    """Neither the order nor the size of differences, nor equal outcomes, matter."""
    plain = stats.sign_evidence([1, 1, 1, -1])

    assert plain == stats.sign_evidence([0, -0.9, 0.2, 0, 1, 1e-9, 0])


def test_evidence_is_fair_to_an_equal_candidate() -> None:
    """Over all outcomes of fair coins the e-value averages exactly 1."""
    for tosses in (1, 2, 7, 40):
        mean = sum(
            math.comb(tosses, k) / 2**tosses * stats.sign_evidence([1] * k + [-1] * (tosses - k)).e
            for k in range(tosses + 1)
        )

        assert pytest.approx(1, rel=1e-9) == mean


def test_evidence_grows_with_losses_and_shrinks_with_gains() -> None:
    """Each loss moves towards FAIL and each gain away from it, once losses prevail."""
    grown = [stats.sign_evidence([1] * k + [-1] * 3).e for k in range(4, 40)]
    shrunk = [stats.sign_evidence([1] * 3 + [-1] * k).e for k in range(40)]

    assert grown == sorted(grown)
    assert shrunk == sorted(shrunk, reverse=True)


def test_ten_thousand_losses_do_not_overflow() -> None:
    """The logarithm stays exact where the e-value itself is beyond a float."""
    evidence = stats.sign_evidence([1] * 10_000)
    gains = stats.sign_evidence([-1] * 10_000)

    assert pytest.approx(10_000 * math.log(1.9) - math.log(9)) == evidence.log_e
    assert math.inf == evidence.e
    assert pytest.approx(10_000 * math.log(0.9) - math.log(9)) == gains.log_e
    assert gains.e == 0


def test_evidence_refuses_what_is_no_difference() -> None:
    """NaN would otherwise silently count as an equal outcome."""
    with pytest.raises(ValueError, match=r"differences\[1\] is nan"):
        stats.sign_evidence([1, math.nan])


def test_family_is_the_weighted_mean() -> None:
    """(.4 x 10 + .6 x 300) / 1 = 184, and the weights' unit does not matter."""
    small = {"a": (0.4, math.log(10)), "b": (0.6, math.log(300))}
    large = {"a": (4.0, math.log(10)), "b": (6.0, math.log(300))}

    assert pytest.approx(184) == stats.family_evidence(small).e
    assert pytest.approx(184) == stats.family_evidence(large).e


def test_family_of_very_unequal_evidence_neither_overflows_nor_vanishes() -> None:
    """One overwhelming group decides, up to the logarithm of its weight."""
    family = stats.family_evidence({"sure": (1.0, 6416.0), "better": (3.0, -9000.0)})

    assert pytest.approx(6416 - math.log(4)) == family.log_e


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({}, "no groups"),
        ({"tools": (0.0, 1.0)}, "weight of 'tools' is 0.0"),
        ({"tools": (math.nan, 1.0)}, "weight of 'tools' is nan"),
        ({"tools": (1.0, math.nan)}, "log_e of 'tools' is nan"),
        ({"tools": (1.0, math.inf)}, "log_e of 'tools' is inf"),
    ],
)
def test_family_refuses_what_is_no_evidence(
    groups: dict[str, tuple[float, float]], message: str
) -> None:
    """The group that cannot be used is named."""
    with pytest.raises(ValueError, match=message):
        stats.family_evidence(groups)
    with pytest.raises(ValueError, match=message):
        stats.closure_rejects(groups)


def closure_by_definition(
    groups: Mapping[str, tuple[float, float]], alpha: float
) -> tuple[str, ...]:
    """Closed testing over all subsets, as it is written down."""

    def mean_e(subset: tuple[str, ...]) -> float:
        total = sum(groups[name][0] for name in subset)
        return sum(groups[name][0] * math.exp(groups[name][1]) for name in subset) / total

    kept = {
        name
        for size in range(1, len(groups) + 1)
        for subset in combinations(groups, size)
        if mean_e(subset) < 1 / alpha
        for name in subset
    }
    return tuple(name for name in groups if name not in kept)


def test_closure_equals_all_subsets() -> None:
    """The one-sum form names the same groups as testing every subset, on 600 random families."""
    draw = random.Random(17)
    named = 0
    for _ in range(600):
        groups = {
            name: (draw.uniform(0.05, 1), draw.uniform(-2, 9))
            for name in "abcdefg"[: draw.randint(1, 7)]
        }
        alpha = draw.choice([0.01, 0.05, 0.2])
        expected = closure_by_definition(groups, alpha)
        named += len(expected)

        assert expected == stats.closure_rejects(groups, alpha)
    assert named > 300  # the comparison is not between empty answers


def test_closure_names_the_broken_group_alone() -> None:
    """Strong evidence in one cohort blames that cohort; 100 : 1 exactly is enough alone."""
    groups = {"chat": (1.0, 0.0), "tools": (1.0, math.log(500)), "json": (1.0, math.log(99))}

    assert stats.closure_rejects(groups) == ("tools",)
    assert stats.closure_rejects({"only": (0.3, math.log(100))}) == ("only",)
    assert stats.closure_rejects({"only": (0.3, math.log(99.999))}) == ()


def test_closure_survives_overwhelming_evidence() -> None:
    """Evidence beyond a float is named, beside groups that are plainly better."""
    groups = {"tools": (0.1, 6416.0), "chat": (5.0, -9000.0)}

    assert stats.closure_rejects(groups) == ("tools",)


def test_equal_candidates_hardly_ever_reach_a_hundred_to_one() -> None:
    """2,000 runs of an equal model, four cohorts and the suite, looked at five times each."""
    draw = random.Random(2024)
    weights = {"suite": 0.2, "a": 0.2, "b": 0.2, "c": 0.2, "d": 0.2}
    alarms = 0
    for _ in range(2000):
        seen: dict[str, list[float]] = {name: [] for name in weights}
        worst = -math.inf
        for _ in range(5):
            for name in "abcd":
                fresh = [draw.choice((1.0, -1.0)) for _ in range(8)]  # those that differ
                seen[name] += fresh
                seen["suite"] += fresh
            groups = {
                name: (weight, stats.sign_evidence(seen[name]).log_e)
                for name, weight in weights.items()
            }
            worst = max(worst, stats.family_evidence(groups).log_e)
        alarms += worst >= math.log(100)

    assert alarms <= 6
