"""False alarms of whole runs, and the requests it takes to catch a loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rules import PEERS, Counts, count, fails_at, first_fail
from scenarios import (
    BEYOND,
    BUDGETS,
    CHURNS,
    DENSE_LOOKS,
    FIXED_SIZES,
    GATE_LOOKS,
    LOOKS,
    LOSSES,
    NOISES,
    Size,
    usual,
)
from world import NO_LOSS, Draw, Drop, World, draw

OURS = "quantguard"
_BATCH = 20  # runs drawn at once: bounds the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """Null runs with any FAIL, in one setting."""

    noise: float
    churn: float
    budget: float
    runs: int
    at_look: dict[str, NDArray[np.int64]]
    """Per rule, one number per look."""
    at_any: int
    """Runs in which ours said FAIL at one of the looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """How ours catches one loss when it looks again and again."""

    loss: Drop
    runs: int
    requests: NDArray[np.int64]
    """Asked of the candidate until FAIL, per run; all there are where it never came."""
    by_500: float
    """Share of runs that had FAILed by 500 cases per cohort."""
    by_1000: float
    at_ten_looks: float
    """Mean requests if there are only the ten looks."""
    in_the_gate: float
    """Mean requests of a run on 500 cases per cohort with the gate's own looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What rules with one look reach at each planned size; per rule, one share per size."""

    alarms: dict[str, NDArray[np.float64]]
    power: dict[Drop, dict[str, NDArray[np.float64]]]

    def needed(self, rule: str, loss: Drop) -> int | None:
        """Return the fewest cases per cohort with power >= 80 % and false alarms <= 1 %."""
        good = (self.alarms[rule] <= 0.01) & (self.power[loss][rule] >= 0.8)
        return FIXED_SIZES[int(good.argmax())] if good.any() else None


def false_alarms(world: World, size: Size, rng: np.random.Generator) -> list[Alarms]:
    """Count false alarms of every rule at every look, for every noise, churn and budget."""
    found = []
    for noise in NOISES:
        for churn in CHURNS:
            setting = replace(world, noise=noise, churn=churn)
            found += _alarms(setting, size.alarms, rng)
    return found


def beyond(world: World, size: Size, rng: np.random.Generator) -> list[Alarms]:
    """Count them where more churns than the goals speak of; flips cannot churn that much."""
    found = []
    for noise, churn in BEYOND if world.churn_by == "margins" else ():
        found += _alarms(replace(world, noise=noise, churn=churn), size.alarms // 4, rng)
    return found


def _alarms(world: World, runs: int, rng: np.random.Generator) -> list[Alarms]:
    at_look = {
        (rule, b): np.zeros(len(LOOKS), np.int64) for rule in (OURS, *PEERS) for b in BUDGETS
    }
    at_any = dict.fromkeys(BUDGETS, 0)
    for drawn in _draws(world, rng, runs=runs, cases=LOOKS[-1]):
        counts = count(drawn, LOOKS)
        for budget in BUDGETS:
            ours = fails_at(drawn, LOOKS, budget)
            at_look[OURS, budget] += ours.sum(axis=0)
            at_any[budget] += int(ours.any(axis=1).sum())
            for rule in PEERS:
                at_look[rule, budget] += _any_fail(rule, counts, budget).sum(axis=0)
    return [
        Alarms(
            noise=world.noise,
            churn=world.churn,
            budget=budget,
            runs=runs,
            at_look={rule: at_look[rule, budget] for rule in (OURS, *PEERS)},
            at_any=at_any[budget],
        )
        for budget in BUDGETS
    ]


def caught(world: World, loss: Drop, size: Size, rng: np.random.Generator) -> Caught:
    """Let ours look after every few cases until it says FAIL, at most 1,000 cases per cohort."""
    firsts: list[int | None] = []
    coarse: list[int | None] = []
    gate: list[int | None] = []
    world, budget = usual(world), loss.size / 2
    for drawn in _draws(world, rng, runs=size.losses, cases=LOOKS[-1], drop=loss):
        firsts += first_fail(drawn, DENSE_LOOKS, budget)
        coarse += first_fail(drawn, LOOKS, budget)
        gate += first_fail(drawn, GATE_LOOKS, budget)
    return Caught(
        loss=loss,
        runs=size.losses,
        requests=world.cohorts * np.array([n or LOOKS[-1] for n in firsts]),
        by_500=sum(n is not None and n <= 500 for n in firsts) / size.losses,
        by_1000=sum(n is not None for n in firsts) / size.losses,
        at_ten_looks=world.cohorts * float(np.mean([n or LOOKS[-1] for n in coarse])),
        in_the_gate=world.cohorts * float(np.mean([n or GATE_LOOKS[-1] for n in gate])),
    )


def fixed(world: World, size: Size, rng: np.random.Generator) -> Fixed:
    """Let the other rules plan their number of cases: alarms and power at each size."""
    world = usual(world)
    losses = [loss for loss in LOSSES if loss.size == 0.05 and loss.kind == "diffuse"]
    return Fixed(
        alarms=_shares(world, NO_LOSS, size.losses, rng),
        power={loss: _shares(world, loss, size.losses, rng) for loss in losses},
    )


def _shares(
    world: World, loss: Drop, runs: int, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    hits = {rule: np.zeros(len(FIXED_SIZES)) for rule in PEERS}
    for drawn in _draws(world, rng, runs=runs, cases=FIXED_SIZES[-1], drop=loss):
        counts = count(drawn, FIXED_SIZES)
        for rule in PEERS:
            hits[rule] += _any_fail(rule, counts, 0.025).sum(axis=0)
    return {rule: number / runs for rule, number in hits.items()}


def _any_fail(rule: str, counts: Counts, budget: float) -> NDArray[np.bool_]:
    return PEERS[rule](counts, budget).any(axis=(2, 3))


def _draws(
    world: World, rng: np.random.Generator, *, runs: int, cases: int, drop: Drop = NO_LOSS
) -> Iterator[Draw]:
    for start in range(0, runs, _BATCH):
        yield draw(world, rng, runs=min(_BATCH, runs - start), cases=cases, drop=drop)
