"""How the year's rate is spent."""

from __future__ import annotations

import math

import pytest

from pytest_quantguard.watch.limits import LOOKS_A_YEAR, SHARES, Evidence, limits, pace


@pytest.mark.parametrize("fingerprint", ["logprobs", "sampled"])
def test_a_year_of_looks_spends_the_rate_once(fingerprint: str) -> None:
    """Whichever of the two fingerprints an endpoint has, a year of all its tests adds up to 1 %."""
    other = {"logprobs", "sampled"} - {fingerprint}
    a_look = math.fsum(limit for test, limit in limits().items() if test.kind not in other)

    assert a_look * 365 == pytest.approx(0.01)
    assert min(SHARES.values()) > 0


def test_more_looks_and_a_smaller_rate_take_more_evidence() -> None:
    """Twice as many looks, or half the rate, halve each limit."""
    test = Evidence("logprobs", "", "week")

    assert limits(0.01, 730)[test] == pytest.approx(limits()[test] / 2)
    assert limits(0.005)[test] == pytest.approx(limits()[test] / 2)


@pytest.mark.parametrize(
    ("rate", "looks"), [(0.0, 365), (0.5, 365), (math.nan, 365), (0.01, 0), (0.01, math.inf)]
)
def test_impossible_years_are_refused(rate: float, looks: int) -> None:
    """The message names the argument and what was given."""
    with pytest.raises(ValueError, match=r"rate is|looks_a_year is"):
        limits(rate, looks)


@pytest.mark.parametrize(("hours", "looks"), [(24, 365), (12, 730), (1, 8760), (168, 365)])
def test_who_looks_more_often_spends_less_on_each_look(hours: int, looks: int) -> None:
    """Daily and weekly looks are those of a year as given; hourly ones are 8,760."""
    now = 2000 * 3600.0
    times = [now - number * hours * 3600.0 for number in range(1, 400)]

    assert pace(times, now) == pytest.approx(looks, abs=1)
    assert pace(times, now, 9000) == 9000


def test_a_clock_that_was_ahead_counts_for_nothing() -> None:
    """Looks that are dated later are no looks of the last week."""
    assert pace([10.0**9 + k for k in range(500)], 10.0**9) == LOOKS_A_YEAR
