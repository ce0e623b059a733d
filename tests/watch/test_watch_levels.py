"""Speed is told, lengths decide."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pytest_quantguard.watch.levels import lengths, speed
from pytest_quantguard.watch.limits import limits
from pytest_quantguard.watch.records import Finding, Look, Pin
from pytest_quantguard.watch.series import series
from watched_looks import behaved, changed, look, pinned

CASES = 60


def speeds(factor: float) -> dict[str, Finding]:
    """Return what a look says of which both times are this many times the pin's."""
    looks, pin = pinned("sampled")
    now = changed(
        look(30, "sampled"),
        lambda a: replace(a, ttft_s=(a.ttft_s or 0) * factor, latency_s=a.latency_s * factor),
    )
    return {f.quantity: f for f in speed(series(looks, now, pin), limits())}


def test_the_usual_speed_is_no_change() -> None:
    """Five percent of noise in each request."""
    found = speeds(1.0)

    assert set(found) == {"ttft", "tokens per second"}
    assert not any(one.changed for one in found.values())


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_three_times_faster_or_slower_is_told_and_decides_nothing(factor: float) -> None:
    """The ratio of times is the factor, that of speeds its inverse."""
    found = speeds(factor)

    assert all(one.changed and not one.decides for one in found.values())
    assert found["ttft"].value == pytest.approx(factor, rel=0.05)
    assert found["tokens per second"].value == pytest.approx(1 / factor, rel=0.1)


def test_golden_answers_tell_the_speed_where_there_are_any() -> None:
    """They are longer than probes: their tokens per second are the ones that count."""
    looks, pin = pinned()
    fast = replace(behaved({}), speeds={f"c{k}": 50.0 + k for k in range(10)})
    slow = replace(behaved({}), speeds={f"c{k}": 5.0 + k / 10 for k in range(10)})
    looks = [replace(one, behaviour=slow) for one in looks]
    found = speed(series(looks, replace(look(30), behaviour=fast), pin), limits())

    assert [f.value for f in found if f.quantity == "tokens per second"] == [pytest.approx(10)]


def answered(night: float, factor: float = 1.0, pin_of: int = 0) -> Look:
    """Return a look whose golden answers are so many times as long, each with 10 % of noise."""
    rng = random.Random(f"{night} {pin_of}")
    tokens = {
        f"c{k}": max(1, round(factor * (40 + 3 * k) * rng.lognormvariate(0, 0.1)))
        for k in range(CASES)
    }
    return replace(look(night), behaviour=behaved({}, tokens))


def compared(*nights: Look, pinned_looks: int = 8) -> dict[str, Finding]:
    """Return what the last of the nights says, by window."""
    looks = [answered(night) for night in range(pinned_looks)]
    pin = Pin(looks=tuple(one.id for one in looks), reason="", at=0.0)
    known = series([*looks, *nights], nights[-1], pin)
    return {finding.window: finding for finding in lengths(known, limits())}


def test_answers_of_the_usual_length_are_no_change() -> None:
    """Seven nights, each answer with noise of its own."""
    found = compared(*(answered(30 + night) for night in range(7)))

    assert set(found) == {"look", "week"}
    assert not any(one.changed for one in found.values())


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_longer_and_shorter_answers_are_a_change(factor: float) -> None:
    """The ratio is the geometric mean."""
    found = compared(answered(30, factor))["look"]

    assert found.changed
    assert found.value == pytest.approx(factor, rel=0.05)


def test_a_handful_of_golden_cases_tells_no_speed() -> None:
    """Nine pairs are fewer than a mean of ratios needs: the probes tell."""
    looks, pin = pinned("sampled")
    speeds = replace(behaved({}), speeds={f"c{k}": 50.0 for k in range(9)})
    looks = [replace(one, behaviour=speeds) for one in looks]
    now = replace(look(30, "sampled"), behaviour=speeds)

    (found,) = (
        f for f in speed(series(looks, now, pin), limits()) if f.quantity == "tokens per second"
    )
    assert "of probes" in found.sentence


def test_one_pinned_look_with_lengths_is_enough() -> None:
    """How far looks differ by themselves is then assumed: a tenth more is no change yet."""
    assert compared(answered(30, 1.5), pinned_looks=1)["look"].changed
    assert not compared(answered(30, 1.1), pinned_looks=1)["look"].changed
    assert not compared(answered(30), pinned_looks=1)["look"].changed


def test_other_golden_cases_are_not_compared() -> None:
    """Their hash differs: there is nothing to say."""
    now = answered(30, 2.0)
    assert now.behaviour is not None
    other = replace(now, behaviour=replace(now.behaviour, golden="g2"))

    assert compared(other) == {}


def test_a_handful_of_cases_says_nothing() -> None:
    """Nine cases are fewer than a mean of ratios needs."""
    now = answered(30, 2.0)
    assert now.behaviour is not None
    few = {case: now.behaviour.tokens[case] for case in list(now.behaviour.tokens)[:9]}
    found = compared(replace(now, behaviour=behaved({}, few)))["look"]

    assert (found.able, found.changed) == (False, False)
