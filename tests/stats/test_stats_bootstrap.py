"""Bootstrap intervals of paired ratios, against resampling done the plain way."""

import math
import random
from itertools import product

import pytest

from pytest_quantguard import stats
from pytest_quantguard.stats import bootstrap


def correlated(n, seed=5, slower=1.2):
    """Two arms that share how long each case is."""
    draw = random.Random(seed)
    own = [draw.lognormvariate(0, 0.6) for _ in range(n)]
    baseline = [x * draw.lognormvariate(0, 0.15) for x in own]
    return baseline, [slower * x * draw.lognormvariate(0, 0.15) for x in own]


def test_the_weights_of_a_resample_are_those_of_the_poisson_distribution():
    """256 values: mean 1 exactly, and each frequency within a byte of exp(-1) / k!."""
    weights = bootstrap._WEIGHTS

    assert 256 == len(weights) == sum(weights)
    for k in range(6):
        expected = 256 * math.exp(-1) / math.factorial(k)
        assert abs(weights.count(k) - expected) < 1.2
    assert pytest.approx(sum((w - 1) ** 2 for w in weights) / 256) == bootstrap._VARIANCE


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_median_is_resampled_exactly(alpha):
    """All 5^5 resamples of five ratios, counted: the ends are the quantiles of their medians."""
    ratios = [0.8, 0.9, 1.0, 1.2, 1.5]
    medians = sorted(sorted(draw)[2] for draw in product(ratios, repeat=5))
    place = math.ceil(alpha * len(medians)) - 1

    assert (medians[place], medians[-place - 1]) == stats.bootstrap_median_ratio(
        [1.0] * 5, ratios, alpha
    )


@pytest.mark.parametrize(("n", "q"), [(200, 0.95), (500, 0.95), (500, 0.99)])
def test_tails_agree_with_drawing_cases_with_replacement(n, q):
    """1,000 plain resamples of whole pairs: both ends agree to a tenth of the interval's width."""
    baseline, candidate = correlated(n)
    draw, rank = random.Random(1), math.ceil(q * n)
    found = []
    for _ in range(1000):
        cases = draw.choices(range(n), k=n)
        ours, theirs = (sorted(arm[c] for c in cases) for arm in (baseline, candidate))
        found.append(theirs[rank - 1] / ours[rank - 1])
    found.sort()

    low, high = stats.bootstrap_quantile_ratio(baseline, candidate, q)

    width = math.log(found[949] / found[50])
    assert abs(math.log(low / found[50])) < 0.1 * width
    assert abs(math.log(high / found[949])) < 0.1 * width


def test_pairs_stay_together():
    """A candidate that takes 1.3 times as long in every case: every resample says so."""
    baseline, _ = correlated(300)
    low, high = stats.bootstrap_quantile_ratio(baseline, [1.3 * x for x in baseline], 0.95)

    assert (pytest.approx(1.3), pytest.approx(1.3)) == (low, high)


def test_the_same_data_give_the_same_interval():
    """No clock, no global state: in the order of the cases or not, twice the same."""
    baseline, candidate = correlated(120)
    random.seed(1)
    first = stats.bootstrap_quantile_ratio(baseline, candidate, 0.95)
    random.seed(2)

    assert first == stats.bootstrap_quantile_ratio(baseline, candidate, 0.95)


@pytest.mark.parametrize("n", [1, 2, 3, 59])
def test_few_cases_give_the_ratios_there_are(n):
    """Nothing breaks: both ends are ratios of values that were measured."""
    baseline, candidate = correlated(n)
    low, high = stats.bootstrap_quantile_ratio(baseline, candidate, 0.99, draws=50)
    every = [theirs / ours for ours in baseline for theirs in candidate]

    assert low <= high
    assert low in every
    assert high in every
    low, high = stats.bootstrap_median_ratio(baseline, candidate)
    assert low <= high


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_values_outside_the_domain_are_refused(bad):
    """As by all ratios: what is not finite and above 0 is named."""
    for call in (
        lambda ours, theirs: stats.bootstrap_quantile_ratio(ours, theirs, 0.95),
        stats.bootstrap_median_ratio,
    ):
        with pytest.raises(ValueError, match=r"candidate\[1\] is"):
            call([1.0, 1.0], [1.0, bad])
    for q in (0.4, 1.0, float("nan")):
        with pytest.raises(ValueError, match="q is"):
            stats.bootstrap_quantile_ratio([1.0], [1.0], q)
    with pytest.raises(ValueError, match="draws is 0"):
        stats.bootstrap_quantile_ratio([1.0], [1.0], 0.9, draws=0)
