"""Domains of arguments: whatever is outside raises ValueError naming argument, value and domain."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def between(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError unless low < value < high; NaN is not between anything."""
    if not low < value < high:
        raise ValueError(f"{name} is {value}; it must lie between {low} and {high}, both excluded")


def checked_differences(differences: Iterable[float]) -> list[float]:
    """Return the differences as a list; ValueError unless each lies in [-1, 1]."""
    values = list(differences)
    for place, value in enumerate(values):
        if not -1 <= value <= 1:
            raise ValueError(f"differences[{place}] is {value}; it must lie between -1 and 1")
    return values


def checked_weights(weights: Iterable[float] | None, cases: int) -> list[float]:
    """Return one weight per case relative to the heaviest, all 1 without weights; else ValueError.

    Relative to the heaviest, equal weights are exactly 1 and sums of yes-no outcomes stay whole.
    """
    scale = [1.0] * cases if weights is None else list(weights)
    if len(scale) != cases:
        raise ValueError(f"{len(scale)} weights for {cases} differences; one each is needed")
    for place, weight in enumerate(scale):
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"weights[{place}] is {weight}; a weight is a finite number >= 0")
    heaviest = max(scale, default=0.0)
    if heaviest == 0:
        raise ValueError("no case has a weight above 0; at least one is needed")
    return [weight / heaviest for weight in scale]


LEAST_DROP = 1e-9
"""Below it no budget is planned: that takes thousands of millions of cases."""


def planned_drop(max_drop: float) -> float:
    """Return the budget to plan with, `LEAST_DROP` at least; ValueError unless 0 < it <= 1."""
    if not 0 < max_drop <= 1:
        raise ValueError(f"max_drop is {max_drop}; a budget is above 0 and at most 1")
    return max(max_drop, LEAST_DROP)


def check_arms(baseline: Sequence[float], candidate: Sequence[float]) -> None:
    """Raise ValueError unless two arms have as many measurements, one at least, all above 0."""
    for name, values in (("baseline", baseline), ("candidate", candidate)):
        for place, value in enumerate(values):
            if not 0 < value < math.inf:
                raise ValueError(f"{name}[{place}] is {value}; it must be finite and above 0")
    if len(baseline) != len(candidate) or not baseline:
        raise ValueError(
            f"baseline has {len(baseline)} and candidate {len(candidate)} measurements; "
            "as many of each, one at least, are needed"
        )


def checked_ratios(baseline: Sequence[float], candidate: Sequence[float]) -> list[float]:
    """Return candidate / baseline, pair by pair, of arms that `check_arms` lets through."""
    check_arms(baseline, candidate)
    return [theirs / ours for ours, theirs in zip(baseline, candidate, strict=True)]


def check_limit(limit: float, side: str) -> None:
    """Raise ValueError unless a ratio can be above, or below, such a limit."""
    if not 0 < limit < math.inf:
        raise ValueError(f"limit is {limit}; it must be finite and above 0")
    if side not in ("above", "below"):
        raise ValueError(f"side is {side!r}; it must be 'above' or 'below'")
