"""Which looks are the last week's."""

from __future__ import annotations

from pytest_quantguard.watch.records import Pin
from pytest_quantguard.watch.series import series
from watched_looks import look

PIN = Pin(looks=(), reason="", at=0.0)


def test_a_day_of_many_looks_is_one_night_of_the_week() -> None:
    """Each day's last look: a busy afternoon is no seven nights."""
    hourly = [look(30 + hour / 24) for hour in range(48)]

    week = series(hourly, hourly[-1], PIN).week

    assert week == (hourly[23], hourly[47])


def test_a_week_is_seven_days_and_ends_with_today() -> None:
    """Pinned looks, older ones and those of a clock that was ahead are no part of it."""
    looks = [look(night) for night in range(20, 34)]
    pin = Pin(looks=(looks[8].id,), reason="", at=0.0)

    week = series(looks, looks[10], pin).week

    assert week == (*looks[4:8], *looks[9:11])
