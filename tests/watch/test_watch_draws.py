"""The two-sample test on drawn texts, against relabelling every possible way."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pytest_quantguard.stats._special import student_tail
from pytest_quantguard.watch import draws
from pytest_quantguard.watch.records import Look, ProbeAnswer
from watched_looks import look

BLANK = look(1)
OURS = ("red hat", "red cat", "blue", "red")
THEIRS = ("blue", "blue", "green", "red hat", "bl", "")


def drew(texts: Sequence[str], probe: str = "a") -> Look:
    """Return a look that drew these texts."""
    answers = (
        ProbeAnswer(probe=f"drawn-{probe}", round=k, text=text) for k, text in enumerate(texts)
    )
    return replace(BLANK, answers=tuple(answers))


def within(texts: Sequence[str], chosen: Sequence[int]) -> float:
    """Return the centred kernel, summed over the pairs of chosen texts, computed plainly."""
    n = len(texts)
    kernel = [[draws.hamming(a, b) for b in texts] for a in texts]
    means = [sum(row) / n for row in kernel]
    grand = sum(means) / n
    pairs = itertools.combinations(chosen, 2)
    return sum(kernel[i][j] - means[i] - means[j] + grand for i, j in pairs)


def test_mean_and_variance_are_those_of_all_relabellings() -> None:
    """All 210 ways to choose 4 of the 10 texts."""
    texts = [*OURS, *THEIRS]
    every = [within(texts, chosen) for chosen in itertools.combinations(range(10), 4)]
    expected = (within(texts, range(4)) - statistics.mean(every)) / statistics.pstdev(every)
    found = draws.discrepancy([drew(OURS)], [drew(THEIRS)])

    assert found is not None
    assert found.z == pytest.approx(expected, rel=1e-9)


def test_the_discrepancy_is_that_of_its_definition() -> None:
    """Unbiased squared MMD: two mean similarities within, less twice the one across."""

    def mean(pairs: Sequence[tuple[str, str]]) -> float:
        return statistics.mean(draws.hamming(a, b) for a, b in pairs)

    expected = mean(list(itertools.permutations(OURS, 2)))
    expected += mean(list(itertools.permutations(THEIRS, 2)))
    expected -= 2 * mean(list(itertools.product(OURS, THEIRS)))
    found = draws.discrepancy([drew(OURS)], [drew(THEIRS)])

    assert found is not None
    assert found.value == pytest.approx(expected)


def test_the_tail_of_z_is_that_of_scipys_permutation_test() -> None:
    """One probe, a difference in doubt: both give it about the same chance."""
    reference = pytest.importorskip("scipy.stats")
    rng = random.Random(5)
    ours = rng.choices("abcdef", [6, 3, 1, 1, 1, 1], k=20)
    theirs = rng.choices("abcdef", [1, 3, 6, 1, 1, 1], k=60)

    def statistic(one: Sequence[float], other: Sequence[float]) -> float:
        sides = (["abcdef"[int(k)] for k in side] for side in (one, other))
        found = draws.discrepancy(*([drew(side)] for side in sides))
        assert found is not None
        return found.z

    coded = [["abcdef".index(text) for text in side] for side in (ours, theirs)]
    p = reference.permutation_test(
        coded, statistic, alternative="greater", n_resamples=400, random_state=1
    ).pvalue

    assert p == pytest.approx(student_tail(statistic(*coded), 16), abs=0.03)
    assert 0.02 < p < 0.12


def test_equal_models_give_a_standard_z() -> None:
    """300 pairs of looks of one model: mean near 0, deviation near 1, few beyond 3."""
    rng = random.Random(6)
    found = []
    for _ in range(300):
        sides = [
            [drew(rng.choices("abcd", [4, 3, 2, 1], k=k), probe)]
            for probe in "xyz"
            for k in (8, 64)
        ]
        mine = replace(drew(()), answers=sum((side[0].answers for side in sides[::2]), ()))
        theirs = replace(drew(()), answers=sum((side[0].answers for side in sides[1::2]), ()))
        one = draws.discrepancy([mine], [theirs])
        assert one is not None
        found.append(one.z)

    assert abs(statistics.mean(found)) < 0.2
    assert statistics.pstdev(found) == pytest.approx(1.0, abs=0.15)
    assert sum(z > 3 for z in found) <= 6


def test_texts_agree_in_places() -> None:
    """Three of four places; what only one has is no agreement; nothing agrees with nothing."""
    assert draws.hamming("abcd", "abxd") == 0.75
    assert draws.hamming("ab", "abcd") == 0.5
    assert draws.hamming("", "") == 1.0
    assert math.isclose(draws.hamming("a" * 100 + "b", "a" * 100 + "c"), 1.0)


def test_too_few_or_no_draws_are_no_comparison() -> None:
    """Three texts on one side; another probe; no answers."""
    assert draws.discrepancy([drew(OURS[:3])], [drew(THEIRS)]) is None
    assert draws.discrepancy([drew(OURS, "b")], [drew(THEIRS)]) is None
    assert draws.discrepancy([drew(())], [drew(THEIRS)]) is None


def test_one_text_everywhere_is_no_difference() -> None:
    """A model that always says the same gives z = 0, and no division by nothing."""
    found = draws.discrepancy([drew(["same"] * 8)], [drew(["same"] * 64)])

    assert found == draws.Discrepancy(z=0.0, guarded=0.0, value=0.0)


def test_a_rare_text_drawn_twice_is_no_ten_standard_deviations() -> None:
    """Relabelling knows next to no variance of a model that is nearly sure."""
    found = draws.discrepancy([drew([*["yes"] * 6, "no", "no"])], [drew(["yes"] * 64)])

    assert found is not None
    assert found.z > 5
    assert found.guarded < 1
