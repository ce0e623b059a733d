"""Two separate groups of requests: Newcombe's interval, and evidence that holds at every look."""

from __future__ import annotations

import math
import random

import pytest

from pytest_quantguard.stats import (
    SplitEvidence,
    looks_alpha_open,
    split_interval,
    split_p,
    split_standard,
)


@pytest.mark.parametrize(
    ("before", "after", "low", "high"),
    [  # Newcombe 1998 (b), table II, method 10: the first share is the candidate's
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((2, 7), (6, 7), 0.0582, 0.8062),
        ((0, 29), (5, 56), -0.0381, 0.1926),
        ((0, 20), (0, 10), -0.1611, 0.2775),
        ((0, 10), (10, 10), 0.6075, 1.0),
    ],
)
def test_published_intervals(before, after, low, high):
    """The published values of the method, to four digits."""
    found = split_interval(*before, *after, confidence=0.95)

    assert (low, high) == pytest.approx(found, abs=5e-5)


def test_the_p_value_inverts_the_interval():
    """The lower bound at alpha is the limit where alpha is the p-value."""
    p_value = split_p(20, 1000, 45, 1000, 0.005)

    assert 0.005 == pytest.approx(split_interval(20, 1000, 45, 1000, 1 - 2 * p_value)[0], abs=1e-6)
    assert 1.0 == split_p(45, 1000, 20, 1000, 0.0)
    assert 1.0 == split_p(0, 10, 0, 10, 0.0)


@pytest.mark.parametrize(("before", "after", "value"), [((1, 0), (0, 1), 2), ((3, 2), (1, 2), 3)])
def test_impossible_counts_are_refused(before, after, value):
    """More successes than requests, or no request at all."""
    with pytest.raises(ValueError, match="must lie between"):
        split_interval(*before, *after)


def test_evidence_is_the_mean_of_nine_bets_on_blocks():
    """A block ends when both arms were asked, and its means are compared."""
    found = SplitEvidence()
    for value, candidate in ((0, False), (1, False), (1, True), (1, True), (0, False)):
        found.add(value, candidate=candidate)

    bets = [k / 10 for k in range(1, 10)]  # blocks: 1 - 1/2, then 1 - 0
    expected = sum((1 + bet * 0.5) * (1 + bet) for bet in bets) / 9
    assert 2 == found.blocks
    assert expected == pytest.approx(math.exp(found.log_e))
    assert 1 / expected == pytest.approx(found.p)


def test_the_p_value_keeps_the_strongest_moment():
    """Ville's inequality is about the largest value ever: later good luck takes nothing back."""
    found = SplitEvidence()
    for _ in range(20):
        found.add(0, candidate=False)
        found.add(1, candidate=True)
    strongest = found.p
    for _ in range(20):
        found.add(1, candidate=False)
        found.add(0, candidate=True)

    assert strongest == found.p < 1e-4
    assert found.log_e < 0


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_equal_arms_hardly_ever_reach_a_hundred(share):
    """At any moment of 2,000 requests, with a tenth of thumbs down in both, drifting alike."""
    reached = 0
    for seed in range(100):
        draw, found = random.Random(seed), SplitEvidence()
        for at in range(2000):
            down = draw.random() < 0.05 + at / 20_000
            found.add(float(down), candidate=draw.random() < share)
        reached += found.p <= 0.01

    assert reached <= 4  # P(more than 4 of 100 | 1 %) = 0.3 %


def test_a_rise_is_found():
    """From 5 to 12 % thumbs down, a tenth of the traffic in the candidate."""
    draw, found = random.Random(1), SplitEvidence()
    for _ in range(20_000):
        candidate = draw.random() < 0.1
        found.add(float(draw.random() < (0.12 if candidate else 0.05)), candidate=candidate)

    assert found.p < 1e-6


def test_a_value_outside_is_refused():
    """So that E(1 + bet D) stays at most 1."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        SplitEvidence().add(1.5, candidate=True)


def test_the_alpha_of_open_looks():
    """Every look has its share, and a look before the first is refused."""
    assert 0.05 == pytest.approx(sum(looks_alpha_open(0.05, k) for k in range(1, 20_000)), abs=1e-5)
    with pytest.raises(ValueError, match="look is 0"):
        looks_alpha_open(0.05, 0)


@pytest.mark.parametrize("seed", range(20))
def test_strata_with_one_rise_have_that_rise(seed):
    """However the arms' shares and the strata's levels differ; one stratum is itself."""
    draw, rise = random.Random(seed), 0.2
    sizes = [(draw.randint(1, 60), draw.randint(1, 60), draw.uniform(0, 0.8)) for _ in range(5)]
    strata = [(n_b * p, n_b, n_c * (p + rise), n_c) for n_b, n_c, p in sizes]
    found = split_standard(strata)

    assert rise == pytest.approx(found.count_c / found.n_c - found.count_b / found.n_b)
    assert found.n_b + found.n_c <= sum(n_b + n_c for _, n_b, _, n_c in strata)
    assert tuple(split_standard(strata[:1])) == pytest.approx(strata[0])


def test_a_stratum_of_one_arm_has_no_part():
    """Nothing can be compared in it."""
    assert split_standard([(1, 2, 0, 0), (0, 0, 3, 3)]) is None
    assert split_standard([(1, 2, 0, 0), (2, 4, 3, 4)]) == (2, 4, 3, 4)
    with pytest.raises(ValueError, match="counts are 3 of 2"):
        split_standard([(3, 2, 0, 1)])


def test_evidence_is_weighed_inside_each_stratum():
    """A stratum where both arms do badly is no evidence against the arm that has more of it."""
    pooled, apart = SplitEvidence(), SplitEvidence()
    for _ in range(200):
        for stratum, candidate, value in (
            ("hard", True, 1.0),
            ("easy", False, 0.0),
            ("easy", False, 0.0),
            ("hard", True, 1.0),
        ):
            pooled.add(value, candidate=candidate)
            apart.add(value, candidate=candidate, stratum=stratum)

    assert pooled.p < 1e-9
    assert 1.0 == apart.p
