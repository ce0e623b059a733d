"""The statistics core, against published values, hand calculations and full enumeration."""

from __future__ import annotations

import doctest
import math
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import combinations, pairwise
from statistics import NormalDist

import pytest

from pytest_quantguard import stats
from pytest_quantguard.stats import PairedCounts, paired_counts

Z95 = NormalDist().inv_cdf(0.95)
BAD_NUMBERS = (math.nan, math.inf, -math.inf)


def table(lost: float, gained: float, n: float) -> PairedCounts:
    """Shorthand for a paired table."""
    return PairedCounts(lost=lost, gained=gained, n=n)


def random_tables(seed: int, number: int) -> Iterator[PairedCounts]:
    """Tables of all sizes and shares, many sparse, some with an empty cell."""
    draw = random.Random(seed)
    for _ in range(number):
        n = draw.randint(1, 400)
        differ = round(n * draw.random() * draw.choice([1, 0.1]))
        lost = draw.choice([0, differ, draw.randint(0, differ)])
        yield table(lost, differ - lost, n)


# --- paired counts ----------------------------------------------------------------------


def test_yes_no_outcomes_give_the_counts_themselves() -> None:
    """Without weights, yes-no differences are counted exactly, with no rounding at all."""
    differences = [1] * 7 + [-1] * 3 + [0] * 131

    assert table(7, 3, 141) == paired_counts(differences)


def test_equal_weights_change_nothing() -> None:
    """Weights are relative: giving every case 0.1 is the same as giving none a weight."""
    differences = [1] * 7 + [-1] * 3 + [0] * 131

    assert table(7, 3, 141) == paired_counts(differences, [0.1] * 141)


def test_weights_shrink_n_to_kish_effective_number() -> None:
    """Weights 3, 1, 1, 1 are worth 36 / 12 = 3 cases, and the drop is the weighted mean."""
    counts = paired_counts([1, 0, -1, 0], [3, 1, 1, 1])

    assert pytest.approx(3) == counts.n
    assert pytest.approx((3 - 1) / 6) == counts.drop
    assert pytest.approx((3 + 1) / 6) == counts.psi


def test_case_of_weight_zero_is_left_out() -> None:
    """A case without weight neither counts as lost nor as a case."""
    assert table(1, 0, 2) == paired_counts([1, 0, -1], [5, 5, 0])


def test_repeats_are_matched_by_their_moments() -> None:
    """Averaged repeats keep mean and mean square: here (.5 - .5 + 1) / 4 and 1.5 / 4."""
    counts = paired_counts([0.5, -0.5, 1, 0])

    assert table(1.25, 0.25, 4) == counts
    assert (counts.drop, counts.psi) == (0.25, 0.375)


def test_small_differences_of_one_sign_never_make_a_negative_count() -> None:
    """Mean .1 and mean square .01 fit no table; the variance is overstated instead."""
    counts = paired_counts([0.1] * 50)

    assert pytest.approx(5) == counts.lost
    assert counts.gained == 0


def test_mirrored_differences_swap_lost_and_gained() -> None:
    """Swapping the two models swaps the counts and nothing else."""
    draw = random.Random(3)
    differences = [draw.choice([-1, -0.2, 0, 0.4, 1]) for _ in range(60)]
    weights = [draw.uniform(0.1, 4) for _ in range(60)]
    one = paired_counts(differences, weights)
    other = paired_counts([-d for d in differences], weights)

    assert (one.lost, one.gained, one.n) == (other.gained, other.lost, other.n)


@pytest.mark.parametrize("bad", [*BAD_NUMBERS, 1.01, -1.01])
def test_difference_out_of_range_is_named(bad: float) -> None:
    """A difference that cannot be is refused with its place and value."""
    with pytest.raises(ValueError, match=rf"differences\[2\] is {bad}"):
        paired_counts([0, 1, bad])


@pytest.mark.parametrize("bad", [*BAD_NUMBERS, -1.0])
def test_weight_out_of_range_is_named(bad: float) -> None:
    """A weight that cannot be is refused with its place and value."""
    with pytest.raises(ValueError, match=rf"weights\[1\] is {bad}"):
        paired_counts([0, 1], [1, bad])


@pytest.mark.parametrize(
    ("differences", "weights", "message"),
    [
        ([], None, "no case has a weight above 0"),
        ([0, 1], [0, 0], "no case has a weight above 0"),
        ([0, 1], [1], "1 weights for 2 differences"),
    ],
)
def test_nothing_to_count_is_refused(
    differences: list[float], weights: list[float] | None, message: str
) -> None:
    """No cases, no weight, or weights that do not belong to the cases are an error."""
    with pytest.raises(ValueError, match=message):
        paired_counts(differences, weights)


