"""How small a p-value has to be, so that a year of quiet nights gives no false alarm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pytest_quantguard.watch.records import Kind, Window

_DAYS = 6.5
"""Days over which it is counted how often somebody looks: of daily looks it holds six intervals,
whatever minute they are made in."""

RATE = 0.01
"""Chance of any false alarm in a year, at most."""
LOOKS_A_YEAR = 365
"""One look each night."""


class Evidence(NamedTuple):
    """Something of which every look gives a p-value."""

    kind: Kind
    quantity: str
    """As in `Finding.quantity`."""
    window: Window


SHARES: Mapping[Evidence, float] = MappingProxyType(
    {
        # An endpoint has one of the two fingerprints, so they have the same half to spend.
        Evidence("logprobs", "", "look"): 0.25,
        Evidence("logprobs", "", "week"): 0.25,
        Evidence("sampled", "greedy", "look"): 0.125,
        Evidence("sampled", "greedy", "week"): 0.125,
        Evidence("sampled", "drawn", "look"): 0.125,
        Evidence("sampled", "drawn", "week"): 0.125,
        Evidence("behaviour", "", "look"): 0.15,
        Evidence("behaviour", "", "week"): 0.15,
        Evidence("lengths", "", "look"): 0.05,
        Evidence("lengths", "", "week"): 0.05,
        Evidence("speed", "ttft", "look"): 0.05,
        Evidence("speed", "tokens per second", "look"): 0.05,
    }
)
"""What each test may use up of the year's rate; they were fixed before anything was seen."""


def pace(times: Sequence[float], now: float, given: int = LOOKS_A_YEAR) -> int:
    """Return how many looks a year's rate is spent over: as ``given``, or more if more are made.

    ``times`` are those of earlier looks, and ``now`` of the one that is judged, in seconds since
    the epoch. Who looks each hour looks 8,760 times a year, whether or not he said so.

    >>> pace([now * 3600.0 for now in range(200)], 200 * 3600.0)
    8760
    """
    earlier = sum(now - _DAYS * 86_400 <= time < now for time in times)
    return max(given, round(earlier * LOOKS_A_YEAR / _DAYS))


def limits(rate: float = RATE, looks_a_year: int = LOOKS_A_YEAR) -> Mapping[Evidence, float]:
    """Return for each test the p-value below which it counts as changed.

    rate / looks_a_year x the test's share. If every p-value is valid for its own look, so that
    P(p <= a) <= a while nothing changes, then by Bonferroni's inequality the chance of any false
    alarm within so many looks is at most ``rate``: whatever the looks, the windows and the kinds
    of evidence share. Exact facts have no p-value and use nothing up; speed uses a little up,
    because it gives a finding its signature.

    Raises:
        ValueError: ``rate`` is not between 0 and 0.5, or there is no look in a year.

    >>> f"{limits()[Evidence('logprobs', '', 'look')]:.2g}"
    '6.8e-06'
    """
    if not 0 < rate < 0.5:
        raise ValueError(f"rate is {rate}; it must lie between 0 and 0.5, both excluded")
    if not (looks_a_year >= 1 and math.isfinite(looks_a_year)):
        raise ValueError(f"looks_a_year is {looks_a_year}; it must be 1 or more")
    return MappingProxyType({test: rate / looks_a_year * part for test, part in SHARES.items()})
