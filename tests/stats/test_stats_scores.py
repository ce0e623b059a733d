"""Paired scores, against hand calculations, exact chances and simulation."""

from __future__ import annotations

import math
import random
from itertools import pairwise, product
from statistics import fmean, stdev

import pytest
from paired_tables import BAD_NUMBERS, chance_of, most_lost, psi_grid

from pytest_quantguard import stats
from pytest_quantguard.stats import PairedCounts


def outcomes(counts: PairedCounts) -> list[float]:
    """The yes-no differences of a table."""
    lost, gained = int(counts.lost), int(counts.gained)
    return [1.0] * lost + [-1.0] * gained + [0.0] * int(counts.n - lost - gained)


# --- bounds ---------------------------------------------------------------------------------


def test_bound_is_students_with_one_more_broken_case() -> None:
    """At 0.05 the added case weighs ln(20) / (1 + 1.6449) = 1.1326 of the cases there are."""
    values, weight = [0.1, -0.2, 0.3, 0.0, 0.05, -0.1, 0.2, 0.02, 0.0, 0.15, -0.3, 0.4], 1.1326
    total = 12 + weight
    mean = (sum(values) + weight) / total
    squares = sum((v - mean) ** 2 for v in values) + (weight * (1 - mean)) ** 2
    n = total**2 / (12 + weight**2)
    # t(.05) with n - 1 = 11.98 degrees of freedom; with 12 it is 1.7823.
    expected = mean + 1.7825 * math.sqrt(squares / total**2 * n / (n - 1))

    assert pytest.approx(expected, abs=2e-4) == stats.mean_upper(values)


@pytest.mark.parametrize("n", [59, 100, 300, 1000])
def test_faultless_cases_are_bounded_nearly_as_in_an_exact_test(n: int) -> None:
    """Nothing differs in n cases: 1 - 0.05^(1/n), within 2 %, and never less."""
    exact = 1 - 0.05 ** (1 / n)

    assert exact <= stats.mean_upper([0.0] * n) <= 1.02 * exact


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_floor_of_a_mean_is_where_its_bound_first_fits(alpha: float) -> None:
    """The closed form says what the bound of so many equal cases says."""
    for limit in (0.003, 0.01, 0.02, 0.05, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 1.0):
        floor = stats.mean_floor(limit, alpha)

        assert stats.mean_upper([0.0] * floor, alpha=alpha) < limit
        if floor > 1:
            assert stats.mean_upper([0.0] * (floor - 1), alpha=alpha) >= limit


def test_ten_cases_are_ten() -> None:
    """Equal weights are a tenth each, which binary numbers do not have; ten cases are enough."""
    assert stats.mean_upper([0.0] * 9) > 0.69
    assert stats.mean_upper([0.0] * 10) < 0.29
    assert stats.mean_upper([0.0] * 10, [3] * 10) == stats.mean_upper([0.0] * 10)


def test_floor_of_a_tiny_limit_is_that_of_an_exact_test() -> None:
    """n cases are bounded by ln(20) / n; nobody has to make up a list of them."""
    for limit in (1e-4, 1e-6, 1e-9):
        assert pytest.approx(math.log(20) / limit, rel=1e-3) == stats.mean_floor(limit)


@pytest.mark.parametrize("bad", [0, -0.1, 1e-10, 1.01, *BAD_NUMBERS])
def test_floor_of_a_limit_that_cannot_be(bad: float) -> None:
    """A limit of 5 is not 5 points."""
    with pytest.raises(ValueError, match=f"limit is {bad}"):
        stats.mean_floor(bad)


@pytest.mark.parametrize(
    ("limit", "n"), [(0.02, 376), (0.05, 60), (0.05, 100), (0.1, 35), (0.1, 164)]
)
def test_bound_holds_where_few_cases_break(limit: float, n: int) -> None:
    """For yes-no differences with any psi its exact error is at most 5.8 %; Student's is 18 %."""
    most = most_lost(n, lambda counts: stats.mean_upper(outcomes(counts)) < limit)
    errors = [chance_of(most, n, limit, psi) for psi in psi_grid(limit, 8)[:-1]]

    assert max(errors) <= 0.058