@pytest.mark.parametrize(
    ("lost", "gained", "n", "message"),
    [
        (0, 0, 0, "n is 0"),
        (-1, 0, 5, "lost is -1"),
        (0, math.nan, 5, "gained is nan"),
        (0, 0, math.inf, "n is inf"),
        (3, 3, 5, "lost \\+ gained is 6, more than n = 5"),
    ],
)
def test_impossible_table_is_refused(lost: float, gained: float, n: float, message: str) -> None:
    """A table cannot be made of negative, missing or too many cases."""
    with pytest.raises(ValueError, match=message):
        table(lost, gained, n)


# --- Tango ------------------------------------------------------------------------------

PUBLISHED = [
    # Cavo 2012 in Fagerland, Lydersen and Laake: [[59, 6], [16, 80]]
    ((6, 16, 161), (-0.1240, -0.0054)),
    # Zero cells, the tests of the R package contingencytables: [[0, 3], [0, 0]] and mirrored
    ((3, 0, 3), (-0.1230, 1.0000)),
    ((0, 3, 3), (-1.0000, 0.1230)),
    # PropCIs, scoreci.mp(b=40, c=20, n=160): its difference is (c - b) / n
    ((20, 40, 160), (-0.2181, -0.0309)),
    # Agresti and Min [[53, 16], [8, 9]]; Bentur [[1, 1], [7, 12]]; Altman [[14, 5], [0, 22]]
    ((16, 8, 86), (-0.0197, 0.2069)),
    ((1, 7, 21), (-0.5172, -0.0260)),
    ((5, 0, 41), (0.0258, 0.2554)),
]


@pytest.mark.parametrize(("cells", "interval"), PUBLISHED)
def test_interval_equals_published_values(
    cells: tuple[int, int, int], interval: tuple[float, float]
) -> None:
    """The 95 % interval agrees with R and the literature to four decimals."""
    low, high = stats.tango_interval(table(*cells))

    assert interval == (round(low, 4), round(high, 4))


def most_likely_gain(counts: PairedCounts, d: float) -> float:
    """Share of gained cases that maximises the likelihood at drop d, by golden-section search."""

    def log_likelihood(g: float) -> float:
        rest = counts.n - counts.lost - counts.gained
        cells = [(counts.lost, g + d), (counts.gained, g), (rest, 1 - 2 * g - d)]
        return sum(k * math.log(max(p, 1e-300)) for k, p in cells if k)

    low, high = max(0.0, -d), (1 - d) / 2
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(90):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if log_likelihood(left) < log_likelihood(right):
            low = left
        else:
            high = right
    return (low + high) / 2


@pytest.mark.parametrize("d", [-0.6, -0.05, 0.0, 0.02, 0.3, 0.9])
def test_score_uses_the_most_likely_table_under_the_hypothesis(d: float) -> None:
    """The closed form of the nuisance share is the maximum that a search finds."""
    for counts in random_tables(seed=11, number=40):
        g = most_likely_gain(counts, d)
        variance = counts.n * (2 * g + d * (1 - d))
        if variance < 1e-6:
            continue  # nothing varies: the statistic has no scale
        expected = (counts.lost - counts.gained - counts.n * d) / math.sqrt(variance)

        assert pytest.approx(expected, rel=1e-4, abs=1e-6) == stats.tango_z(counts, d)


def test_score_at_zero_is_mcnemar() -> None:
    """At d = 0 the statistic is (lost - gained) / sqrt(lost + gained); Cavo 2012: -2.132."""
    z = stats.tango_z(table(6, 16, 161), 0)

    assert pytest.approx((6 - 16) / math.sqrt(22)) == z
    assert round(z, 3) == -2.132


def test_score_where_the_hypothesis_is_impossible() -> None:
    """A drop of 1 is infinitely far unless every case was lost; nothing differing is no news."""
    assert -math.inf == stats.tango_z(table(2, 0, 3), 1)
    assert math.inf == stats.tango_z(table(0, 0, 3), -1)
    assert stats.tango_z(table(3, 0, 3), 1) == 0
    assert stats.tango_z(table(0, 0, 3), 0) == 0


def test_score_falls_in_d() -> None:
    """Larger hypothetical drops never look more plausible from below."""
    for counts in random_tables(seed=5, number=100):
        scores = [stats.tango_z(counts, step / 50) for step in range(-50, 51)]

        assert all(left >= right - 1e-9 for left, right in pairwise(scores))


def test_bounds_enclose_the_estimate_and_the_score_crosses_there() -> None:
    """Bounds lie in [-1, 1] around the estimate, and z equals its limit at an inner bound."""
    for counts in random_tables(seed=6, number=200):
        low, high = stats.tango_lower(counts), stats.tango_upper(counts)

        assert -1 <= low <= counts.drop <= high <= 1
        if high < 1:
            assert pytest.approx(-Z95, abs=1e-6) == stats.tango_z(counts, high)
        if low > -1:
            assert pytest.approx(Z95, abs=1e-6) == stats.tango_z(counts, low)


