"""Made-up traffic for the judge alone: steps drawn from a small stock, so that drawing is cheap."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pytest_quantguard.canary.records import Step
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Outcome, Source

COHORTS = ("chat", "mail", "search", "tools")
CHECKS = ("json", "length")
_HELD, _BROKE = Outcome.of([]), Outcome.of(["not JSON"])
_SOURCE = Source(file="mirror.jsonl", line=1)
_STOCK = 32
"""Measurements of each kind of pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the candidate does to each outcome."""

    told: str
    lost: float
    """Share of outcomes that hold in the baseline alone, in [0, 1]."""
    gained: float
    """Share that hold in the candidate alone."""
    where: str = ""
    """The one cohort in which it is so; everywhere else an equal share, as large as ``gained``,
    is lost and gained. Empty = everywhere."""
    only_suite: bool = False
    """Whether only the budget over all is asked."""
    endless: bool = False
    """Whether the budgets are so small that nothing passes: all of the stream is looked at."""


WORLDS = {
    "equal": World(told="1 % of outcomes differ either way", lost=0.005, gained=0.005),
    "restless": World(told="6 % differ either way, no loss", lost=0.03, gained=0.03),
    "endless": World(
        told="the same, budgets of 0.01 points: no PASS ends the looking",
        lost=0.03,
        gained=0.03,
        endless=True,
    ),
    "edge": World(
        told="a loss of 2 points, as large as the budget over all",
        lost=0.03,
        gained=0.01,
        only_suite=True,
    ),
    "half": World(told="a loss of half the budget over all", lost=0.02, gained=0.01),
    "most": World(told="a loss of three quarters of the budget over all", lost=0.025, gained=0.01),
    "slight": World(told="3 points lost everywhere", lost=0.04, gained=0.01),
    "large": World(told="10 points lost everywhere", lost=0.11, gained=0.01),
    "one cohort": World(told="10 points lost in one of four", lost=0.11, gained=0.01, where="mail"),
}


@lru_cache(maxsize=4096)
def _step(cohort: str, kinds: tuple[int, ...], stock: int) -> Step:
    arms = {0: (_HELD, _HELD), 1: (_HELD, _BROKE), -1: (_BROKE, _HELD)}
    outcomes = tuple(
        PairedOutcome(
            case="r", cohort=cohort, check=check, baseline=arms[kind][0], candidate=arms[kind][1]
        )
        for check, kind in zip(CHECKS, kinds, strict=True)
    )
    measured = _measurement(cohort, stock) if stock >= 0 else None
    return Step(cohort=cohort, outcomes=outcomes, measurement=measured, source=_SOURCE)


def _measurement(cohort: str, stock: int) -> PairedMeasurement:
    draw = random.Random(stock)

    def arm() -> Measurement:
        seconds = draw.lognormvariate(0, 0.4)
        return Measurement(
            live=True,
            latency_s=seconds,
            ttft_s=seconds / 10,
            prompt_tokens=50.0,
            completion_tokens=float(draw.randint(20, 200)),
            characters=500.0,
            cost=0.001,
        )

    return PairedMeasurement(
        variant="awq-int4", case="r", cohort=cohort, baseline=arm(), candidate=arm()
    )


def steps_of(world: World, seed: int, count: int, *, measured: bool = False) -> Iterator[Step]:
    """Yield that many pairs; the same for the same seed."""
    draw = random.Random(seed).random
    for _ in range(count):
        cohort = COHORTS[int(draw() * len(COHORTS))]
        lost = world.gained if world.where not in ("", cohort) else world.lost
        found = tuple(
            1 if at < lost else -1 if at < lost + world.gained else 0 for at in (draw(), draw())
        )
        yield _step(cohort, found, int(draw() * _STOCK) if measured else -1)
