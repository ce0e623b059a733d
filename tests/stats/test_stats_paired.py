"""Paired yes-no outcomes, against published values, hand calculations and full enumeration."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from statistics import NormalDist

import pytest
from paired_tables import BAD_NUMBERS, Z95, binomial, random_tables, table

from pytest_quantguard import stats
from pytest_quantguard.stats import PairedCounts, paired_counts


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


# --- the bound of PASS and the evidence about a budget ------------------------------------


def test_bound_of_pass_is_tangos_unless_a_cell_is_empty() -> None:
    """With a gained and an unchanged case the published bound stands; it is never undercut."""
    for counts in random_tables(seed=31, number=150):
        unchanged = counts.n - counts.lost - counts.gained
        if min(counts.gained, unchanged) >= 1:
            assert stats.tango_upper(counts) == stats.loss_upper(counts)
        else:
            assert stats.tango_upper(counts) <= stats.loss_upper(counts)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_empty_cells_are_bounded_by_exact_tails(alpha: float) -> None:
    """Without gained cases the lost ones are binomial, without unchanged ones a loaded coin."""
    for lost, n in ((0, 20), (3, 40), (11, 90)):
        only_lost = max(
            stats.tango_upper(table(lost, 0, n), alpha),
            solved(lambda d, lost=lost, n=n: sum(binomial(n, d)[: lost + 1]), alpha, 0),
        )
        all_differ = max(
            stats.tango_upper(table(lost, n - lost, n), alpha),
            solved(lambda d, lost=lost, n=n: sum(binomial(n, (1 + d) / 2)[: lost + 1]), alpha, -1),
        )

        assert pytest.approx(only_lost, abs=1e-9) == stats.loss_upper(table(lost, 0, n), alpha)
        if lost:
            differ = stats.loss_upper(table(lost, n - lost, n), alpha)
            assert pytest.approx(all_differ, abs=1e-9) == differ


def solved(chance: Callable[[float], float], alpha: float, low: float) -> float:
    """The drop, above low, at which a chance that falls in it is alpha."""
    high = 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) > alpha else (low, middle)
    return high


def test_faultless_cases_are_bounded_as_in_an_exact_test() -> None:
    """Nothing differs in n cases: the bound is 1 - alpha^(1/n); all lost: it is 1."""
    assert pytest.approx(1 - 0.05 ** (1 / 59), abs=1e-12) == stats.loss_upper(table(0, 0, 59))
    assert stats.loss_upper(table(7, 0, 7)) == 1
    assert stats.loss_upper(table(0, 0, 1)) == pytest.approx(0.95)


def test_bound_of_pass_makes_no_step() -> None:
    """A hundredth of a gained case moves the bound of n cases by at most 0.02 / n."""
    for lost, n in ((0, 60), (2.5, 60), (9, 300)):
        bounds = [stats.loss_upper(table(lost, k / 100, n)) for k in range(121)]

        assert all(0 <= one - other <= 0.0201 / n for one, other in pairwise(bounds))


def test_bound_of_pass_follows_the_evidence() -> None:
    """Another lost case raises it, another gained or unchanged one and a larger alpha lower it."""
    for counts in random_tables(seed=32, number=60):
        lost, gained, n = counts.lost, counts.gained, counts.n
        upper = stats.loss_upper(counts)

        assert upper <= stats.loss_upper(table(lost + 1, gained, n + 1)) + 1e-12
        assert upper >= stats.loss_upper(table(lost, gained + 1, n + 1)) - 1e-12
        assert upper >= stats.loss_upper(counts, alpha=0.1)
        assert upper >= counts.drop


def test_interval_of_the_loss_mirrors_and_holds_its_bounds() -> None:
    """A loss from one side is a gain from the other; 90 % is 5 % on either side."""
    low, high = stats.loss_interval(table(3, 0, 50))

    assert (-high, -low) == stats.loss_interval(table(0, 3, 50))
    assert high == stats.loss_upper(table(3, 0, 50))
    assert stats.loss_interval(table(3, 0, 50), confidence=0.98)[1] > high


def test_evidence_about_a_budget_never_exceeds_what_tails_allow() -> None:
    """Neither Tango's normal tail nor the exact tail of the lost cases is undercut."""
    for counts in random_tables(seed=33, number=60):
        for max_drop in (0.0, 0.02, 0.1):
            p = stats.loss_p(counts, max_drop)
            tail = sum(binomial(int(counts.n), max_drop)[int(counts.lost) :])

            assert 0 <= p <= 1
            assert p >= NormalDist().cdf(-stats.tango_z(counts, max_drop)) - 1e-12
            if counts.drop > max_drop:
                assert p >= tail - 1e-9


def test_evidence_about_a_budget_follows_the_losses() -> None:
    """More lost cases speak against the budget, a larger budget is harder to exceed."""
    by_lost = [stats.loss_p(table(k, 3, 120), 0.05) for k in range(60)]
    by_budget = [stats.loss_p(table(14, 3, 120), step / 200) for step in range(60)]

    assert by_lost == sorted(by_lost, reverse=True)
    assert by_budget == sorted(by_budget)
    assert by_lost[59] < 1e-9 < 0.5 <= by_lost[9]


@pytest.mark.parametrize("tiny", [1e-3, 1e-100, 1e-160, 1e-220, 1e-300, 1e-320, 5e-324])
@pytest.mark.parametrize("limit", [0.0, 5e-324, 1e-300, 1e-9])
def test_differences_next_to_nothing_are_no_evidence(tiny: float, limit: float) -> None:
    """However small the numbers are, nothing is divided by nothing, and nothing is shown."""
    counts = paired_counts([tiny] * 100)

    assert 0.3 < stats.loss_p(counts, limit) <= 1
    assert 0.3 < stats.loss_p(paired_counts([tiny, -tiny] * 50), limit) <= 1
    assert abs(stats.tango_z(counts, 0)) < 0.4
    assert stats.loss_interval(counts)[1] == pytest.approx(0.0295, abs=2e-3)


@pytest.mark.parametrize("bad", [-0.01, 1.01, 5, *BAD_NUMBERS])
def test_evidence_needs_a_budget_that_can_be(bad: float) -> None:
    """5 is not 5 points; 0 asks whether there is any loss at all."""
    assert stats.loss_p(table(20, 0, 50), 0) < 1e-4
    with pytest.raises(ValueError, match=f"max_drop is {bad}"):
        stats.loss_p(table(1, 1, 10), bad)


@pytest.mark.parametrize("bad", [0, 0.5, 1, -0.1, *BAD_NUMBERS])
def test_bound_of_pass_needs_an_alpha(bad: float) -> None:
    """An alpha of a half or more would put the bound below the estimate."""
    with pytest.raises(ValueError, match=f"alpha is {bad}"):
        stats.loss_upper(table(1, 1, 10), bad)