def test_student_alone_would_pass_what_is_broken() -> None:
    """Twenty cases, 5 % of them broken: in 36 % of samples none shows, and t has no width."""
    assert 0.95**20 > 0.35
    assert stats.mean_upper([0.0] * 20) > 0.13


def test_bound_holds_for_scores() -> None:
    """Small noise and rare damage, in 500 samples of 60: the bound errs in 6 % at most."""
    draw, missed = random.Random(9), 0
    for _ in range(500):
        damage = [float(draw.random() < 0.08) * draw.uniform(0.4, 0.9) for _ in range(60)]
        noise = [draw.gauss(0, 0.02) for _ in range(60)]
        missed += stats.mean_upper(map(sum, zip(damage, noise, strict=True))) < 0.08 * 0.65

    assert missed <= 30


def test_few_cases_have_the_bound_of_hoeffding() -> None:
    """Nine cases without a difference: KL(1/2, (1 + b) / 2) = ln(20) / 9 at b = 0.6972."""
    bound = stats.mean_upper([0.0] * 9)
    divergence = -(math.log(1 + bound) + math.log(1 - bound)) / 2

    assert pytest.approx(math.log(20) / 9) == divergence
    assert stats.mean_upper([1.0] * 3) == 1
    assert stats.mean_upper([0.3]) > 0.9
    # Few of many: one case has nearly all the weight.
    assert stats.mean_upper([0.0] * 100, [1000, *[1] * 99]) > 0.5


def test_bound_follows_the_evidence() -> None:
    """One more lost point raises it, more cases and a larger alpha lower it, weights shift it."""
    values = [0.1, 0.0, -0.1, 0.2] * 10
    upper = stats.mean_upper(values)

    assert stats.mean_upper([*values[:-1], 0.9]) > upper > stats.mean_upper(values * 2)
    assert stats.mean_upper(values, alpha=0.01) > upper > stats.mean_upper(values, alpha=0.1)
    assert pytest.approx(upper) == stats.mean_upper(values, [3] * 40)
    assert stats.mean_upper(values, [1, 1, 1, 2] * 10) > upper
    assert -1 <= stats.mean_upper([-1.0] * 50) < -0.85
    assert stats.mean_upper([1.0] * 50) == 1


def test_weights_count_whose_noise_they_multiply() -> None:
    """If the heavy cases are the noisy ones, the error is larger than if they are the calm ones."""
    noisy, calm = [0.3, -0.3] * 15, [0.01, -0.01] * 15
    heavy_noise = stats.mean_interval(noisy + calm, [3] * 30 + [1] * 30)
    heavy_calm = stats.mean_interval(noisy + calm, [1] * 30 + [3] * 30)

    assert heavy_noise[0] < heavy_calm[0] < 0 < heavy_calm[1] < heavy_noise[1]


def test_interval_ends_where_the_verdicts_are_judged() -> None:
    """high is the bound of PASS; at low the p-value is the error of one side."""
    draw = random.Random(3)
    for values in (
        [draw.uniform(-0.1, 0.3) for _ in range(40)],
        [draw.uniform(-0.1, 0.3) for _ in range(6)],
        [0.4] * 30,
    ):
        low, high = stats.mean_interval(values, confidence=0.9)

        assert low < fmean(values) < high
        assert high == stats.mean_upper(values, alpha=(1 - 0.9) / 2)
        assert pytest.approx(0.05, rel=1e-6) == stats.mean_p(values, low)


# --- tests ----------------------------------------------------------------------------------


def test_p_of_a_mean_is_students() -> None:
    """Mean .1, standard deviation .2, n = 25: t = 2.5 with 24 degrees, p = 0.0098."""
    values = [0.1 + 0.2 * math.sqrt(24 / 25) * sign for sign in (1, -1)] * 12 + [0.1]
    scale = 0.2 / stdev(values)
    values = [0.1 + (value - 0.1) * scale for value in values]

    assert 0.0098 == round(stats.mean_p(values, 0), 4)
    assert pytest.approx(0.5) == stats.mean_p(values, 0.1)
    assert pytest.approx(stats.mean_p(values, 0)) == stats.mean_p(values, 0, [2] * 25)


