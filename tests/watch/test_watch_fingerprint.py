"""Findings of the probes: what changes are seen, on which night, and what is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_quantguard.watch import probes
from pytest_quantguard.watch.findings import findings
from pytest_quantguard.watch.records import Finding, Pin, ProbeAnswer
from watched_looks import Change, changed, look, moved, pinned


def other_text(answer: ProbeAnswer) -> ProbeAnswer:
    """Return an answer that begins otherwise, as another model's would."""
    return replace(answer, text=f"well {answer.text}")


def last_night(
    change: Change | None, mode: probes.Mode, *, nights: int = 1, **noise: float
) -> tuple[Finding, ...]:
    """Return what the last of so many nights shows, all of them changed alike."""
    looks, pin = pinned(mode, **noise)
    later = [look(30 + night, mode, **noise) for night in range(nights)]
    later = [changed(one, change) if change else one for one in later]
    return findings([*looks, *later], later[-1], pin, None)


def one(found: tuple[Finding, ...], window: str = "look", quantity: str = "") -> Finding:
    """Return the finding of the probes against the pin in this window."""
    (match,) = (
        finding
        for finding in found
        if finding.kind in ("logprobs", "sampled")
        and (finding.window, finding.quantity, finding.against) == (window, quantity, "pin")
    )
    return match


@pytest.mark.parametrize("nats", [0.0, 0.01, 0.05])
def test_a_quiet_night_is_no_change(nats: float) -> None:
    """Whatever the noise is, as long as it is the pin's."""
    found = last_night(None, "logprobs", nights=7, nats=nats)

    for window in ("look", "week"):
        assert not one(found, window).changed
        assert one(found, window).able


def test_a_moved_distribution_is_seen_at_once() -> None:
    """0.1 nats on a server that repeats itself; the sentence names the size and the limit."""
    found = one(last_night(moved(0.1), "logprobs"))

    assert found.changed
    assert found.decides
    assert found.value == pytest.approx(0.1, rel=0.05)
    assert found.p is not None
    assert found.limit is not None
    assert found.p < found.limit
    assert "0.1 nats from the pin" in found.sentence


def test_a_small_move_is_seen_over_a_week() -> None:
    """0.01 nats is too little for one night, and enough for seven."""
    night = last_night(moved(0.01), "logprobs")
    week = last_night(moved(0.01), "logprobs", nights=7)

    assert not one(night).changed
    assert one(week, "week").changed


def test_a_busy_night_is_no_change() -> None:
    """Three times the usual noise, for one night."""
    looks, pin = pinned(nats=0.02)
    busy = look(30, nats=0.06)

    assert not one(findings(looks, busy, pin, None)).changed


def test_other_likeliest_answers_are_seen_without_log_probs() -> None:
    """Every greedy text begins with another word."""
    found = last_night(other_text, "sampled")

    assert one(found, quantity="greedy").changed
    assert one(found, quantity="drawn").changed


def test_late_differences_of_likeliest_answers_are_noise() -> None:
    """A tenth of them ends otherwise every night, as servers do that share a batch."""
    found = last_night(None, "sampled", nights=7, late=0.1)

    assert not any(finding.changed for finding in found)


def test_other_draws_are_seen_where_the_likeliest_answer_stays() -> None:
    """The same greedy texts, and a distribution that moved to two words."""

    def flatter(answer: ProbeAnswer) -> ProbeAnswer:
        drawn = answer.probe.startswith("drawn-")
        return replace(answer, text="grey rose"[: 4 + answer.round]) if drawn else answer

    found = last_night(flatter, "sampled")

    assert not one(found, quantity="greedy").changed
    assert one(found, quantity="drawn").changed


@pytest.mark.parametrize("mode", ["logprobs", "sampled"])
def test_a_short_pin_says_nothing_and_how_many_looks_it_needs(mode: probes.Mode) -> None:
    """Three looks are too few, for a changed endpoint too."""
    looks, pin = pinned(mode, nights=3)
    found = findings(looks, look(30, mode), pin, None)

    against_pin = [finding for finding in found if finding.kind in ("logprobs", "sampled")]
    assert against_pin
    for finding in against_pin:
        assert not finding.able
        assert "3 usable looks; 4 are needed" in finding.sentence


def test_a_pin_of_one_day_asks_for_more() -> None:
    """It does not know how far nights differ, so the distance that is noticed is larger."""
    nightly, pin = pinned(nats=0.02)
    at_once = [replace(one, at=nightly[0].at) for one in nightly]
    now = changed(look(30, nats=0.02), moved(0.3))
    by_nights, by_day = (one(findings(looks, now, pin, None)).p for looks in (nightly, at_once))

    assert by_nights is not None
    assert by_day is not None
    assert by_nights < by_day


def test_half_of_the_probes_unanswered_is_no_evidence() -> None:
    """Neither for nor against."""
    looks, pin = pinned()
    now = replace(look(30), answers=look(30).answers[:3])
    found = one(findings(looks, now, pin, None))

    assert (found.able, found.changed) == (False, False)


def test_log_probs_that_went_away_are_no_quiet_night() -> None:
    """The finding says nothing, and the loss itself is a change."""
    found = last_night(lambda answer: replace(answer, top=()), "logprobs")

    assert not one(found).able
    assert [f.quantity for f in found if f.kind == "identity" and f.changed] == ["log-probs"]


def test_slow_drift_shows_against_the_pin_alone() -> None:
    """0.004 nats more each night: the last night equals the week before, and not the pin."""
    looks, pin = pinned(nats=0.005)
    drifting = [
        changed(look(30 + night, nats=0.005), moved(0.004 * night)) for night in range(24, 31)
    ]
    found = findings([*looks, *drifting], drifting[-1], pin, None)
    (before,) = (finding for finding in found if finding.against == "previous")

    assert one(found).changed
    assert before.able
    assert not before.changed
    assert not before.decides


def test_looks_of_another_configuration_are_left_out() -> None:
    """They are neither the pin nor the week."""
    looks, pin = pinned()
    now = replace(look(30), identity={"model": "other"})

    assert not one(findings(looks, now, pin, None)).able


def test_without_a_pin_nothing_is_compared_with_one() -> None:
    """No facts, and a fingerprint that says what is missing."""
    looks, _ = pinned()
    found = findings(looks, look(30), None, None)

    assert not one(found).able
    assert {finding.kind for finding in found} == {"logprobs"}


def test_a_clock_that_went_back_changes_no_pin() -> None:
    """Looks dated after today are no part of the week, and the pin stays the pin."""
    looks, pin = pinned()
    future = changed(look(60), moved(1.0))
    found = findings([*looks, future], look(30), pin, None)

    assert not any(finding.changed for finding in found)


def test_an_order_of_looks_does_not_matter() -> None:
    """Storage may list them as it likes."""
    looks, pin = pinned(nats=0.01)
    now = look(30, nats=0.01)

    assert findings(looks, now, pin, None) == findings([now, *looks[::-1]], now, pin, None)


def test_another_pin_is_another_reference() -> None:
    """Blessing the changed looks makes them quiet."""
    looks, _ = pinned()
    new = [changed(look(30 + night), moved(0.2)) for night in range(8)]
    pin = Pin(looks=tuple(one.id for one in new), reason="the provider announced it", at=0.0)

    assert not any(
        finding.changed
        for finding in findings([*looks, *new], new[-1], pin, None)
        if finding.against == "pin"
    )
