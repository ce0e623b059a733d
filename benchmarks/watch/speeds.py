"""Speeds of golden answers of an unchanged endpoint: is p what it says, and what is noticed?

Every case has a speed of its own and noise; all cases of a night share its weather, which nights in
a row have in common. The p is the one of `pytest_quantguard.watch.levels`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pytest_quantguard.watch.levels import TOKENS_PER_SECOND, speed
from pytest_quantguard.watch.limits import limits
from pytest_quantguard.watch.records import Answer, Behaviour, Look, Pin, ProbeAnswer, Told
from pytest_quantguard.watch.series import series

CASES, DAY_S, NAMED = 40, 86_400.0, 0.05
_ANSWER = (ProbeAnswer(probe="word", round=0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How the speed of a night differs from that of others."""

    name: str
    spread: float
    """Standard deviation of a night's logarithm."""
    alike: float = 0.5
    """Correlation of one night with the next."""
    busy: float = 0.0
    """Share of nights on which everything takes twice as long."""


WEATHERS = (
    Weather(name="calm, 3 %", spread=0.03),
    Weather(name="usual, 10 %", spread=0.1),
    Weather(name="rough, 20 %", spread=0.2),
    Weather(name="10 %, one night in ten half as fast", spread=0.1, busy=0.1),
)


def p_of(weather: Weather, rng: np.random.Generator, nights: int, faster: float = 1.0) -> float:
    """Return the p of tonight's speed: after a plain bless and so many quiet nights.

    A plain bless asks the golden cases in one look. Tonight every answer is written ``faster``
    times as fast as the weather lets it; a p that is of a slower night is 1: it names nothing.
    """
    made = [_look(night, one, rng) for night, one in enumerate(_levels(weather, rng, nights + 2))]
    pin = Pin(looks=(made[0].id,), reason="simulated", at=0.0)
    now = made[-1]
    if now.behaviour is None:
        raise ValueError("a look without golden answers has no speed")
    quick = {case: value * faster for case, value in now.behaviour.speeds.items()}
    now = replace(now, behaviour=replace(now.behaviour, speeds=quick))
    found = speed(series(made[:-1], now, pin), limits())
    (one,) = (one for one in found if one.quantity == TOKENS_PER_SECOND)
    return (one.p or 0.0) if (one.value or 0.0) > 1 else 1.0


def _levels(weather: Weather, rng: np.random.Generator, count: int) -> list[float]:
    """Logarithms of the nights' levels: a first-order autoregression, and busy nights."""
    fresh = rng.standard_normal(count) * weather.spread
    levels = [float(fresh[0])]
    for one in fresh[1:]:
        rest = math.sqrt(1 - weather.alike**2) * float(one)
        levels.append(weather.alike * levels[-1] + rest)
    return [one - (math.log(2) if rng.random() < weather.busy else 0.0) for one in levels]


def _look(night: int, level: float, rng: np.random.Generator) -> Look:
    values = 40 * np.exp(level + 0.3 * np.sin(np.arange(CASES)) + 0.15 * rng.standard_normal(CASES))
    speeds = {f"c{k}": float(value) for k, value in enumerate(values)}
    told = Told(answer=Answer.UNCHANGED.value, pin=0.0) if night else None
    return Look(
        id=f"{night:06}",
        at=night * DAY_S,
        endpoint="api",
        identity={},
        probes="",
        answers=_ANSWER,
        behaviour=Behaviour(speeds=speeds, golden="g"),
        told=told,
    )


def share(
    weather: Weather, rng: np.random.Generator, looks: int, nights: int, faster: float = 1.0
) -> float:
    """Return how many of so many looks are named faster at p 0.05."""
    return sum(p_of(weather, rng, nights, faster) <= NAMED for _ in range(looks)) / looks
