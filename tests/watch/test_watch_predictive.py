"""The t of one more look, against other people's numbers."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from pytest_quantguard.watch import predictive


def test_a_wide_prior_aside_it_is_students_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no looks' worth of assumption it is the textbook interval: mean + t s sqrt(1 + 1/n)."""
    reference = pytest.importorskip("scipy.stats")
    monkeypatch.setattr(predictive, "PRIOR_LOOKS", 0)
    values = [3.1, 2.7, 3.4, 2.9, 3.3, 3.0]
    found = predictive.spread(values, assumed=1.0)
    reach = statistics.stdev(values) * math.sqrt(1 + 1 / 6)

    for p in (0.2, 0.01, 1e-6):
        expected = statistics.mean(values) + reference.t.isf(p, 5) * reach
        assert found.above(p) == pytest.approx(expected, rel=1e-9)
        assert found.p_above(expected) == pytest.approx(p, rel=1e-6)
        assert found.p_apart(expected) == pytest.approx(2 * p, rel=1e-6)


def test_what_is_assumed_keeps_lucky_looks_from_looking_sure() -> None:
    """Four equal values still leave most of the assumed spread, and wild ones widen it."""
    same = predictive.spread([1.0] * 4, assumed=0.25)
    wild = predictive.spread([0.0, 2.0, 0.0, 2.0], assumed=0.25)

    assert same.sd == pytest.approx(0.25 * math.sqrt(8 / 11))
    assert wild.sd == pytest.approx(math.sqrt((8 * 0.0625 + 4) / 11))


def test_values_at_the_floor_say_nothing_about_their_spread() -> None:
    """What could not be told from no difference counts with what was assumed, not with nothing."""
    found = predictive.spread([0.0] * 8, assumed=0.25, least=0.0)

    assert found.sd == pytest.approx(0.25 * math.sqrt(16 / 15))


def test_a_year_of_looks_stays_below_its_limit() -> None:
    """Normal looks of the assumed spread exceed the limit p in a share p of cases, or fewer."""
    rng = random.Random(4)
    exceeded = 0
    for _ in range(4000):
        past = [rng.gauss(0, 0.25) for _ in range(8)]
        found = predictive.spread(past, assumed=0.25)
        exceeded += found.p_above(rng.gauss(0, 0.25)) <= 0.01

    assert 15 <= exceeded <= 60  # 40 expected where the spread is as assumed


def test_nights_that_are_alike_count_for_less() -> None:
    """Seven nights, each correlated 0.5 with the next, are worth two and a third."""
    assert predictive.nights(7) == pytest.approx(7 / 3)
    assert predictive.nights(1) == 1.0


@pytest.mark.parametrize(
    ("values", "assumed"), [([], 1.0), ([math.nan], 1.0), ([1.0], 0.0), ([1.0], math.inf)]
)
def test_what_cannot_be_learned_from_is_refused(values: list[float], assumed: float) -> None:
    """No values, values that are no numbers, and no assumption."""
    with pytest.raises(ValueError, match=r"values are|assumed is"):
        predictive.spread(values, assumed=assumed)