def test_upper_bound_follows_the_evidence() -> None:
    """One more lost case raises the bound, more unchanged cases and a larger alpha lower it."""
    upper = stats.tango_upper(table(4, 2, 100))

    assert upper < stats.tango_upper(table(5, 2, 100))
    assert upper > stats.tango_upper(table(4, 2, 120))
    assert upper > stats.tango_upper(table(4, 2, 100), alpha=0.1)


def test_swapping_the_models_mirrors_the_interval() -> None:
    """What is a loss from one side is a gain from the other."""
    low, high = stats.tango_interval(table(9, 2, 77))

    assert (-high, -low) == stats.tango_interval(table(2, 9, 77))


def test_bound_is_the_smallest_budget_that_passes() -> None:
    """Just above the bound the score rejects the budget, at the bound it does not by more."""
    for counts in random_tables(seed=8, number=100):
        upper = stats.tango_upper(counts)
        if upper < 0.999:
            assert stats.tango_z(counts, upper + 1e-9) < -Z95 < stats.tango_z(counts, upper - 1e-9)


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


@pytest.mark.parametrize("bad", [0, 0.5, 1, -0.1, *BAD_NUMBERS])
def test_alpha_out_of_range_is_named(bad: float) -> None:
    """An alpha of a half or more would put the upper bound below the estimate."""
    with pytest.raises(ValueError, match=f"alpha is {bad}"):
        stats.tango_upper(table(1, 1, 10), alpha=bad)
    with pytest.raises(ValueError, match=f"alpha is {bad}"):
        stats.closure_rejects({"all": (1.0, 0.0)}, alpha=bad)


@pytest.mark.parametrize("bad", [0, 1, *BAD_NUMBERS])
def test_confidence_out_of_range_is_named(bad: float) -> None:
    """A confidence of 95 (meant as percent) or NaN is refused."""
    with pytest.raises(ValueError, match=f"confidence is {bad}"):
        stats.tango_interval(table(1, 1, 10), confidence=bad)


@pytest.mark.parametrize("bad", [1.5, -1.5, *BAD_NUMBERS])
def test_hypothesis_out_of_range_is_named(bad: float) -> None:
    """A drop lies between -1 and 1; 5 instead of 0.05 is refused."""
    with pytest.raises(ValueError, match=f"d is {bad}"):
        stats.tango_z(table(1, 1, 10), bad)


# --- the size of the PASS rule, by enumeration ------------------------------------------


def chance_of_pass(n: int, max_drop: float, drop: float, psi: float) -> float:
    """Exact probability of PASS: the sum over all tables that pass of their trinomial chance."""
    chances = ((psi + drop) / 2, (psi - drop) / 2, 1 - psi)
    logs = [math.log(p) if p > 0 else -math.inf for p in chances]
    total = 0.0
    for lost, gained in passing_tables(n, max_drop):
        cells = (lost, gained, n - lost - gained)
        if any(k and log == -math.inf for k, log in zip(cells, logs, strict=True)):
            continue
        ways = math.lgamma(n + 1) - sum(math.lgamma(k + 1) for k in cells)
        total += math.exp(ways + sum(k * log for k, log in zip(cells, logs, strict=True) if k))
    return total


_passing: dict[tuple[int, float], list[tuple[int, int]]] = {}


def passing_tables(n: int, max_drop: float) -> list[tuple[int, int]]:
    """All (lost, gained) of n cases whose upper bound is below the budget."""
    key = (n, max_drop)
    if key not in _passing:
        _passing[key] = [
            (lost, gained)
            for lost in range(n + 1)
            for gained in range(n + 1 - lost)
            # z < -z_alpha at the budget is the same as a bound below it, see the test above
            if lost - gained < n * max_drop
            and stats.tango_z(table(lost, gained, n), max_drop) < -Z95
        ]
    return _passing[key]


def psi_grid(drop: float) -> list[float]:
    """From pure losses to cases that all differ, dense where sizes peak."""
    return [drop + (1 - drop) * (step / 24) ** 2 for step in range(25)]


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


# --- McNemar ----------------------------------------------------------------------------


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


# --- evidence ---------------------------------------------------------------------------


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


# --- planning ---------------------------------------------------------------------------


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


# --- the module itself ------------------------------------------------------------------


def test_examples_in_the_docstrings_are_true() -> None:
    """Every example shown is executed."""
    outcome = doctest.testmod(stats)

    assert outcome.attempted >= 6
    assert outcome.failed == 0


def test_module_stands_alone_and_costs_little() -> None:
    """Importing it loads neither a sibling nor a heavy module; quantiles come when needed."""
    code = (
        "import sys, importlib.util as u\n"
        f"spec = u.spec_from_file_location('alone', {stats.__file__!r})\n"
        "module = sys.modules['alone'] = u.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "heavy = 'statistics decimal random numpy scipy pytest pytest_quantguard'.split()\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in heavy))\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert loaded == []
