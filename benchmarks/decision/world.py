"""The simulated world: two models, cases in cohorts, several checks of every case.

A case has one latent margin per check; a run adds serving noise to it, and the check holds where
the sum is above a threshold. Noise is set so that two runs of one model differ on a given share of
outcomes. A candidate may differ more (*churn*) without being worse, and it may be worse (*drop*).
Every quantity that is called a rate is exact in the world, not only in one draw of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

Scope = Literal["everywhere", "cohort", "cell"]
Kind = Literal["diffuse", "checks", "cases"]
_GRID = 2000  # points at which a margin's distribution is read when rates are set


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How models answer; nothing here depends on which of them is asked."""

    rates: tuple[float, ...] = (0.85, 0.95, 0.90, 0.97)
    """Share of cases that hold in the baseline, one per check."""
    cohorts: int = 5
    correlation: float = 0.5
    """Between the margins of two checks of one case."""
    tails: Literal["normal", "heavy"] = "normal"
    """``heavy``: margins follow Student's t with 4 degrees of freedom."""
    churn_by: Literal["margins", "flips"] = "margins"
    """``margins``: the candidate's margins are others; ``flips``: outcomes change, by themselves,
    as many from good to bad as back."""
    noise: float = 0.02
    """Share of outcomes on which two runs of the same model differ."""
    churn: float = 0.0
    """Further share on which the candidate's outcomes differ, without loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """How much worse the candidate is, and where."""

    size: float = 0.0
    """Share of cases, of every check in the scope."""
    scope: Scope = "everywhere"
    """``cohort`` is the first one, ``cell`` the first cohort and check."""
    kind: Kind = "diffuse"
    """``diffuse``: all margins of the scope move a little; ``checks``: some outcomes always fail,
    each check's own; ``cases``: some cases always fail, all checks of the scope together."""


NO_LOSS = Drop()


@dataclass(frozen=True, slots=True)
class Draw:
    """Outcomes of both models, in [0, 1]; axes: run, cohort, case, check."""

    baseline: Array
    candidate: Array
    differences: Array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "differences", self.baseline - self.candidate)


def draw(
    world: World,
    rng: np.random.Generator,
    *,
    runs: int,
    cases: int,
    drop: Drop = NO_LOSS,
    repeats: int = 1,
) -> Draw:
    """Ask both models; with several repeats an outcome is the mean over a case's runs."""
    shape = (runs, world.cohorts, cases, len(world.rates))
    margins = _margins(world, rng, shape)
    setting = [_setting(world, rate) for rate in world.rates]
    threshold, noise, keep, churn = (
        np.array(row, np.float32) for row in zip(*setting, strict=True)
    )
    moved = keep * margins + churn * _normal(rng, shape) if churn.any() else margins
    shift, broken = _damage(world, drop, shape)
    moved = moved - shift
    baseline, candidate = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    luck = rng.random(shape[:3] if drop.kind == "cases" else shape, np.float32)
    always_fails = luck.reshape(*shape[:3], -1) < broken
    flips = _flips(world, rng, shape)
    for _ in range(repeats):
        baseline += margins + noise * _answer_noise(world, rng, shape) > threshold
        holds = moved + noise * _answer_noise(world, rng, shape) > threshold
        candidate += flips(holds) & ~always_fails
    if repeats == 1:
        return Draw(baseline, candidate)
    times = np.float64(repeats)  # a third in single precision would not add up
    return Draw(baseline / times, candidate / times)


def expected_differing(world: World, drop: float = 0.0) -> float:
    """Return the share of outcomes that differ, averaged over the checks, for a diffuse drop."""
    return sum(_differing_of(world, rate, drop) for rate in world.rates) / len(world.rates)


# --- margins and noise ----------------------------------------------------------------------


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape, np.float32)


