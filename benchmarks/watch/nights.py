"""Years of nights on which nothing changes, and on which something does: the simulated worlds.

What is simulated is the distance of each look from the pin, by the same definition as
`pytest_quantguard.watch.distances`; the limit it is held against is computed by the code itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_quantguard.watch import predictive
from pytest_quantguard.watch.fingerprint import ASSUMED, ASSUMED_OF_A_DAY, LEAST_NATS
from pytest_quantguard.watch.limits import Test, limits
from pytest_quantguard.watch.series import WEEK_LOOKS

Floats = NDArray[np.float64]
PIN, YEAR = 8, 365
PROBES, TOKENS, ROUNDS = 8, 20, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How log-probs of one unchanged endpoint differ from look to look."""

    name: str
    what: str
    draw: Callable[[np.random.Generator, int, Floats], Floats]
    """(generator, looks, each look's night as 0, 1 ...) -> looks x (probes x tokens), in nats."""


def wander(rng: np.random.Generator, nights: Floats, correlation: float) -> Floats:
    """One standard normal number a night, each correlated with the next; equal within a night."""
    last = int(nights.max()) + 1
    steps = rng.standard_normal(last)
    found = np.empty(last)
    found[0] = steps[0]
    for k in range(1, last):
        found[k] = correlation * found[k - 1] + math.sqrt(1 - correlation**2) * steps[k]
    return found[nights.astype(int)]


def _size(rng: np.random.Generator) -> Floats:
    """Noise of each token: the unlikely ones move more."""
    return 0.02 * rng.lognormal(0, 0.5, PROBES * TOKENS)


def _rounds(rng: np.random.Generator, looks: int) -> Floats:
    return rng.standard_normal((looks, ROUNDS, PROBES * TOKENS)).mean(1)


def exact(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    return np.zeros((looks, PROBES * TOKENS))


def even(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    return _size(rng) * _rounds(rng, looks)


def uneven(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    scale = np.exp(0.3 * wander(rng, nights, 0.5))
    return scale[:, None] * _size(rng) * _rounds(rng, looks)


def own_nights(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    size = _size(rng)
    offsets = rng.standard_normal((int(nights.max()) + 1, PROBES * TOKENS)) * size
    return uneven(rng, looks, nights) + offsets[nights.astype(int)]


def heavy(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    draws = rng.standard_t(3, (looks, ROUNDS, PROBES * TOKENS)).mean(1)
    return _size(rng) * draws * np.exp(0.3 * wander(rng, nights, 0.5))[:, None]


def bursts(rng: np.random.Generator, looks: int, nights: Floats, factor: float = 3.0) -> Floats:
    busy = rng.random(int(nights.max()) + 1) < 0.03
    return uneven(rng, looks, nights) * np.where(busy, factor, 1.0)[nights.astype(int)][:, None]


def hard_bursts(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    return bursts(rng, looks, nights, 10.0)


def now_and_then(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    """Mostly bit by bit the same; batches of another shape move an answer's numbers a little."""
    share = rng.beta(0.5, 5, int(nights.max()) + 1)[nights.astype(int)]
    moved = rng.random((looks, ROUNDS, PROBES)) < share[:, None, None]
    noise = rng.standard_normal((looks, ROUNDS, PROBES, TOKENS)) * 0.005
    return (noise * moved[..., None]).mean(1).reshape(looks, -1)


def backends(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    """Each answer comes from one of two machines, in shares that change from night to night."""
    apart = 0.05 * rng.standard_normal((PROBES, TOKENS))
    share = rng.beta(2, 2, int(nights.max()) + 1)[nights.astype(int)]
    which = rng.random((looks, ROUNDS, PROBES)) < share[:, None, None]
    found = (which[..., None] * apart).mean(1).reshape(looks, -1)
    return found + 0.002 * _rounds(rng, looks)


WORLDS = (
    World(name="exact", what="every night the same to the last bit", draw=exact),
    World(name="now and then", what="a few answers of a night move a little", draw=now_and_then),
    World(name="even", what="independent noise of 0.02 nats", draw=even),
    World(name="uneven nights", what="noise x e^(0.3 z), neighbours correlated 0.5", draw=uneven),
    World(name="own nights", what="the same, and each night has an offset", draw=own_nights),
    World(name="heavy tails", what="uneven nights with Student's t, 3 df", draw=heavy),
    World(name="two backends", what="0.05 nats apart, shares change nightly", draw=backends),
    World(name="bursts x3", what="uneven nights, 3 % of them 3 times as noisy", draw=bursts),
    World(name="bursts x10", what="3 % of nights 10 times as noisy", draw=hard_bursts),
)


def distances(looks: Floats, pin: Floats) -> Floats:
    """As `watch.distances.logprob_distance`, where all list the same tokens."""
    others = np.vstack([pin.mean(0)[None], pin])
    return np.abs(looks[:, None] - others[None]).mean(2).min(1)


def usual(pin: Floats, window: str, *, one_day: bool) -> predictive.Spread:
    """What the pin's looks say about themselves, by the code's own function."""
    own = [distances(pin[k : k + 1], np.delete(pin, k, 0))[0] for k in range(len(pin))]
    return predictive.spread(
        np.log(np.maximum(own, LEAST_NATS)).tolist(),
        assumed=(ASSUMED_OF_A_DAY if one_day else ASSUMED)[window],
        least=math.log(LEAST_NATS),
    )


def alarms(
    world: World, rng: np.random.Generator, *, one_day: bool, shift: float = 0.0, nights: int = YEAR
) -> tuple[int, int]:
    """First night, from 1, on which the look and the week alarm; 0 = never.

    shift: size in nats of a change that is there from the first night on, another for each token.
    """
    when = np.concatenate([np.zeros(PIN) if one_day else np.arange(PIN), PIN + np.arange(nights)])
    drawn = world.draw(rng, PIN + nights, when)
    pin, looks = drawn[:PIN], drawn[PIN:]
    if shift:
        looks = looks + shift * rng.standard_normal(looks.shape[1])
    known = {window: usual(pin, window, one_day=one_day) for window in ("look", "week")}
    found = np.log(np.maximum(distances(looks, pin), LEAST_NATS))
    spent = limits()
    quick = found > known["look"].above(spent[Test("logprobs", "", "look")])
    slow = np.zeros(nights, bool)
    for first in range(3, WEEK_LOOKS + 1):  # windows that are still filling
        worth = predictive.nights(first)
        limit = known["week"].above(spent[Test("logprobs", "", "week")], worth)
        last = first == WEEK_LOOKS
        means = np.convolve(found, np.ones(first) / first, "valid")
        slow[first - 1 : None if last else first] |= (means if last else means[:1]) > limit
    return tuple(int(one.argmax()) + 1 if one.any() else 0 for one in (quick, slow))  # type: ignore[return-value]