def test_p_of_few_or_equal_differences_is_hoeffdings() -> None:
    """Nine of nine lost completely: 2^-9, as in a sign test; a small equal loss proves nothing."""
    assert pytest.approx(2**-9) == stats.mean_p([1.0] * 9, 0)
    assert stats.mean_p([0.02] * 50, 0) > 0.9
    assert stats.mean_p([-0.3] * 5, 0) == 1
    assert stats.mean_p([0.0] * 100, 0) == 1
    assert stats.mean_p([0.5] * 20, -1) == 0
    assert stats.mean_p([0.5] * 20, 1) == 1


@pytest.mark.parametrize("n", [13, 34, 100])
@pytest.mark.parametrize("limit", [0.0, 0.02])
def test_p_of_a_mean_is_small_as_seldom_as_it_should_be(n: int, limit: float) -> None:
    """For yes-no differences p is at most .05 and .01 with chances of 6.7 and 1.9 % at most."""
    for alpha, bound in ((0.05, 0.067), (0.01, 0.019)):
        kept = most_lost(n, lambda c, alpha=alpha: stats.mean_p(outcomes(c), limit) > alpha)

        assert all(1 - chance_of(kept, n, limit, psi) <= bound for psi in psi_grid(limit, 8)[:-1])


# --- shape ----------------------------------------------------------------------------------


def test_distance_is_that_of_the_sorted_samples() -> None:
    """Order does not matter, shift and spread do; the p-value is that of the swapped pairs."""
    baseline, candidate = [30.0, 10, 20, 40], [33.0, 9, 20, 45]
    pairs = list(zip(baseline, candidate, strict=True))

    def distance(swaps: tuple[bool, ...]) -> float:
        left = sorted(pair[swap] for pair, swap in zip(pairs, swaps, strict=True))
        right = sorted(pair[not swap] for pair, swap in zip(pairs, swaps, strict=True))
        return fmean(abs(one - other) for one, other in zip(left, right, strict=True))

    every = [distance(swaps) for swaps in product((False, True), repeat=4)]
    found, p = stats.wasserstein_swap_p(baseline, candidate, draws=3000)

    assert pytest.approx((3 + 1 + 0 + 5) / 4) == found == distance((False,) * 4)
    assert pytest.approx(fmean(d >= found - 1e-9 for d in every), abs=0.03) == p


def test_distance_sees_a_change_of_spread() -> None:
    """Answers that are as long on average, but half as evenly, differ in shape."""
    draw = random.Random(14)
    baseline = [draw.gauss(100, 10) for _ in range(80)]
    wider = [100 + 2.2 * (b - 100) + draw.gauss(0, 2) for b in baseline]
    prompts = [draw.gauss(100, 10) for _ in range(80)]
    one, other = ([p + draw.gauss(0, 5) for p in prompts] for _ in range(2))

    assert stats.wasserstein_swap_p(baseline, wider, draws=300)[1] < 0.02
    assert stats.wasserstein_swap_p(baseline, baseline) == (0, 1)
    assert stats.wasserstein_swap_p(one, other, draws=300)[1] > 0.05


def test_drawing_ends_when_the_distance_is_surely_chance(monkeypatch) -> None:
    """Whether p is below the mark does not change, and below it p itself does not."""
    drawn = 0

    class Counted(random.Random):
        def getrandbits(self, k: int, /) -> int:
            nonlocal drawn
            drawn += 1
            return super().getrandbits(k)

    monkeypatch.setattr(random, "Random", Counted)
    draw = random.Random(20)
    below = 0
    for _ in range(40):
        baseline = [draw.gauss(100, 10) for _ in range(30)]
        spread = draw.choice([1.0, 1.3, 1.6, 2.0])
        candidate = [100 + spread * (b - 100) + draw.gauss(0, 4) for b in baseline]
        whole = stats.wasserstein_swap_p(baseline, candidate, draws=199)
        drawn = 0
        early = stats.wasserstein_swap_p(baseline, candidate, draws=199, stop=0.05)

        assert whole[0] == early[0]
        assert (whole[1] < 0.05) == (early[1] < 0.05)
        assert early == whole if whole[1] < 0.05 else drawn <= 199
        below += early[1] < 0.05
    assert 5 < below < 35

    drawn = 0
    assert stats.wasserstein_swap_p(baseline, baseline, draws=199, stop=0.05)[1] == 1
    assert 9 == drawn


