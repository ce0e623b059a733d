"""How the year's rate is spent."""

from __future__ import annotations

import math

import pytest

from pytest_quantguard.watch.limits import SHARES, Evidence, limits


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
