"""How far one look's answers are from those of other looks: log-probs, and the likeliest texts.

A look is compared with the mean of the others and with the closest of them, and the smaller
distance counts: an API with two backends answers like the one or like the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from pytest_quantguard.watch.probes import GREEDY
from pytest_quantguard.watch.records import Look, ProbeAnswer

_FEWEST_SHARED = 0.5  # of the probes: with fewer answered nothing is compared
_PADDING = -100.0
"""Nats; what is listed below is no probability but what a server fills its list up with: -9999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tops:
    """First tokens of one probe: mean log-probs, and how unlikely a token is that is not listed."""

    values: Mapping[str, float]
    bound: float
    """Mean of the lists' lowest values: what is not listed is at most as likely."""


def logprob_distance(look: Look, others: Sequence[Look]) -> float | None:
    """Mean absolute difference of log-probs, in nats, from other looks; None = not comparable.

    Over the tokens that either side lists, averaged within a probe and then over the probes. A
    token that falls off a list is taken at the list's lowest value: it is at most as likely.
    Rounds of one look are averaged first, and the others' looks as well.
    """
    ours = _tops([look])
    groups = [others, *([other] for other in others)] if len(others) > 1 else [others]
    found = [_between(ours, _tops(group)) for group in groups]
    return min((distance for distance in found if distance is not None), default=None)


def round_distance(look: Look, _: Sequence[Look] = ()) -> float | None:
    """Mean absolute difference of log-probs, in nats, between a look's own rounds; None for one.

    What the endpoint's noise alone does within minutes: other weights answer twice alike.
    """
    numbers = sorted({answer.round for answer in look.answers})
    rounds = [
        _tops_of(tuple(answer for answer in look.answers if answer.round == number))
        for number in numbers
    ]
    pairs = [_between(one, other) for one, other in pairwise(rounds)]
    found = [distance for distance in pairs if distance is not None]
    return _mean(found) if found else None


def text_distance(look: Look, others: Sequence[Look]) -> float | None:
    """Share, in [0, 1], of the likeliest texts that differs from other looks; None = not
    comparable.

    1 - (characters before the first difference) / (length of the longer text), from the closest
    text that any of the others gave to the same probe; averaged over the probes. What follows the
    first difference is another story anyway, and noise shows late in an answer.
    """
    seen: dict[str, set[str]] = {}
    for other in others:
        for answer in _greedy(other):
            seen.setdefault(answer.probe, set()).add(answer.text)
    mine: dict[str, list[float]] = {}
    for answer in _greedy(look):
        if texts := seen.get(answer.probe):
            closest = min(_after_first_difference(answer.text, text) for text in texts)
            mine.setdefault(answer.probe, []).append(closest)
    if not mine or len(mine) < _FEWEST_SHARED * len(seen):
        return None
    return _mean([_mean(found) for found in mine.values()])


def has_tops(look: Look) -> bool:
    """Tell whether a look holds log-probs at all."""
    return any(answer.top for answer in look.answers)


def _greedy(look: Look) -> list[ProbeAnswer]:
    return [answer for answer in look.answers if answer.probe.startswith(f"{GREEDY}-")]


def _after_first_difference(one: str, other: str) -> float:
    if one == other:
        return 0.0
    shorter = min(len(one), len(other))
    same = next((k for k in range(shorter) if one[k] != other[k]), shorter)
    return 1 - same / max(len(one), len(other))


def _tops(looks: Sequence[Look]) -> Mapping[str, Tops]:
    """Mean over all answers of the looks, probe by probe."""
    return _tops_of(tuple(answer for look in looks for answer in look.answers))


@lru_cache(maxsize=128)  # each of a pin's looks is compared with each other one
def _tops_of(answers: tuple[ProbeAnswer, ...]) -> Mapping[str, Tops]:
    lists: dict[str, list[dict[str, float]]] = {}
    for answer in answers:
        if real := {token: p for token, p in answer.top if p > _PADDING}:
            lists.setdefault(answer.probe, []).append(real)
    return {probe: _joined(found) for probe, found in lists.items()}


def _joined(lists: Sequence[Mapping[str, float]]) -> Tops:
    lowest = [min(one.values()) for one in lists]
    values = {
        token: _mean([one.get(token, low) for one, low in zip(lists, lowest, strict=True)])
        for token in dict.fromkeys(token for one in lists for token in one)
    }
    return Tops(values=values, bound=_mean(lowest))


def _between(ours: Mapping[str, Tops], theirs: Mapping[str, Tops]) -> float | None:
    shared = [probe for probe in theirs if probe in ours]
    if not shared or len(shared) < _FEWEST_SHARED * len(theirs):
        return None
    return _mean([_apart(ours[probe], theirs[probe]) for probe in shared])


def _apart(ours: Tops, theirs: Tops) -> float:
    """Mean over the tokens of either side; a token that one side does not list lies below it."""
    differences = []
    for token in {**ours.values, **theirs.values}:
        one, other = ours.values.get(token), theirs.values.get(token)
        if one is None or other is None:
            listed, bound = (other, ours.bound) if one is None else (one, theirs.bound)
            differences.append(max(0.0, (bound if listed is None else listed) - bound))
        else:
            differences.append(abs(one - other))
    return _mean(differences)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
