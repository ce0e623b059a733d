"""Everything that one look shows against the pin: findings, each valid over a year of looks."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_quantguard.verdicts import CandidateReport
from pytest_quantguard.watch.behaviour import behaviour
from pytest_quantguard.watch.facts import facts
from pytest_quantguard.watch.fingerprint import fingerprint
from pytest_quantguard.watch.levels import lengths, speed
from pytest_quantguard.watch.limits import LOOKS_A_YEAR, RATE, limits
from pytest_quantguard.watch.records import Finding, Look, Pin
from pytest_quantguard.watch.series import series
from pytest_quantguard.watch.since import dated


def findings(
    looks: Sequence[Look],
    now: Look,
    pin: Pin | None,
    gate: CandidateReport | None,
    *,
    rate: float = RATE,
    looks_a_year: int = LOOKS_A_YEAR,
) -> tuple[Finding, ...]:
    """Return what a look shows: log-probs or texts, facts, lengths, speed, behaviour; since when.

    Args:
        looks: Every sound look of the endpoint, in any order, today's among them or not. Those
            that asked other probes, or were asked under another configuration, are left out.
        now: Today's look.
        pin: The reference; without one only what needs none is found.
        gate: What the golden set's gate says of today's look against the pin's first; None where
            it did not run.
        rate: Chance, in (0, 0.5), of any false alarm in a year.
        looks_a_year: How many looks there are in a year; somebody who looks more often is to say
            so.

    Raises:
        ValueError: ``rate`` or ``looks_a_year`` is out of its range.
    """
    spent = limits(rate, looks_a_year)
    known = series(looks, now, pin)
    found = (
        *fingerprint(known, spent),
        *facts(known),
        *lengths(known, spent),
        *behaviour(known, gate, spent),
        *speed(known, spent),
    )
    return dated(found, known, spent)
