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
from pytest_quantguard.watch.draws import ALLOWANCE
from pytest_quantguard.watch.fingerprint import ASSUMED, ASSUMED_OF_A_DAY, LEAST_NATS
from pytest_quantguard.watch.limits import Evidence, limits
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
    """Bit by bit the same."""
    return np.zeros((looks, PROBES * TOKENS))


def even(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    """Independent noise in each answer."""
    return _size(rng) * _rounds(rng, looks)


def uneven(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    """Noise that is larger on some nights than on others."""
    scale = np.exp(0.3 * wander(rng, nights, 0.5))
    return scale[:, None] * _size(rng) * _rounds(rng, looks)


def own_nights(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    """Uneven noise, and an offset that all answers of a night share."""
    size = _size(rng)
    offsets = rng.standard_normal((int(nights.max()) + 1, PROBES * TOKENS)) * size
    return uneven(rng, looks, nights) + offsets[nights.astype(int)]


def heavy(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    """Uneven noise with heavy tails."""
    draws = rng.standard_t(3, (looks, ROUNDS, PROBES * TOKENS)).mean(1)
    return _size(rng) * draws * np.exp(0.3 * wander(rng, nights, 0.5))[:, None]


def bursts(rng: np.random.Generator, looks: int, nights: Floats, factor: float = 3.0) -> Floats:
    """Uneven noise, and 3 % of nights so many times as noisy."""
    busy = rng.random(int(nights.max()) + 1) < 0.03
    return uneven(rng, looks, nights) * np.where(busy, factor, 1.0)[nights.astype(int)][:, None]


def hard_bursts(rng: np.random.Generator, looks: int, nights: Floats) -> Floats:
    """Bursts of ten times the noise: more than the limits are made for."""
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
    quick = found > known["look"].above(spent[Evidence("logprobs", "", "look")])
    slow = np.zeros(nights, bool)
    for first in range(3, WEEK_LOOKS + 1):  # windows that are still filling
        worth = predictive.nights(first)
        limit = known["week"].above(spent[Evidence("logprobs", "", "week")], worth)
        last = first == WEEK_LOOKS
        means = np.convolve(found, np.ones(first) / first, "valid")
        slow[first - 1 : None if last else first] |= (means if last else means[:1]) > limit
    return tuple(int(one.argmax()) + 1 if one.any() else 0 for one in (quick, slow))  # type: ignore[return-value]


def drawn_tail(
    rng: np.random.Generator, looks: int, *, evenness: float, draws: int = 8, probes: int = 8
) -> dict[float, float]:
    """Share of looks of an unchanged model whose drawn texts have a p of at most 1e-2, 1e-3 ...

    evenness: how unsure the model is, a Dirichlet's concentration for each of twelve texts, which
    agree or do not. draws: of a probe in a look, or in a week of them. Computed from counts of
    texts as `watch.draws` does; the pin's spread is taken as known, as where draws alone differ.
    """
    total, variance = np.zeros(looks), np.zeros(looks)
    for _ in range(probes):
        chances = rng.dirichlet(np.full(12, evenness), looks)
        mine = rng.multinomial(draws, chances).astype(float)
        apart, spread = _moments(mine, mine + rng.multinomial(8 * PIN, chances))
        total, variance = total + apart, variance + spread
    guarded = total / np.sqrt(variance + (ALLOWANCE * draws) ** 2)
    df = predictive.PRIOR_LOOKS + PIN
    return {p: float(np.mean(guarded >= _t(p, df))) for p in (1e-2, 1e-3, 1e-4, 1e-5)}


def _t(p: float, df: float) -> float:
    found = predictive.Spread(mean=0.0, sd=1.0, df=df, looks=10**12)
    return found.above(p)


def _moments(mine: Floats, count: Floats) -> tuple[Floats, Floats]:
    """`draws._moments` for many looks at once, with the kernel that is 1 for equal texts."""
    m, n = mine[0].sum(), count[0].sum()
    means = count / n
    grand = (means * means).sum(1)
    kernel = np.eye(mine.shape[1])[None] - means[:, :, None] - means[:, None, :]
    kernel = kernel + grand[:, None, None]
    diagonal = np.einsum("lii->li", kernel)

    def pairs(values: Floats, on_diagonal: Floats, weights: Floats) -> Floats:
        every = np.einsum("li,lij,lj->l", weights, values, weights)
        return (every - (weights * on_diagonal).sum(1)) / 2

    within = pairs(kernel, diagonal, mine)
    all_pairs = pairs(kernel, diagonal, count)
    square = pairs(kernel**2, diagonal**2, count)
    rows = (count * diagonal**2).sum(1)
    two = m * (m - 1) / (n * (n - 1))
    three = two * (m - 2) / (n - 2)
    four = three * (m - 3) / (n - 3)
    second = two * square + three * (rows - 2 * square) + four * (all_pairs**2 - rows + square)
    return within - two * all_pairs, second - (two * all_pairs) ** 2
