"""Evidence, against hand calculations and the definitions."""

from __future__ import annotations

import math
import random
from collections import Counter
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


# --- means ----------------------------------------------------------------------------------


def test_evidence_of_means_equals_that_of_signs_for_yes_no_outcomes() -> None:
    """Where every difference is -1, 0 or 1, its size is its sign."""
    differences = [1, 0, -1, 1, 1, 0, 1]
    expected = stats.sign_evidence(differences).log_e

    assert pytest.approx(expected) == stats.mean_evidence(differences).log_e


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([], Fraction(1)),
        ([0, 0.0], Fraction(1)),
        ([0.5], Fraction(5, 4)),  # 1 + mean of lambda / 2
        ([0.5, -0.5], 1 - Fraction(19, 60) / 4),  # 1 - mean of lambda^2 / 4
    ],
)
def test_evidence_of_means_equals_hand_calculation(
    differences: list[float], expected: Fraction
) -> None:
    """A few bets can be multiplied out by hand."""
    assert pytest.approx(float(expected)) == stats.mean_evidence(differences).e


def test_evidence_of_means_is_fair_where_that_of_signs_is_not() -> None:
    """Nine cases a little worse for one much better: the mean is 0, most signs are positive."""
    outcomes = [(0.9, 0.1), (0.1, -0.9)]  # chance, difference
    for cases in (1, 5, 30):
        expectation = sum(
            math.comb(cases, k)
            * outcomes[0][0] ** k
            * outcomes[1][0] ** (cases - k)
            * stats.mean_evidence([0.1] * k + [-0.9] * (cases - k)).e
            for k in range(cases + 1)
        )
        assert pytest.approx(1, rel=1e-9) == expectation

    unfair = [0.1] * 90 + [-0.9] * 10
    assert stats.sign_evidence(unfair).e > 1e10
    assert stats.mean_evidence(unfair).e < 1


def test_evidence_of_means_refuses_what_is_no_difference() -> None:
    """A difference that cannot be is refused with its place and value."""
    with pytest.raises(ValueError, match=r"differences\[0\] is nan"):
        stats.mean_evidence([math.nan])


# --- Holm -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [
        ({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}, {"d", "a"}),  # .03 > .05 / 2 stops it
        ({"a": 0.05}, {"a"}),
        ({"a": 0.0126, "b": 0.0126, "c": 0.0126, "d": 0.0126}, set()),
        ({"a": 0.0125, "b": 0.0126, "c": 0.02, "d": 0.05}, {"a", "b", "c", "d"}),
        ({}, set()),
    ],
)
def test_holm_equals_hand_calculation(p_values: dict[str, float], rejected: set[str]) -> None:
    """The k-th smallest of m is held against alpha / (m + 1 - k); the first failure ends it."""
    assert rejected == stats.holm(p_values, alpha=0.05)


def test_holm_equals_closed_testing() -> None:
    """On random p-values it names what Bonferroni's test of every subset names."""
    draw = random.Random(41)
    for _ in range(300):
        p_values = {name: draw.random() ** 4 for name in "abcde"[: draw.randint(1, 5)]}
        kept = {
            name
            for size in range(1, len(p_values) + 1)
            for subset in combinations(p_values, size)
            if min(p_values[member] for member in subset) > 0.05 / size
            for name in subset
        }

        assert p_values.keys() - kept == stats.holm(p_values, alpha=0.05)


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_p_value(bad: float) -> None:
    """The group whose p-value cannot be is named."""
    with pytest.raises(ValueError, match=f"p-value of 'tools' is {bad}"):
        stats.holm({"chat": 0.5, "tools": bad}, alpha=0.05)
    with pytest.raises(ValueError, match="alpha is 1"):
        stats.holm({"chat": 0.5}, alpha=1)


# --- evidence that a limit is exceeded ------------------------------------------------------------


def products(differences: list[float], limit: float) -> float:
    """The nine bets and the three small ones, multiplied out case by case."""
    bets = (0.01, 0.02, 0.05, *(tenth / 10 for tenth in range(1, 10)))
    wealth = [
        math.prod(1 + bet * (difference - limit) / (1 + limit) for difference in differences)
        for bet in bets
    ]
    return math.fsum(wealth) / len(wealth)


@pytest.mark.parametrize("limit", [0.0, 0.02, 0.3, 1.0])
def test_excess_is_the_product_of_its_bets(limit: float) -> None:
    """However many cases have a difference, and whatever it is."""
    differences = [1.0] * 9 + [-1.0] * 2 + [0.5] * 4 + [-0.25] + [0.0] * 30
    found = stats.excess_evidence(Counter(differences), limit)

    assert pytest.approx(products(differences, limit), rel=1e-9) == found.e


def test_a_case_that_is_split_is_no_more_evidence() -> None:
    """Half of it one step below and half one step above: the mean stays, the logarithm bends."""
    whole = stats.excess_evidence({0.25: 40, 0.0: 300}, 0.01)
    split = stats.excess_evidence({0.2: 20, 0.3: 20, 0.0: 300}, 0.01)

    assert split.log_e < whole.log_e < split.log_e + 0.5


def test_excess_is_fair_at_the_limit() -> None:
    """Over all outcomes of cases that lose exactly as much as the limit its mean is 1."""
    n, limit, gained = 12, 0.2, 0.1
    lost = limit + gained
    mean = math.fsum(
        math.comb(n, worse)
        * math.comb(n - worse, better)
        * lost**worse
        * gained**better
        * (1 - lost - gained) ** (n - worse - better)
        * stats.excess_evidence({1: worse, -1: better, 0: n - worse - better}, limit).e
        for worse in range(n + 1)
        for better in range(n - worse + 1)
    )

    assert pytest.approx(1.0, rel=1e-9) == mean


@pytest.mark.parametrize(
    ("cases", "limit", "message"),
    [
        ({1: 1}, -0.01, "limit is"),
        ({1: 1}, 1.01, "limit is"),
        ({1: 1}, math.nan, "limit is"),
        ({1.5: 1}, 0.1, "1.5"),
        ({math.nan: 1}, 0.1, "nan"),
        ({1: -1}, 0.1, "cases of 1 are -1"),
        ({1: math.inf}, 0.1, "cases of 1 are inf"),
    ],
)
def test_excess_refuses_what_cases_cannot_be(
    cases: Mapping[float, float], limit: float, message: str
) -> None:
    """By name and value."""
    with pytest.raises(ValueError, match=message):
        stats.excess_evidence(cases, limit)
