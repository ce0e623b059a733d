"""The same numbers from SciPy, which only tests use."""

from __future__ import annotations

import random

import pytest

from pytest_quantguard import stats
from pytest_quantguard.stats import _special

reference = pytest.importorskip("scipy.stats")
special = pytest.importorskip("scipy.special")


def test_incomplete_beta_is_scipys() -> None:
    """Shapes from 0.1 to 10,000, wherever the function is neither 0 nor 1."""
    draw = random.Random(1)
    for _ in range(2000):
        a, b = 10 ** draw.uniform(-1, 4), 10 ** draw.uniform(-1, 4)
        x = draw.betavariate(a, b)
        expected = float(special.betainc(a, b, x))

        assert pytest.approx(expected, rel=1e-8) == _special.incomplete_beta(x, a, b)
    assert _special.incomplete_beta(-0.1, 2, 3) == 0
    assert _special.incomplete_beta(1.1, 2, 3) == 1


@pytest.mark.parametrize("n", [1, 7, 60, 1000, 100_000])
def test_binomial_tails_are_scipys(n: int) -> None:
    """Both tails, at and beyond the ends too."""
    for p in (0.0, 0.001, 0.05, 0.5, 0.93, 1.0):
        for k in {-1, 0, 1, n // 20, n // 2, n - 1, n, n + 1}:
            at_most, at_least = reference.binom.cdf(k, n, p), reference.binom.sf(k - 1, n, p)

            assert pytest.approx(at_most, rel=1e-8, abs=1e-290) == _special.binomial_at_most(
                k, n, p
            )
            assert pytest.approx(at_least, rel=1e-8, abs=1e-290) == _special.binomial_at_least(
                k, n, p
            )


@pytest.mark.parametrize("df", [1, 2.5, 9, 30, 1000, 1e6])
def test_students_t_is_scipys(df: float) -> None:
    """Tails on both sides and quantiles, for whole and broken degrees of freedom."""
    for t in (-40.0, -2.0, 0.0, 0.3, 5.0):
        assert pytest.approx(reference.t.sf(t, df), rel=1e-8) == _special.student_tail(t, df)
    for alpha in (0.4, 0.05, 0.001):
        assert pytest.approx(reference.t.isf(alpha, df), rel=1e-7) == _special.student_t(alpha, df)
    assert _special.student_tail(float("inf"), df) == 0


def test_normal_functions_are_scipys() -> None:
    """Tails far out keep their digits."""
    for z in (-3.0, 0.0, 1.645, 8.0, 30.0):
        assert pytest.approx(reference.norm.sf(z), rel=1e-12) == _special.normal_tail(z)
    assert pytest.approx(reference.norm.isf(1e-5), rel=1e-12) == _special.z_alpha(1e-5)


def test_mcnemar_is_the_binomial_test() -> None:
    """Exact one- and two-sided p-values."""
    for lost, gained in ((16, 6), (3, 9), (0, 4), (250, 210)):
        one = reference.binomtest(lost, lost + gained, alternative="greater").pvalue
        two = reference.binomtest(lost, lost + gained).pvalue

        assert pytest.approx((one, two)) == stats.mcnemar_exact(lost, gained)


def test_bounds_of_a_candidate_that_only_loses_are_clopper_and_pearsons() -> None:
    """The upper end of the two-sided 90 % interval."""
    for lost, n in ((0, 59), (2, 100), (9, 140)):
        interval = reference.binomtest(lost, n).proportion_ci(0.9, method="exact")
        counts = stats.PairedCounts(lost=lost, gained=0, n=n)

        assert pytest.approx(interval.high, rel=1e-9) == stats.loss_upper(counts)


def test_means_are_the_one_sample_t_test() -> None:
    """Of differences as they are and of logarithms of ratios."""
    draw = random.Random(2)
    values = [draw.uniform(-0.3, 0.4) for _ in range(30)]
    test = reference.ttest_1samp(values, 0.01, alternative="greater")
    ratios = [draw.lognormvariate(0.05, 0.2) for _ in range(40)]
    logs = [special.log1p(ratio - 1) for ratio in ratios]
    below = reference.ttest_1samp(logs, special.log1p(0.1), alternative="less")
    interval = reference.ttest_1samp(logs, 0).confidence_interval(0.9)
    found = stats.mean_log_ratio([1] * 40, ratios)

    assert pytest.approx(test.pvalue) == stats.mean_p(values, 0.01)
    assert pytest.approx(below.pvalue) == stats.mean_log_ratio_p(
        [1] * 40, ratios, 1.1, side="below"
    )
    assert pytest.approx(special.expm1(interval.low)) == found.low - 1
    assert pytest.approx(special.expm1(interval.high)) == found.high - 1


def test_quantile_bounds_are_the_quantile_test() -> None:
    """The median of paired ratios, and p95 of one arm at the error that its bound has."""
    draw = random.Random(3)
    ratios = [draw.lognormvariate(0.05, 0.2) for _ in range(75)]
    found = stats.median_ratio([1] * 75, ratios, alpha=0.05)
    test = reference.quantile_test(ratios, q=1.0, p=0.5, alternative="greater")
    interval = test.confidence_interval(0.95)  # one-sided
    tested = reference.quantile_test(ratios, q=1.1, p=0.5, alternative="greater").pvalue

    assert pytest.approx(interval.low) == found.low
    assert pytest.approx(tested) == stats.median_ratio_p([1] * 75, ratios, 1.1)


def test_distance_is_wassersteins() -> None:
    """Of samples with ties, too."""
    draw = random.Random(4)
    one = [draw.randint(1, 40) for _ in range(60)]
    other = [draw.randint(5, 60) for _ in range(60)]
    expected = reference.wasserstein_distance(one, other)

    assert pytest.approx(expected) == stats.wasserstein_swap_p(one, other, draws=1)[0]