def test_distance_of_one_pair_says_nothing() -> None:
    """A swap of the only pair leaves the distance as it is."""
    assert stats.wasserstein_swap_p([3], [5]) == (2, 1)


@pytest.mark.parametrize(
    ("baseline", "candidate", "draws", "message"),
    [
        ([], [], 9, "baseline has 0 and candidate 0 values"),
        ([1], [1, 2], 9, "baseline has 1 and candidate 2 values"),
        ([1, math.nan], [1, 2], 9, r"baseline\[1\] is nan"),
        ([1, 2], [math.inf, 2], 9, r"candidate\[0\] is inf"),
        ([1, 2], [1, 2], 0, "draws is 0"),
        ([1, 2], [1, 2], 1.5, "draws is 1.5"),
    ],
)
def test_samples_that_cannot_be_compared_are_named(
    baseline: list[float], candidate: list[float], draws: float, message: str
) -> None:
    """What is wrong, with its place and value."""
    with pytest.raises(ValueError, match=message):
        stats.wasserstein_swap_p(baseline, candidate, draws)  # type: ignore[arg-type]


# --- repeats --------------------------------------------------------------------------------


def test_instability_counts_pairs_that_disagree() -> None:
    """Of the pairs among k repeats, by hand; without disagreement 0."""
    for k in (2, 3, 5, 8):
        for holds in range(k + 1):
            runs = [place < holds for place in range(k)]
            pairs = [runs[i] != runs[j] for i in range(k) for j in range(i)]

            assert pytest.approx(fmean(pairs)) == stats.instability(holds, k)


@pytest.mark.parametrize(
    ("holds", "k", "message"),
    [(1, 1, "k is 1"), (1, 2.5, "k is 2.5"), (-1, 3, "holds is -1"), (4, 3, "from 0 to k = 3")],
)
def test_instability_needs_repeats(holds: float, k: float, message: str) -> None:
    """One run cannot disagree with itself."""
    with pytest.raises(ValueError, match=message):
        stats.instability(holds, k)  # type: ignore[arg-type]


# --- domains --------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [1.01, -1.01, *BAD_NUMBERS])
def test_scores_out_of_range_are_named(bad: float) -> None:
    """Every function of differences names the one that cannot be; a limit is a difference too."""
    for function in (
        stats.mean_upper,
        stats.mean_interval,
        lambda values: stats.mean_p(values, 0),
    ):
        with pytest.raises(ValueError, match=rf"differences\[1\] is {bad}"):
            function([0.0, bad])
    with pytest.raises(ValueError, match=f"limit is {bad}"):
        stats.mean_p([0.0], bad)


def test_nothing_to_average_is_refused() -> None:
    """No cases, no weights or an impossible alpha are an error that says so."""
    with pytest.raises(ValueError, match="no case has a weight above 0"):
        stats.mean_upper([])
    with pytest.raises(ValueError, match="1 weights for 2 differences"):
        stats.mean_p([0.0, 0.1], 0, [1])
    with pytest.raises(ValueError, match=r"weights\[0\] is -1"):
        stats.mean_interval([0.0, 0.1], [-1, 1])
    with pytest.raises(ValueError, match=r"alpha is 0\.5"):
        stats.mean_upper([0.0], alpha=0.5)
    with pytest.raises(ValueError, match="confidence is 1"):
        stats.mean_interval([0.0], confidence=1)
    with pytest.raises(ValueError, match="draws is 0"):
        stats.wasserstein_swap_p([1.0], [1.0], draws=0)


def test_intervals_shrink_with_cases() -> None:
    """The allowance for what was not seen goes with 1 / n, the noise with 1 / sqrt(n)."""
    values = [0.05, -0.05, 0.1, -0.1, 0.0] * 4
    bounds = [stats.mean_interval(values * k) for k in (1, 2, 4, 8, 16)]

    assert all(one[0] < other[0] < 0 < other[1] < one[1] for one, other in pairwise(bounds))
