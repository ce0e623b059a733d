"""Evidence of the golden set, over one look and over a week of them."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from test_watch_decision import gate

from pytest_quantguard.verdicts import Verdict
from pytest_quantguard.watch.behaviour import behaviour, p_of
from pytest_quantguard.watch.limits import limits
from pytest_quantguard.watch.records import Finding, Look
from pytest_quantguard.watch.series import series
from watched_looks import behaved, look, pinned

CASES = 400


def night(number: float, rate: float) -> Look:
    """Return a look at 400 cases that hold in about this share, each night anew."""
    rng = random.Random(f"{number} {rate}")
    return replace(
        look(number), behaviour=behaved({f"c{k}": float(rng.random() < rate) for k in range(CASES)})
    )


def over_a_week(rate: float, nights: int = 7) -> Finding | None:
    """Return what a week of looks shows against a pin whose cases hold in 90 %."""
    _, pin = pinned()
    looks = [night(number, 0.9) for number in range(8)]
    week = [night(30 + number, rate) for number in range(nights)]
    found = behaviour(series([*looks, *week], week[-1], pin), None, limits())
    return found[0] if found else None


def test_a_week_as_good_as_the_pin_is_no_change() -> None:
    """Noise in every case and every night."""
    found = over_a_week(0.9)

    assert found is not None
    assert not found.changed
    assert found.value == pytest.approx(0, abs=0.02)


def test_a_loss_that_stays_shows_over_a_week() -> None:
    """15 points, in cases that differ every night; the value is the loss."""
    found = over_a_week(0.75)

    assert found is not None
    assert found.changed
    assert found.value == pytest.approx(0.15, abs=0.03)


def test_two_nights_are_no_week() -> None:
    """There is nothing to say yet."""
    assert over_a_week(0.5, nights=2) is None


@pytest.mark.parametrize(
    ("verdict", "log_e", "changed"),
    [
        (Verdict.FAIL, math.log(1e6), True),
        (Verdict.FAIL, math.log(1e5), False),
        (Verdict.INCONCLUSIVE, math.log(1e6), False),
        (Verdict.PASS, -3.0, False),
    ],
)
def test_the_gates_evidence_is_held_against_the_year(
    verdict: Verdict, log_e: float, changed: bool
) -> None:
    """2.4e5 : 1 are needed, and the gate's own verdict."""
    looks, pin = pinned()
    (found,) = behaviour(series(looks, look(30), pin), gate(verdict, log_e, worse=20), limits())

    assert found.changed is changed
    assert found.value == pytest.approx(0.2)


def test_an_e_value_is_turned_into_a_p_value() -> None:
    """1 / e, at most 1, however large e is."""
    assert p_of(math.log(100)) == pytest.approx(0.01)
    assert p_of(-5.0) == 1.0
    assert p_of(1e6) == 0.0