def _margins(world: World, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    shared = _answer_noise(world, rng, shape)
    if world.tails == "normal":
        return shared
    squares = sum(_normal(rng, (*shape[:3], 1)) ** 2 for _ in range(4))
    return shared / np.sqrt(squares / 4)


def _answer_noise(world: World, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Standard normal numbers; those of one case are correlated: its checks read one answer."""
    own, common = math.sqrt(1 - world.correlation), math.sqrt(world.correlation)
    numbers = _normal(rng, shape)
    numbers *= np.float32(own)
    numbers += np.float32(common) * _normal(rng, (*shape[:3], 1))
    return numbers


def _flips(
    world: World, rng: np.random.Generator, shape: tuple[int, ...]
) -> Callable[[NDArray[np.bool_]], NDArray[np.bool_]]:
    if world.churn_by == "margins" or not world.churn:
        return lambda holds: holds
    lost, gained = zip(*(_flip_rates(world, rate) for rate in world.rates), strict=True)
    luck = rng.random(shape, np.float32)
    lost, gained = luck < np.array(lost, np.float32), luck < np.array(gained, np.float32)
    return lambda holds: np.where(holds, ~lost, gained)


def _damage(world: World, drop: Drop, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the shift of the margins and the share of broken cases, per cohort and check."""
    size = np.zeros((shape[1], 1, shape[3]), np.float32)
    shift = np.zeros_like(size)
    cohorts = slice(None) if drop.scope == "everywhere" else slice(0, 1)
    checks = slice(0, 1) if drop.scope == "cell" else slice(None)
    for check, rate in list(enumerate(world.rates))[checks] if drop.size else ():
        if drop.kind != "diffuse":
            size[cohorts, 0, check] = drop.size / rate
        else:
            shift[cohorts, 0, check] = _shift(world, rate, drop.size)
    return shift, size


# --- setting the rates ------------------------------------------------------------------------


@cache
def _setting(world: World, rate: float) -> tuple[float, float, float, float]:
    """Return threshold, noise, and what a candidate keeps of and adds to a margin.

    Found by bisection: the wanted shares of differing outcomes, with the rate held.
    """
    grid = _grid(world.tails)

    def threshold(noise: float) -> float:
        return _bisect(lambda t: rate - _phi((grid - t) / noise).mean(), -20, 20)

    def differing(noise: float) -> float:
        holds = _phi((grid - threshold(noise)) / noise)
        return float((2 * holds * (1 - holds)).mean())

    noise = _bisect(lambda s: differing(s) - world.noise, 1e-3, 10)
    found = threshold(noise)
    if world.churn_by == "flips" or not world.churn:
        return found, noise, 1.0, 0.0
    baseline = _phi((grid - found) / noise)

    def excess(angle: float) -> float:
        spread = math.hypot(noise, math.sin(angle))
        candidate = _phi((math.cos(angle) * grid - found) / spread)
        return _differ(baseline, candidate) - world.noise - world.churn

    angle = _bisect(excess, 0.0, math.pi / 2)
    return found, noise, math.cos(angle), math.sin(angle)


@cache
def _shift(world: World, rate: float, size: float) -> float:
    """Return how far the candidate's margins move, so that its rate is lower by the drop."""
    threshold, noise, keep, churn = _setting(world, rate)
    if world.churn_by == "flips":
        size /= 1 - sum(_flip_rates(world, rate))  # what flips leave of a drop
    grid, spread = keep * _grid(world.tails) - threshold, math.hypot(noise, churn)
    return _bisect(lambda s: rate - size - _phi((grid - s) / spread).mean(), 0, 20)


def _differing_of(world: World, rate: float, drop: float) -> float:
    threshold, noise, keep, churn = _setting(world, rate)
    grid, shift = _grid(world.tails), _shift(world, rate, drop) if drop else 0.0
    candidate = _phi((keep * grid - shift - threshold) / math.hypot(noise, churn))
    lost, gained = _flip_rates(world, rate)
    candidate = candidate * (1 - lost) + (1 - candidate) * gained
    return _differ(_phi((grid - threshold) / noise), candidate)


def _flip_rates(world: World, rate: float) -> tuple[float, float]:
    """Return the chances that a good and a bad outcome change: equally many in all."""
    half = world.churn / 2 if world.churn_by == "flips" else 0.0
    return half / rate, half / (1 - rate)


def _differ(baseline: NDArray[np.float64], candidate: NDArray[np.float64]) -> float:
    return float((baseline * (1 - candidate) + candidate * (1 - baseline)).mean())


@cache
def _grid(tails: str) -> NDArray[np.float64]:
    """Return equally probable margins."""
    shares = (np.arange(_GRID) + 0.5) / _GRID
    if tails == "normal":
        return np.interp(shares, _PHI, _POINTS)
    points = np.sinh(_POINTS)
    scaled = points / np.sqrt(1 + points**2 / 4)
    return np.interp(shares, 0.5 + 3 / 8 * scaled * (1 - scaled**2 / 12), points)


def _phi(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal distribution function: numpy alone has none."""
    return np.interp(values, _POINTS, _PHI)


_POINTS = np.linspace(-9, 9, 18_001)
_PHI = np.array([math.erfc(-point / math.sqrt(2)) / 2 for point in _POINTS.tolist()])


def _bisect(rises: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(34):
        middle = (low + high) / 2
        low, high = (low, middle) if rises(middle) > 0 else (middle, high)
    return (low + high) / 2
